// `pipe diff`: parameters and metrics of two runs side by side, what changed first; or the last run beside the plan.

import {describeChange} from '../../action/explain.ts';
import {canonicalJson, type Json} from '../../core/json.ts';
import {printable} from '../../core/printable.ts';
import {formatNumber, formatValue, plural} from '../../report/format.ts';
import {type Palette, paletteOf} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import type {Ledger} from '../../store/ledger/ledger.ts';
import type {RunRecord} from '../../store/ledger/run-record.ts';
import {diffCode, diffCodeWithPlan} from '../code-diff.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {openPipeline} from '../pipeline.ts';
import {diffPlan, planDiffLines} from '../plan-diff.ts';
import {findProject} from '../project.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';
import {openWorkspace} from '../workspace.ts';
import {didSomething} from './runs.ts';

export async function diff(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  if (options.plan) return diffWithPlan(shell, args, options);
  if (options.set !== undefined || options.profile !== undefined)
    refuse(
      'only-with-plan',
      'expected --set and --profile only beside --plan: recorded runs have their parameters',
    );
  const workspace = await openWorkspace(shell, findProject(outside.cwd));
  const {ledger} = workspace;
  const [before, after] = chooseRuns(ledger, args);
  if (options.code) {
    const palette = paletteOf(outside.stdout.colors);
    print(outside, await diffCode(workspace, before, after, palette));
    await workspace.results.close();
    return EXIT.ok;
  }
  const params = compare(flatten(before.header.params), flatten(after.header.params));
  const metrics = compare(metricsOf(ledger, before), metricsOf(ledger, after));
  if (options.json) {
    printJson(outside, {
      before: before.header.run,
      after: after.header.run,
      params: both(params),
      metrics: both(metrics),
    });
    return EXIT.ok;
  }
  const palette = paletteOf(outside.stdout.colors);
  const sides = [before.header.run, after.header.run] as const;
  const all = options.all === true;
  print(outside, [
    ...section('parameter', params, sides, all, palette),
    '',
    ...section('metric', metrics, sides, all, palette),
  ]);
  return EXIT.ok;
}

/** The last run of a pipeline beside what would run now. */
async function diffWithPlan(shell: Shell, args: readonly string[], options: Options): Promise<ExitCode> {
  const {outside} = shell;
  const pipeline = await openPipeline(shell, args, options);
  const {workspace, plan} = pipeline;
  const before = [...workspace.ledger.runs()].find(({header}) => header.pipeline === plan.pipeline);
  if (before === undefined)
    refuse('no-run', `expected a run of ${plan.pipeline} to compare with, but there is none`);
  const found = await diffPlan(shell, pipeline, options, before);
  const palette = paletteOf(outside.stdout.colors);
  if (options.code) {
    print(outside, await diffCodeWithPlan(workspace, before, found.known, palette));
    await workspace.results.close();
    return EXIT.ok;
  }
  const params = compare(flatten(before.header.params), flatten(plan.params));
  if (options.json) {
    const instances = [...found.instances].map(([id, change]): [string, Json] => [
      id,
      change.is === 'changed'
        ? {is: change.is, isKnown: change.isKnown, changes: change.changes.map(describeChange)}
        : change.is === 'below'
          ? {is: change.is, on: [...change.on]}
          : {is: change.is},
    ]);
    printJson(outside, {
      before: before.header.run,
      params: both(params),
      instances: Object.fromEntries(instances),
      removed: [...found.removed],
    });
    return EXIT.ok;
  }
  const sides = [before.header.run, 'now'] as const;
  print(outside, [
    ...section('parameter', params, sides, options.all === true, palette),
    '',
    ...planDiffLines(found, palette),
  ]);
  return EXIT.ok;
}

const both = (rows: readonly Row[]): Json =>
  rows.map(({name, before, after}) => ({name, before: before ?? null, after: after ?? null}));

/** Those that are named; else the last two of one pipeline that did something. */
function chooseRuns(ledger: Ledger, [first, second]: readonly string[]): [RunRecord, RunRecord] {
  if (first !== undefined && second !== undefined) return [findRun(ledger, first), findRun(ledger, second)];
  const named = first === undefined ? undefined : findRun(ledger, first);
  let newest: RunRecord | undefined;
  for (const record of ledger.runs()) {
    if (!didSomething(record) || record.header.run === named?.header.run) continue;
    if (named !== undefined && record.header.pipeline === named.header.pipeline) return [named, record];
    if (named !== undefined) continue;
    if (newest === undefined) newest = record;
    else if (record.header.pipeline === newest.header.pipeline) return [record, newest];
  }
  const pipeline = (named ?? newest)?.header.pipeline;
  return refuse(
    'no-run',
    pipeline === undefined
      ? 'expected two runs to compare, but there is none that made anything'
      : `expected two runs of ${pipeline} to compare, but there is one that made anything`,
  );
}

function findRun(ledger: Ledger, prefix: string): RunRecord {
  const ids = ledger.runIds().filter(id => id.startsWith(prefix));
  const [id] = ids;
  const record = id === undefined || ids.length > 1 ? undefined : ledger.run(id);
  if (record !== undefined) return record;
  const what = ids.length > 1 ? `several runs begin with '${prefix}'` : `there is no run '${prefix}'`;
  return refuse('unknown-run', what, '`pipe runs` lists them');
}

interface Row {
  readonly name: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
  readonly isChanged: boolean;
}

function compare(before: ReadonlyMap<string, Json>, after: ReadonlyMap<string, Json>): Row[] {
  const rows = [...new Set([...before.keys(), ...after.keys()])].map((name): Row => {
    const [a, b] = [before.get(name), after.get(name)];
    const isChanged = a === undefined || b === undefined || canonicalJson(a) !== canonicalJson(b);
    return {name, before: a, after: b, isChanged};
  });
  return [...rows.filter(({isChanged}) => isChanged), ...rows.filter(({isChanged}) => !isChanged)];
}

/** `{a: {b: 1}}` → `a.b`: as `--set` names them. */
function flatten(
  value: Json,
  path: readonly string[] = [],
  into = new Map<string, Json>(),
): Map<string, Json> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, [...path, key], into);
  } else into.set(path.join('.'), value);
  return into;
}

function metricsOf(ledger: Ledger, record: RunRecord): Map<string, Json> {
  const metrics = new Map<string, Json>();
  for (const id of record.instances.keys()) {
    const outcome = ledger.outcomeOf(record, id);
    if (outcome?.status !== 'executed' && outcome?.status !== 'cached') continue;
    for (const [name, value] of Object.entries(outcome.result.metrics)) metrics.set(`${id} ${name}`, value);
  }
  return metrics;
}

function section(
  noun: string,
  rows: readonly Row[],
  [before, after]: readonly [string, string],
  all: boolean,
  palette: Palette,
): string[] {
  const changed = rows.filter(({isChanged}) => isChanged);
  const shown = all ? rows : changed;
  const equal = rows.length - changed.length;
  const rest =
    all || equal === 0
      ? []
      : [palette.dim(`${plural(equal, noun)} equal${changed.length > 0 ? '' : ', none different'}`)];
  if (shown.length === 0) return rest.length > 0 ? rest : [palette.dim(`no ${noun}s`)];
  const columns: Column[] = [
    {header: noun, align: 'left'},
    {header: before, align: 'number'},
    {header: after, align: 'number'},
    {header: noun === 'metric' ? 'change' : '', align: 'number'},
  ];
  const cells = shown.map(({name, before, after, isChanged}) => [
    isChanged ? palette.name(printable(name)) : palette.dim(printable(name)),
    shownValue(before, palette),
    isChanged ? palette.warning(shownValue(after, palette)) : shownValue(after, palette),
    typeof before === 'number' && typeof after === 'number' && isChanged ? signed(after - before) : '',
  ]);
  return [...renderTable(columns, cells, palette.dim), ...rest];
}

const shownValue = (value: Json | undefined, palette: Palette): string =>
  value === undefined
    ? palette.dim('—')
    : typeof value === 'number'
      ? formatNumber(value)
      : formatValue(value);

const signed = (value: number): string => `${value > 0 ? '+' : ''}${formatNumber(value)}`;
