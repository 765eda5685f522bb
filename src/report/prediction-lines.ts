// What a run would do, as lines: one per stage where its instances have one reason in common, one per instance where
// they have not.

import type {Prefix} from '../action/action.ts';
import {describePrefix, explainStaleness} from '../action/explain.ts';
import type {Staleness} from '../action/outcome.ts';
import type {InstanceId, Plan} from '../plan/plan.ts';
import type {Prediction} from '../run/request.ts';
import {describeFailure} from './failure.ts';
import {plural} from './format.ts';
import type {Palette} from './palette.ts';
import {type Column, renderTable} from './table.ts';

export type Predictions = ReadonlyMap<InstanceId, Prediction>;

/** Of instances of one stage with different reasons, so many are listed. */
const LISTED = 8;

const COLUMNS: readonly Column[] = [
  {header: '', align: 'left'},
  {header: '', align: 'left'},
  {header: '', align: 'left'},
];

/** `all`: list every instance, the cached ones too. */
export function predictionLines(
  plan: Plan,
  predictions: Predictions,
  palette: Palette,
  all: boolean,
): string[] {
  const rows: string[][] = [];
  const stages = new Map<string, InstanceId[]>();
  for (const {id, stage} of plan.instances) {
    if (!predictions.has(id)) continue;
    const ids = stages.get(stage);
    if (ids === undefined) stages.set(stage, [id]);
    else ids.push(id);
  }
  for (const [stage, ids] of stages) rows.push(...stageRows(stage, ids, predictions, palette, all));
  for (const {stage, from} of plan.pending) {
    rows.push([`${palette.running('?')} ${stage}`, 'open', palette.dim(`its cells come from ${from.id}`)]);
  }
  return [...renderTable(COLUMNS, rows), '', tally(predictions, plan.pending.length, palette)];
}

function stageRows(
  stage: string,
  ids: readonly InstanceId[],
  predictions: Predictions,
  palette: Palette,
  all: boolean,
): string[][] {
  const rows: string[][] = [];
  for (const kind of ['reuse', 'execute', 'follow', 'depend', 'fail'] as const) {
    const of = ids.filter(id => predictions.get(id)?.will === kind);
    if (of.length === 0) continue;
    const reasons = new Map(of.map(id => [id, reasonOf(predictions.get(id))]));
    const isShared = new Set(reasons.values()).size === 1;
    const [first] = of;
    if (isShared && !all) {
      const named = of.length === 1 && first !== undefined ? first : stage;
      const count = of.length === 1 ? WORDS[kind] : `${of.length} ${WORDS[kind]}`;
      rows.push(row(kind, named, count, reasons.get(of[0] ?? ('' as InstanceId)) ?? '', palette));
      continue;
    }
    const listed = all ? of : of.slice(0, LISTED);
    for (const id of listed) rows.push(row(kind, id, WORDS[kind], reasons.get(id) ?? '', palette));
    if (of.length > listed.length) {
      rows.push([`  ${palette.dim(`and ${of.length - listed.length} more of ${stage}`)}`]);
    }
  }
  return rows;
}

const WORDS = {
  reuse: 'cached',
  execute: 'runs',
  follow: 'will run',
  depend: 'may run',
  fail: 'cannot run',
} as const;
const MARKS = {reuse: '●', execute: '▸', follow: '▸', depend: '?', fail: '✗'} as const;

function row(
  kind: Prediction['will'],
  name: string,
  word: string,
  reason: string,
  palette: Palette,
): string[] {
  const paint = {
    reuse: palette.cached,
    execute: palette.running,
    follow: palette.running,
    depend: palette.warning,
    fail: palette.failed,
  }[kind];
  return [`${paint(MARKS[kind])} ${palette.name(name)}`, word, palette.dim(reason)];
}

/** Why an instance would run, or would not, as one line; empty for a result that is simply there. */
export function reasonOf(prediction: Prediction | undefined): string {
  switch (prediction?.will) {
    case 'execute':
      return withPrefix(explainStaleness(prediction.stale), prediction.prefix);
    case 'follow':
      return `after ${prediction.on} (${explainStaleness(prediction.stale)})`;
    case 'reuse':
      return prediction.frozen === undefined ? '' : frozenReason(prediction.frozen);
    case 'depend':
      return prediction.for === 'choice'
        ? `once ${prediction.on} has chosen its parameters`
        : `if ${prediction.on} gives other bytes`;
    case 'fail':
      return describeFailure(prediction.failure).split('\n', 1)[0] ?? '';
    case undefined:
      return '';
  }
}

/** A reason, and what of the work is there already. */
export const withPrefix = (why: string, prefix: Prefix | null): string =>
  prefix === null ? why : `${why}; ${describePrefix(prefix)}`;

const frozenReason = (stale: Staleness | null): string =>
  `frozen${stale === null ? '' : `, in spite of: ${explainStaleness(stale)}`}`;

/** `open`: stages whose cells are in a file that has to be read first. */
function tally(predictions: Predictions, open: number, palette: Palette): string {
  const counts = {reuse: 0, execute: 0, follow: 0, depend: 0, fail: 0};
  for (const {will} of predictions.values()) counts[will]++;
  const running = counts.execute + counts.follow;
  const parts = [
    counts.fail > 0 ? palette.failed(`${counts.fail} cannot run`) : '',
    running > 0 ? palette.strong(`${plural(running, 'instance')} would run`) : '',
    counts.depend > 0 ? `${counts.depend} may follow` : '',
    counts.reuse > 0 ? palette.cached(`${counts.reuse} cached`) : '',
    open > 0 ? `${plural(open, 'matrix', 'matrices')} to be read from a file` : '',
  ].filter(part => part !== '');
  return running + counts.depend + counts.fail + open === 0
    ? `${palette.done('✓')} nothing to do: ${palette.cached(`${counts.reuse} cached`)}`
    : parts.join(', ');
}
