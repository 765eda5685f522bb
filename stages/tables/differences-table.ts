// The differences of one metric: a row per comparison with the test that fits and the exact one beside it.

import {cellText} from '../statistics/runs.ts';
import type {Comparison, Row, Scalar, Summary} from '../statistics/summary.ts';
import {
  axesOf,
  axisText,
  intervalName,
  type MetricSummary,
  metricText,
  namedColumn,
  type TableOptions,
  unitOf,
  valueText,
} from './metric-text.ts';
import {decimalsFor, decimalsOfEnds, fixed, pText, signed, type Unit} from './number-text.ts';
import {withSources} from './source.ts';
import {type CellSource, type Column, cell, type SourceRun, type Table, type TableCell} from './table.ts';
import type {Words} from './words.ts';

/** One row per comparison, with the test that fits and the exact one beside it; `null` where there are none. */
export function differencesTable(summary: Summary, one: MetricSummary, options: TableOptions): Table | null {
  if (one.comparisons.length === 0 || summary.compare === null) return null;
  const {compare} = summary;
  const unit = unitOf(one);
  const axes = axesOf(one.comparisons).filter(axis => axis !== compare);
  const hasMany = one.comparisons.filter(({p}) => p !== null).length > 1;
  const hasMcNemar = one.comparisons.some(({mcnemar}) => mcnemar.length > 0);
  const {words} = options;
  const right = (id: string, text: string): Column => ({id, text, align: 'right'});
  const columns: Column[] = [
    ...axes.map(axis => namedColumn(axis, 'left', words)),
    namedColumn(compare, 'left', words),
    {id: 'against', text: 'against', align: 'left'},
    right('pairs', 'pairs'),
    right('difference', `difference${unit.suffix === '' ? '' : ' (points)'}`),
    right('interval', intervalName(summary)),
    right('p', 'p, t test'),
    ...(hasMany ? [right('p_holm', 'p, Holm')] : []),
    right('p_sign_flip', 'p, sign flip'),
    right('effect', 'effect'),
    ...(hasMcNemar ? [right('mcnemar', 'p, McNemar per seed')] : []),
  ];
  const cells = one.comparisons.map((each): TableCell[] => [
    ...axes.map(axis => cell(axisText(rowOf(one, each), axis, words))),
    cell(valueText(each.cell[compare], words)),
    cell(againstText(each, compare, words)),
    cell(each.kind === 'paired' ? String(each.differences.length) : 'unpaired'),
    cell(differenceText(each, unit), [
      ...each.notes,
      ...missingNotes(each, summary, unit),
      ...contrastNotes(each, summary, options),
    ]),
    cell(intervalText(each, unit)),
    cell(pText(each.p)),
    ...(hasMany ? [cell(pText(each.p_holm))] : []),
    cell(pText(each.sign_flip?.p ?? null)),
    cell(each.effect === null ? '–' : `${each.effect.name} ${fixed(each.effect.value, 2)}`),
    ...(hasMcNemar ? [cell(each.mcnemar.map(({p}) => pText(p)).join(', ') || '–')] : []),
  ]);
  const rows = cells.map((row, at) => withSources(columns, row, sourceOf(one, one.comparisons[at])));
  const hasPairs = one.comparisons.some(({kind}) => kind === 'paired');
  const isSampled = one.comparisons.some(({sign_flip}) => (sign_flip?.sampled ?? null) !== null);
  const effects = new Set(one.comparisons.flatMap(({effect}) => effect?.name ?? []));
  return {
    title: `${options.title}: differences in ${metricText(one.metric)}`,
    columns,
    rows,
    remarks: [
      ...directionRemarks(one),
      hasPairs
        ? `Paired by ${summary.over}: two-sided paired t test, and the ${isSampled ? 'sign-flip test, sampled' : 'exact sign-flip test'}.`
        : 'Two-sided Welch t test.',
      ...(hasMany
        ? [
            `Holm: adjusted for the ${one.comparisons.filter(({p}) => p !== null).length} comparisons of this table.`,
          ]
        : []),
      ...(effects.has('d_z')
        ? ['d_z: the mean difference over the SD of the differences, with the exact small-sample factor.']
        : []),
      ...(effects.has('g') ? ["g: Hedges' g, over the pooled SD, with the exact small-sample factor."] : []),
      ...(hasMcNemar
        ? [
            `McNemar: exact test on the test images that one of two networks gets right, for each ${summary.over}. It compares two networks, not two methods.`,
          ]
        : []),
    ],
  };
}

/** The runs that a comparison is of, and those that it is against. */
export function sourceOf(
  {metric, rows}: MetricSummary,
  compared: Pick<Comparison, 'cell' | 'baseline'> | undefined,
): Omit<CellSource, 'statistic'> {
  const runsOf = (wanted: Comparison['cell'] | undefined): readonly SourceRun[] =>
    wanted === undefined ? [] : rows.filter(({cell}) => holds(cell, wanted)).flatMap(({runs}) => runs);
  return {metric, of: runsOf(compared?.cell), against: runsOf(compared?.baseline)};
}

/** Rows of several data sets have axes more than what is said of all of them together. */
const holds = (cell: Row['cell'], wanted: Comparison['cell']): boolean =>
  Object.entries(wanted).every(([axis, value]) => cell[axis] === value);

/** The arm of a comparison. */
export const rowOf = ({rows}: MetricSummary, {cell: wanted}: Comparison): Pick<Row, 'cell' | 'settings'> =>
  rows.find(row => cellText(row.cell) === cellText(wanted)) ?? {cell: wanted, settings: {}};

export function againstText(each: Comparison, compare: string, words: Words): string {
  const name = valueText(each.baseline[compare], words);
  if (each.budget === 'same') return name;
  const different = Object.entries(each.baseline).filter(
    ([axis, value]) => axis !== compare && each.cell[axis] !== value,
  );
  return `${name}, ${cellText(Object.fromEntries(different))} (equal compute)`;
}

/** Which sign is good news. */
const directionRemarks = ({better}: MetricSummary): readonly string[] =>
  better === null
    ? []
    : [
        `${better === 'higher' ? 'Higher' : 'Lower'} is better: ${better === 'higher' ? '+' : '−'} favours the arm, ${better === 'higher' ? '−' : '+'} what it is compared with.`,
      ];

/** Repetitions that one arm lacks, and where the difference moves if all runs count. */
function missingNotes(each: Comparison, {over, compare}: Summary, unit: Unit): readonly string[] {
  const {arm, baseline} = each.unpaired;
  if (each.kind !== 'paired' || arm.length + baseline.length === 0) return [];
  const lacks = (cell: Comparison['cell'], overs: readonly Scalar[]): readonly string[] =>
    overs.length === 0
      ? []
      : [
          `${valueText(cell[compare ?? ''])} has no value at ${over} ${overs.map(over => valueText(over)).join(', ')}`,
        ];
  const gaps = [...lacks(each.cell, baseline), ...lacks(each.baseline, arm)].join('; ');
  const all = signed(each.difference_of_all * unit.scale, decimalsOf(each, unit));
  return [
    `Only the ${each.differences.length} values of ${over} that both have are compared: ${gaps}. With every run of both arms the difference of the means is ${all}.`,
  ];
}

/** What else differs; what the results table shows beside the arms needs no words. */
function contrastNotes(each: Comparison, {compare}: Summary, {show}: TableOptions): readonly string[] {
  const hidden = each.contrasts.filter(({name}) => !show.includes(name) && each.cell[name] === undefined);
  if (hidden.length === 0) return [];
  const [own, other] = [valueText(each.cell[compare ?? '']), valueText(each.baseline[compare ?? ''])];
  const parts = hidden.map(({name, arm, baseline}) => `${name} (${arm} against ${baseline})`);
  return [`${own} and ${other} differ in more than ${compare}: ${parts.join(', ')}.`];
}

export const decimalsOf = (each: Comparison, unit: Unit): number =>
  each.interval === null ? 2 : decimalsFor(each.interval.half_width * unit.scale, unit);

const differenceText = (each: Comparison, unit: Unit): string =>
  signed(each.difference * unit.scale, decimalsOf(each, unit));

const intervalText = (each: Comparison, unit: Unit): string =>
  boundsText(each.interval, decimalsOf(each, unit), unit);

/** `−0.38 to +1.02`; an end that is not 0 is not shown as 0. */
export function boundsText(
  bounds: {readonly low: number; readonly high: number} | null,
  decimals: number,
  unit: Unit,
): string {
  if (bounds === null) return '–';
  const ends = [bounds.low, bounds.high];
  const places = decimalsOfEnds(ends, decimals, unit);
  return ends.map(end => signed(end * unit.scale, places)).join(' to ');
}
