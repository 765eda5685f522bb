// How a result was made, as rows of names and values: when, in which run and state of the sources, where, on what, and
// what it took.

import type {ActionResult, Usage} from '../../action/action.ts';
import {printable} from '../../core/printable.ts';
import {formatBytes, formatDuration, formatTime, plural} from '../../report/format.ts';
import {continuedText, gitText, usageText} from '../../report/occasion.ts';
import type {Column} from '../../report/table.ts';
import type {Painted} from './pairs.ts';

export function madeRows({made}: ActionResult, fingerprint: string): Painted[] {
  const where = [made.host, made.platform, made.device, plural(made.cpus, 'cpu')].filter(part => part !== '');
  const took = [formatDuration(made.durationMs), ...usageText(made)];
  return [
    ['in', `run ${made.run}, ${formatTime(made.startedAt)}`],
    ['took', took.join(', ')],
    ...(made.continued === null ? [] : [['after', continuedText(made.continued)] as const]),
    ...(made.git === null ? [] : [['from', gitText(made.git)] as const]),
    ['on', printable(where.join(', '))],
    ['by', `executor ${printable(made.executor)}`],
    ...(made.executor !== 'local' || made.queuedMs >= 1000
      ? [['waited', formatDuration(made.queuedMs)] as const]
      : []),
    ['key', fingerprint],
  ];
}

/** What instances took, as columns of a list of them. */
export const USAGE_COLUMNS: readonly Column[] = [
  {header: 'CPU', align: 'right'},
  {header: 'memory', align: 'right'},
];

export const usageCells = (made: Usage | undefined): readonly string[] => [
  made === undefined || made.cpuMs === null ? '' : formatDuration(made.cpuMs),
  made === undefined || made.peakBytes === null ? '' : formatBytes(made.peakBytes),
];

/** Of which sources results are, one line per state of them, in the order of their making. */
export function sourceLines(results: readonly ActionResult[]): string[] {
  const counts = new Map<string, number>();
  for (const {made} of [...results].sort((a, b) => a.made.startedAt - b.made.startedAt)) {
    const text = made.git === null ? null : gitText(made.git);
    if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, count]) => `${plural(count, 'instance')} from ${text}`);
}
