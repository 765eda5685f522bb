// The last lines of a run: every failure with its log's tail, early cutoff, and what was done in one sentence.

import type {RunEvent} from '../run/event.ts';
import {renderFailure} from './failure.ts';
import {formatDuration, plural} from './format.ts';
import type {Palette} from './palette.ts';
import type {RunState} from './run-state.ts';

/** More failures than this are named without their logs. */
const FAILURES_SHOWN = 5;
const STAGES_NAMED = 3;

export function renderSummary(
  state: RunState,
  finished: Extract<RunEvent, {type: 'run-finished'}>,
  palette: Palette,
): string[] {
  return [
    ...failureLines(state, palette),
    ...cutoffLines(state, palette),
    verdictLine(state, finished, palette),
  ];
}

function failureLines(state: RunState, palette: Palette): string[] {
  const shown = state.failed.slice(0, FAILURES_SHOWN);
  const lines = shown.flatMap(failed => ['', ...renderFailure(failed, state.tookMs.get(failed.id), palette)]);
  const rest = state.failed.slice(FAILURES_SHOWN);
  if (rest.length > 0) {
    lines.push(
      '',
      `${palette.failed('✗')} ${plural(rest.length, 'more failure')}: ${rest.map(({id}) => id).join(', ')}`,
    );
  }
  return lines.length === 0 ? [] : [...lines, ''];
}

/** Early cutoff must never surprise: what ran to equal bytes, and how much stayed cached because of it. */
function cutoffLines(state: RunState, palette: Palette): string[] {
  if (state.unchanged.length === 0) return [];
  const kept = state.cachedBelow(state.unchanged);
  if (kept === 0) return [];
  const stages = [...new Set(state.unchanged.map(id => state.instance(id)?.stage ?? id))];
  const named = stages.slice(0, STAGES_NAMED).join(', ') + (stages.length > STAGES_NAMED ? ', …' : '');
  return [
    `${palette.cached('=')} unchanged output of ${named} → ${kept} downstream ${kept === 1 ? 'stays' : 'stay'} cached`,
  ];
}

function verdictLine(
  state: RunState,
  {counts, durationMs}: Extract<RunEvent, {type: 'run-finished'}>,
  palette: Palette,
): string {
  const took = palette.dim(`in ${formatDuration(durationMs)}`);
  const parts = [
    counts.failed > 0 ? palette.failed(`${counts.failed} failed`) : '',
    counts.skipped > 0 ? palette.warning(`${counts.skipped} skipped`) : '',
    counts.cancelled > 0 ? palette.warning(`${counts.cancelled} cancelled`) : '',
    counts.executed > 0 ? palette.done(`${counts.executed} executed`) : '',
    counts.cached > 0 ? palette.cached(`${counts.cached} cached`) : '',
  ].filter(part => part !== '');
  const tally = parts.join(', ');
  if (state.stopping !== 'no') {
    return `${palette.warning('■')} ${palette.strong('stopped')}: ${tally} ${took}; run it again to go on`;
  }
  // What was skipped although nothing failed lacks something that was not selected: no success either.
  if (counts.failed + counts.skipped > 0) return `${palette.failed('✗')} ${tally} ${took}`;
  if (counts.executed === 0 && counts.cancelled === 0) {
    return `${palette.done('✓')} nothing to do: ${palette.cached(`${counts.cached} cached`)} ${took}`;
  }
  return `${palette.done('✓')} ${tally} ${took}`;
}
