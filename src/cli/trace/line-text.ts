// What `pipe trace` says of a line: each number and what it is, the results that it comes from, what they share and in
// what they differ, and where to look further.

import type {Action} from '../../action/action.ts';
import {shortDigest} from '../../core/digest.ts';
import {canonicalJson, type Json} from '../../core/json.ts';
import {printable} from '../../core/printable.ts';
import {formatNumber, formatTime, formatValue} from '../../report/format.ts';
import type {Palette} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import type {TracedNumber} from '../../stage/trace.ts';
import {drawPairs, type Painted} from '../show/pairs.ts';
import type {Source} from './sources.ts';

export interface TracedLine {
  /** `results/quickstart/table.md:5`. */
  readonly place: string;
  readonly cells: readonly string[];
  readonly numbers: readonly {
    /** From 1. */
    readonly column: number;
    readonly shown: string;
    readonly number: TracedNumber;
  }[];
}

type Sources = ReadonlyMap<number, Source>;

export function drawLine({place, cells, numbers}: TracedLine, sources: Sources, palette: Palette): string[] {
  const lines = [
    `${palette.name(printable(place))}  ${printable(cells.filter(cell => cell !== '').join(' | '))}`,
  ];
  for (const group of groupsOf(numbers)) {
    const [first] = group;
    if (first === undefined) continue;
    const {of, against} = first.number;
    const rows = group.map(
      ({column, shown, number}): Painted => [
        `column ${column}`,
        `${palette.strong(printable(shown))}  ${palette.dim(`${number.statistic} of ${number.metric}`)}`,
      ],
    );
    lines.push(...drawPairs('numbers', rows, palette));
    const metrics = [...new Set(group.map(({number}) => number.metric))];
    lines.push(...drawSources('come from', of, metrics, sources, palette));
    if (against.length > 0) lines.push(...drawSources('against', against, metrics, sources, palette));
  }
  lines.push(...drawShared([...sources.values()], palette));
  return lines;
}

/** Numbers of the same results stand together. */
function groupsOf(numbers: TracedLine['numbers']): readonly TracedLine['numbers'][] {
  const groups = new Map<string, TracedLine['numbers'][number][]>();
  for (const each of numbers) {
    const key = canonicalJson([each.number.of, each.number.against]);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()];
}

function drawSources(
  title: string,
  places: readonly number[],
  metrics: readonly string[],
  sources: Sources,
  palette: Palette,
): string[] {
  const found = places.flatMap(place => sources.get(place) ?? []);
  const columns: Column[] = [
    {header: title, align: 'left'},
    ...metrics.map((header): Column => ({header, align: 'number'})),
    {header: 'key', align: 'left'},
    {header: '', align: 'left'},
  ];
  const rows = found.map(({instance, fingerprint, values, action}) => [
    `  ${printable(instance)}`,
    ...metrics.map(metric => (values[metric] === undefined ? '' : formatNumber(values[metric]))),
    shortDigest(fingerprint),
    action === undefined ? palette.warning('the store no longer has it') : '',
  ]);
  return ['', ...renderTable(columns, rows, palette.dim)];
}

/** What all of the results have in common, and one command for each that differs. */
function drawShared(sources: readonly Source[], palette: Palette): string[] {
  const known = sources.flatMap(({action}) => action ?? []);
  const lines = [
    ...drawPairs(
      'parameters',
      commonRows(
        known.map(({params}) => textsOf(params)),
        known.length,
      ),
      palette,
    ),
    ...drawPairs('data', commonRows(known.map(inputTexts), known.length), palette),
    ...drawPairs('code', commonRows(known.map(codeTexts), known.length), palette),
  ];
  const made = [
    ...new Set(
      sources
        .flatMap(({result}) => result?.made ?? [])
        .map(
          ({run, startedAt, host, device}) =>
            `run ${run}, ${formatTime(startedAt)}, on ${[host, device].filter(part => part !== '').join(', ')}`,
        ),
    ),
  ];
  lines.push(
    ...drawPairs(
      'made',
      made.slice(0, 4).map((text): Painted => ['in', printable(text)]),
      palette,
    ),
  );
  const deeper = sources
    .filter(({action}) => action !== undefined)
    .map(({fingerprint}) => `  pipe show ${fingerprint}`);
  if (deeper.length > 0) lines.push('', palette.strong('to look further'), ...deeper);
  return lines;
}

type Texts = ReadonlyMap<string, string>;

const textsOf = (values: Readonly<Record<string, Json>>): Texts =>
  new Map(Object.entries(values).map(([name, value]) => [name, formatValue(value)]));

const inputTexts = ({inputs, files}: Action): Texts =>
  new Map([
    ...Object.entries(inputs).flatMap(([name, input]) =>
      (input.kind === 'one' ? [input.content] : input.contents).flatMap(({outputs}) =>
        Object.entries(outputs).map(([output, {artifact}]): [string, string] => [
          `${name}.${output}`,
          artifact.digest,
        ]),
      ),
    ),
    ...Object.entries(files).map(([path, {digest}]): [string, string] => [path, digest]),
  ]);

const codeTexts = ({work}: Action): Texts =>
  work.kind === 'shell'
    ? new Map(Object.entries(work.code).map(([path, {digest}]) => [path, digest]))
    : new Map([['code', work.code], ...Object.entries(work.packages)]);

/** One row per name: its value where all agree, else how many values there are. */
function commonRows(all: readonly Texts[], count: number): Painted[] {
  const names = [...new Set(all.flatMap(texts => [...texts.keys()]))];
  return names.map((name): Painted => {
    const values = [...new Set(all.map(texts => texts.get(name) ?? '–'))];
    const [only = ''] = values;
    const shown =
      values.length === 1
        ? only
        : values.length <= 6
          ? values.join(' | ')
          : `${values.length} values in ${count} results`;
    return [name, printable(shown)];
  });
}

export const tracedJson = ({place, numbers}: TracedLine, sources: Sources): Json => ({
  place,
  numbers: numbers.map(({column, shown, number}) => ({
    column,
    shown,
    metric: number.metric,
    statistic: number.statistic,
    of: number.of.map(at => sources.get(at)?.fingerprint ?? null),
    against: number.against.map(at => sources.get(at)?.fingerprint ?? null),
  })),
  results: [...sources.values()].map(({instance, fingerprint, values, action, result}) => ({
    instance,
    fingerprint,
    values,
    params: action?.params ?? null,
    data: action === undefined ? null : Object.fromEntries(inputTexts(action)),
    code: action === undefined ? null : Object.fromEntries(codeTexts(action)),
    made: result === undefined ? null : {...result.made},
    isInStore: action !== undefined,
  })),
});
