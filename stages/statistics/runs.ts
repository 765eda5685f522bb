// The gathered runs of a study: each with its cell, its metrics and what identifies its weights.

import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';
import {type Cell, type Scalar, StageError, type StageInput, z} from '../../src/stage/define.ts';

export interface Run {
  readonly cell: Cell;
  readonly metrics: Readonly<Record<string, number>>;
  readonly diverged: boolean;
  /** SHA-256 of the weights file; `null` where the run has none. */
  readonly weights: string | null;
  /** Path of the saved predictions; `null` where the run has none. */
  readonly predictions: string | null;
  /** What it was trained on, as its `summary` says; `null` where it does not. */
  readonly dataset: {readonly name: string; readonly is_subset: boolean} | null;
  /** The parameters that it had in the end, as its `summary` says; chosen ones included. */
  readonly settings: Readonly<Record<string, Scalar>>;
}

/** The part of a run's own summary that is read here. */
const runSummarySchema = z.object({
  dataset: z.object({name: z.string(), is_subset: z.boolean()}).nullable().default(null),
  parameters: z.record(z.string(), z.unknown()).default({}),
});

export async function readRuns(inputs: readonly StageInput[], signal: AbortSignal): Promise<readonly Run[]> {
  const runs: Run[] = [];
  for (const {cell, metrics, files} of inputs) {
    runs.push({
      ...(await readRunSummary(files.summary)),
      cell,
      metrics,
      diverged: metrics.diverged === 1,
      weights: files.weights === undefined ? null : await digestOf(files.weights, signal),
      predictions: files.predictions ?? null,
    });
  }
  return runs;
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, {signal});
  return hash.digest('hex');
}

async function readRunSummary(path: string | undefined): Promise<Pick<Run, 'dataset' | 'settings'>> {
  if (path === undefined) return {dataset: null, settings: {}};
  const parsed = runSummarySchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!parsed.success) return {dataset: null, settings: {}};
  const {dataset, parameters} = parsed.data;
  const settings: Record<string, Scalar> = {};
  for (const [name, value] of Object.entries(parameters)) if (isScalar(value)) settings[name] = value;
  return {dataset, settings};
}

const isScalar = (value: unknown): value is Scalar =>
  value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** The cell without some axes. */
export const without = (cell: Cell, axes: readonly string[]): Cell =>
  Object.fromEntries(Object.entries(cell).filter(([axis]) => !axes.includes(axis)));

/** Equal cells have equal keys; for grouping, never shown. */
export const cellKey = (cell: Cell): string =>
  JSON.stringify(Object.entries(cell).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

/** `optimizer=sam, seed=1`. */
export const cellText = (cell: Cell): string =>
  Object.entries(cell)
    .map(([axis, value]) => `${axis}=${String(value)}`)
    .join(', ') || 'all runs';

/** Groups in the order in which they first occur. */
export function groupBy<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** @throws StageError when no run has the metric, with the names that there are. */
export function checkMetric(runs: readonly Run[], metric: string): void {
  if (runs.some(run => run.metrics[metric] !== undefined)) return;
  const names = [...new Set(runs.flatMap(run => Object.keys(run.metrics)))].sort();
  const diverged = runs.filter(run => run.diverged).length;
  throw new StageError(
    diverged === runs.length && runs.length > 0
      ? `all ${runs.length} runs diverged, so none has the metric ${metric}`
      : `expected a metric of the runs, got ${metric}; they have ${names.join(', ') || 'none'}`,
    diverged === runs.length ? 'Try smaller learning rates.' : undefined,
  );
}

/** @throws StageError when an axis is asked for that no run has. */
export function checkAxis(runs: readonly Run[], axis: string, what: string): void {
  if (runs.some(run => Object.hasOwn(run.cell, axis))) return;
  const axes = [...new Set(runs.flatMap(run => Object.keys(run.cell)))];
  throw new StageError(
    `${what}: expected an axis of the runs (${axes.join(', ') || 'they have none'}), got ${axis}`,
  );
}

export const axisValue = (cell: Cell, axis: string): Scalar => cell[axis] ?? null;
