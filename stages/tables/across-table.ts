// Several data sets together: a row per arm and baseline, and the mean ranks of all arms as a remark.

import type {Summary} from '../statistics/summary.ts';
import {boundsText, sourceOf} from './differences-table.ts';
import {
  axesOf,
  type MetricSummary,
  metricText,
  namedColumn,
  percentOf,
  type TableOptions,
  unitOf,
  valueText,
} from './metric-text.ts';
import {decimalsFor, fixed, pText, signed} from './number-text.ts';
import {withSources} from './source.ts';
import {type Column, cell, type Table, type TableCell} from './table.ts';
import type {Words} from './words.ts';

/** `null` where the summary has no data sets together. */
export function acrossTable(summary: Summary, one: MetricSummary, options: TableOptions): Table | null {
  const {across} = one;
  const {compare} = summary;
  if (across === null || compare === null) return null;
  const unit = unitOf(one);
  const axes = axesOf(across.comparisons).filter(axis => axis !== compare);
  const {words} = options;
  const right = (id: string, text: string): Column => ({id, text, align: 'right'});
  const hasBetter = across.comparisons.some(({improvement}) => improvement !== null);
  const columns: Column[] = [
    ...axes.map(axis => namedColumn(axis, 'left', words)),
    namedColumn(compare, 'left', words),
    {id: 'against', text: 'against', align: 'left'},
    right('datasets', `${across.axis}s`),
    right('wins', 'better, worse'),
    right('difference', `mean difference${unit.suffix === '' ? '' : ' (points)'}`),
    right('bootstrap', `${percentOf(summary)} bootstrap`),
    right('wilcoxon', 'p, Wilcoxon'),
    ...(hasBetter ? [right('better', 'P(better)')] : []),
  ];
  return {
    title: `${options.title}: ${metricText(one.metric)} over all values of ${across.axis}`,
    columns,
    rows: across.comparisons.map(each => {
      const width = each.interval === null ? null : (each.interval.high - each.interval.low) / 2;
      const decimals = width === null || width === 0 ? 2 : decimalsFor(width * unit.scale, unit);
      const cells: TableCell[] = [
        ...axes.map(axis => cell(valueText(each.cell[axis], words))),
        cell(valueText(each.cell[compare], words)),
        cell(valueText(each.baseline[compare], words)),
        cell(String(each.datasets.length)),
        cell(`${each.better}, ${each.worse}`),
        cell(signed(each.difference * unit.scale, decimals)),
        cell(boundsText(each.interval, decimals, unit)),
        cell(pText(each.wilcoxon?.p ?? null)),
        ...(hasBetter
          ? [cell(each.improvement === null ? '–' : fixed(each.improvement.probability, 2))]
          : []),
      ];
      return withSources(columns, cells, sourceOf(one, each));
    }),
    remarks: remarksOf(across, one, words),
  };
}

function remarksOf(
  across: NonNullable<MetricSummary['across']>,
  {better}: MetricSummary,
  words: Words,
): readonly string[] {
  const least = Math.min(...across.comparisons.map(({datasets}) => datasets.length));
  const {ranks} = across;
  return [
    `The difference is the mean of the ${across.axis}s' differences, each counting once; the interval resamples seeds within each and says nothing of other ${across.axis}s.`,
    `Wilcoxon: signed ranks of the ${across.axis}s' differences.${least < 6 ? ` Fewer than six can never reach p < 0.05: with ${least} the smallest possible p is ${Number((2 ** (1 - least)).toPrecision(3))}.` : ''}`,
    ...(better === null ? [] : [`${better === 'higher' ? 'Higher' : 'Lower'} is better.`]),
    ...(ranks === null
      ? []
      : [
          `Mean ranks over ${ranks.datasets} ${across.axis}s, 1 is best: ${[...ranks.arms]
            .sort((a, b) => a.rank - b.rank)
            .map(({arm, rank}) => `${valueText(arm, words)} ${fixed(rank, 2)}`)
            .join(
              ', ',
            )}. Friedman's test that all arms are alike: p ${pText(ranks.p)} (ranks shuffled 10,000 times).`,
        ]),
  ];
}
