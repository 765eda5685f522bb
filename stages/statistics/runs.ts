// The gathered runs of a study: each with its cell, its metrics and what identifies its weights.

import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';
import {type Cell, type Origin, type Scalar, StageError, type StageInput, z} from '../../src/stage/define.ts';

/** A metric that is a result and no number: recorded as it is, and never part of a mean. */
export type NotFinite = 'NaN' | 'Infinity' | '-Infinity';

export interface Run {
  readonly cell: Cell;
  /** Which result it is; `null` where nobody said. */
  readonly origin: Origin | null;
  /** For messages: the instance, or its cell where that is all that is known. */
  readonly name: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly notFinite: Readonly<Record<string, NotFinite>>;
  readonly diverged: boolean;
  /** SHA-256 of the weights file; `null` where the run has none. */
  readonly weights: string | null;
  /** Path of the saved predictions; `null` where the run has none. */
  readonly predictions: string | null;
  /** What it was trained on, as its `summary` says; `null` where it does not. */
  readonly dataset: {readonly name: string; readonly is_subset: boolean} | null;
  /** Images of the validation split; `null` where the run does not say. */
  readonly validationImages: number | null;
  /** Where it was computed, as its `summary` says: other vector extensions give other last bits. */
  readonly platform: string | null;
  /** The kind of device that did the work, as its `summary` says. */
  readonly device: string | null;
  /** What was trained in the end: SAM with radius 0 is its base optimizer. `null` where the run does not say. */
  readonly method: string | null;
  /** The parameters that it had in the end, as its `summary` says; chosen ones included. */
  readonly settings: Readonly<Record<string, Scalar>>;
  /** Parameters and data as text, lists and policies included: what two arms can differ in. */
  readonly traits: Readonly<Record<string, string>>;
}

/** The part of a run's own summary that is read here. */
const runSummarySchema = z.object({
  dataset: z
    .object({
      name: z.string(),
      is_subset: z.boolean(),
      provenance: z.record(z.string(), z.unknown()).default({}),
    })
    .nullable()
    .default(null),
  parameters: z.record(z.string(), z.unknown()).default({}),
  method: z.string().nullable().default(null),
  platform: z.string().nullable().default(null),
  device: z.string().nullable().default(null),
});
const countsSchema = z.object({counts: z.object({validation: z.number()})});

/** @throws StageError where two producers are one cell: pooled, one run would count as two. */
export async function readRuns(inputs: readonly StageInput[], signal: AbortSignal): Promise<readonly Run[]> {
  const runs: Run[] = [];
  const taken = new Map<string, string>();
  for (const input of inputs) {
    const {cell, metrics, files} = input;
    const origin = input.origin ?? null;
    const name = origin?.instance ?? input.path;
    const key = cellKey(cell);
    const other = taken.get(key);
    if (other !== undefined) {
      throw new StageError(
        `expected one run of each cell, got two of ${cellText(cell)}: ${other} and ${name}`,
        'Tell them apart by an axis, such as `matrix: {from: [a]}` on one of the stages, or gather one of them.',
      );
    }
    taken.set(key, name);
    runs.push({
      ...(await readRunSummary(files.summary)),
      ...sortMetrics(metrics),
      cell,
      origin,
      name,
      diverged: metrics.diverged === 1,
      weights: files.weights === undefined ? null : await digestOf(files.weights, signal),
      predictions: files.predictions ?? null,
    });
  }
  return runs;
}

function sortMetrics(given: Readonly<Record<string, unknown>>): Pick<Run, 'metrics' | 'notFinite'> {
  const metrics: Record<string, number> = {};
  const notFinite: Record<string, NotFinite> = {};
  for (const [name, value] of Object.entries(given)) {
    const number = Number(value);
    if (Number.isFinite(number)) metrics[name] = number;
    else notFinite[name] = number > 0 ? 'Infinity' : number < 0 ? '-Infinity' : 'NaN';
  }
  return {metrics, notFinite};
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, {signal});
  return hash.digest('hex');
}

type OfSummary = Pick<
  Run,
  'dataset' | 'validationImages' | 'platform' | 'device' | 'method' | 'settings' | 'traits'
>;

async function readRunSummary(path: string | undefined): Promise<OfSummary> {
  const nothing = {
    dataset: null,
    validationImages: null,
    platform: null,
    device: null,
    method: null,
    settings: {},
    traits: {},
  };
  if (path === undefined) return nothing;
  const parsed = runSummarySchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!parsed.success) return nothing;
  const {dataset, parameters, method, platform, device} = parsed.data;
  const settings: Record<string, Scalar> = {};
  const traits: Record<string, string> = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (isScalar(value)) settings[name] = value;
    traits[name] = isScalar(value) ? String(value) : JSON.stringify(value);
  }
  for (const [name, value] of Object.entries({...dataset?.provenance, ...dataset}))
    if (name !== 'provenance')
      traits[`data: ${name}`] = isScalar(value) ? String(value) : JSON.stringify(value);
  const counts = countsSchema.safeParse(dataset?.provenance);
  return {
    dataset: dataset === null ? null : {name: dataset.name, is_subset: dataset.is_subset},
    validationImages: counts.success ? counts.data.counts.validation : null,
    method,
    platform,
    device,
    settings,
    traits,
  };
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
  if (runs.some(run => run.metrics[metric] !== undefined || run.notFinite[metric] !== undefined)) return;
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

/** What runs say of themselves, each once and in order; runs that say nothing are left out. */
export const valuesInWords = (runs: readonly Run[], of: (run: Run) => string | null): readonly string[] =>
  [...new Set(runs.flatMap(run => of(run) ?? []))].sort();
