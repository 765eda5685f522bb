// The differences of one metric: a row per comparison with the test that fits and the exact one beside it.

import {cellText} from '../statistics/runs.ts';
import type {Comparison, Row, Summary} from '../statistics/summary.ts';
import {
  axesOf,
  axisText,
  intervalName,
  type MetricSummary,
  metricText,
  type TableOptions,
  unitOf,
  valueText,
} from './metric-text.ts';
import {decimalsFor, fixed, pText, signed, type Unit} from './number-text.ts';
import {type Column, cell, type Table, type TableCell} from './table.ts';

/** One row per comparison, with the test that fits and the exact one beside it; `null` where there are none. */
export function differencesTable(summary: Summary, one: MetricSummary, options: TableOptions): Table | null {
  if (one.comparisons.length === 0 || summary.compare === null) return null;
  const {compare} = summary;
  const unit = unitOf(one);
  const axes = axesOf(one.comparisons).filter(axis => axis !== compare);
  const hasMany = one.comparisons.filter(({p}) => p !== null).length > 1;
  const hasMcNemar = one.comparisons.some(({mcnemar}) => mcnemar.length > 0);
  const right = (name: string): Column => ({text: name, align: 'right'});
  const columns: Column[] = [
    ...axes.map((axis): Column => ({text: axis, align: 'left'})),
    {text: compare, align: 'left'},
    {text: 'against', align: 'left'},
    right('pairs'),
    right(`difference${unit.suffix === '' ? '' : ' (points)'}`),
    right(intervalName(summary)),
    right('p, t test'),
    ...(hasMany ? [right('p, Holm')] : []),
    right('p, sign flip'),
    right('effect'),
    ...(hasMcNemar ? [right('p, McNemar per seed')] : []),
  ];
  const rows = one.comparisons.map((each): TableCell[] => [
    ...axes.map(axis => cell(axisText(rowOf(one, each), axis))),
    cell(valueText(each.cell[compare])),
    cell(againstText(each, compare)),
    cell(each.kind === 'paired' ? String(each.differences.length) : 'unpaired'),
    cell(differenceText(each, unit), each.notes),
    cell(intervalText(each, unit)),
    cell(pText(each.p)),
    ...(hasMany ? [cell(pText(each.p_holm))] : []),
    cell(pText(each.sign_flip?.p ?? null)),
    cell(each.effect === null ? '–' : `${each.effect.name} ${fixed(each.effect.value, 2)}`),
    ...(hasMcNemar ? [cell(each.mcnemar.map(({p}) => pText(p)).join(', ') || '–')] : []),
  ]);
  const hasPairs = one.comparisons.some(({kind}) => kind === 'paired');
  const effects = new Set(one.comparisons.flatMap(({effect}) => effect?.name ?? []));
  return {
    title: `${options.title}: differences in ${metricText(one.metric)}`,
    columns,
    rows,
    remarks: [
      hasPairs
        ? `Paired by ${summary.over}: two-sided paired t test, and the exact sign-flip test.`
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
        ? ['McNemar: exact test on the test images that one of the two gets right, per seed.']
        : []),
    ],
  };
}

/** The arm of a comparison. */
const rowOf = ({rows}: MetricSummary, {cell: wanted}: Comparison): Pick<Row, 'cell' | 'settings'> =>
  rows.find(row => cellText(row.cell) === cellText(wanted)) ?? {cell: wanted, settings: {}};

function againstText(each: Comparison, compare: string): string {
  const name = valueText(each.baseline[compare]);
  if (each.budget === 'same') return name;
  const different = Object.entries(each.baseline).filter(
    ([axis, value]) => axis !== compare && each.cell[axis] !== value,
  );
  return `${name}, ${cellText(Object.fromEntries(different))} (equal compute)`;
}

const decimalsOf = (each: Comparison, unit: Unit): number =>
  each.interval === null ? 2 : decimalsFor(each.interval.half_width * unit.scale, unit);

const differenceText = (each: Comparison, unit: Unit): string =>
  signed(each.difference * unit.scale, decimalsOf(each, unit));

function intervalText(each: Comparison, unit: Unit): string {
  if (each.interval === null) return '–';
  const [low, high] = [each.interval.low, each.interval.high].map(value =>
    signed(value * unit.scale, decimalsOf(each, unit)),
  );
  return `${low} to ${high}`;
}
