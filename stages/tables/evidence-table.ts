// What the runs can and cannot show of one metric: tests that assume less, what could have been found, equivalence,
// and, where seeds are added until the question is decided, what holds however often one looked.

import type {Comparison, Summary} from '../statistics/summary.ts';
import {againstText, boundsText, decimalsOf, rowOf, sourceOf} from './differences-table.ts';
import {
  axesOf,
  axisText,
  type MetricSummary,
  metricText,
  namedColumn,
  percentOf,
  type TableOptions,
  unitOf,
  valueText,
} from './metric-text.ts';
import {fixed, pText, type Unit} from './number-text.ts';
import {withSources} from './source.ts';
import {type Column, cell, type Table, type TableCell} from './table.ts';

interface EvidenceColumn {
  readonly id: string;
  readonly head: string;
  readonly isShown: boolean;
  readonly text: (each: Comparison) => string;
  readonly notes?: (each: Comparison) => readonly string[];
}

/** `null` where nothing can be said of any comparison. */
export function evidenceTable(summary: Summary, one: MetricSummary, options: TableOptions): Table | null {
  const shown = one.comparisons.filter(({power}) => power !== null);
  const {compare} = summary;
  const {words} = options;
  if (shown.length === 0 || compare === null) return null;
  const unit = unitOf(one);
  const axes = axesOf(shown).filter(axis => axis !== compare);
  const columns = columnsOf(summary, shown, unit).filter(({isShown}) => isShown);
  const heads: Column[] = [
    ...axes.map(axis => namedColumn(axis, 'left', words)),
    namedColumn(compare, 'left', words),
    {id: 'against', text: 'against', align: 'left'},
    ...columns.map(({id, head}): Column => ({id, text: head, align: 'right'})),
  ];
  return {
    title: `${options.title}: what these runs can show of ${metricText(one.metric)}`,
    columns: heads,
    rows: shown.map(each => {
      const cells: TableCell[] = [
        ...axes.map(axis => cell(axisText(rowOf(one, each), axis, words))),
        cell(valueText(each.cell[compare], words)),
        cell(againstText(each, compare, words)),
        ...columns.map(({text, notes}) => cell(text(each), notes?.(each) ?? [])),
      ];
      return withSources(heads, cells, sourceOf(one, each));
    }),
    remarks: remarksOf(summary, shown, unit),
  };
}

function columnsOf(summary: Summary, shown: readonly Comparison[], unit: Unit): readonly EvidenceColumn[] {
  const has = (of: (each: Comparison) => unknown): boolean => shown.some(each => of(each) !== null);
  const hasMargin = has(({equivalence}) => equivalence);
  const inUnit = (value: number, each: Comparison): string =>
    fixed(value * unit.scale, decimalsOf(each, unit));
  return [
    {
      id: 'wilcoxon',
      head: 'p, Wilcoxon',
      isShown: has(({wilcoxon}) => wilcoxon),
      text: ({wilcoxon}) => pText(wilcoxon?.p ?? null),
    },
    {
      id: 'bootstrap',
      head: `${percentOf(summary)} bootstrap`,
      isShown: has(({bootstrap}) => bootstrap),
      text: each => boundsText(each.bootstrap, decimalsOf(each, unit), unit),
    },
    {
      id: 'better',
      head: 'P(better)',
      isShown: has(({improvement}) => improvement),
      text: ({improvement}) =>
        improvement === null
          ? '–'
          : `${fixed(improvement.probability, 2)}${improvement.interval === null ? '' : ` (${fixed(improvement.interval.low, 2)} to ${fixed(improvement.interval.high, 2)})`}`,
    },
    {
      id: 'detectable',
      head: 'could be found',
      isShown: true,
      text: each => (each.power === null ? '–' : `±${inUnit(each.power.detectable, each)}`),
    },
    {
      id: 'p_equivalence',
      head: 'p, equivalence',
      isShown: hasMargin,
      text: ({equivalence}) => pText(equivalence?.p ?? null),
    },
    {
      id: 'pairs_to_find',
      head: 'pairs to find the margin',
      isShown: hasMargin && has(({power}) => power?.pairs_for_margin ?? null),
      text: ({power}) => countText(power?.pairs_for_margin),
      notes: planNotes,
    },
    {
      id: 'pairs_to_show',
      head: 'pairs to show equivalence',
      isShown: hasMargin && has(({power}) => power?.pairs_for_equivalence ?? null),
      text: ({power}) => countText(power?.pairs_for_equivalence),
    },
    {
      id: 'e',
      head: 'e-value',
      isShown: summary.sequential,
      text: ({sequential}) => (sequential === null ? '–' : eText(sequential.e)),
    },
    {
      id: 'any_time',
      head: `${percentOf(summary)}, any time`,
      isShown: summary.sequential,
      text: each => boundsText(each.sequential?.interval ?? null, decimalsOf(each, unit), unit),
    },
    {
      id: 'decided',
      head: 'decided',
      isShown: summary.sequential,
      text: ({sequential}) => sequential?.verdict ?? '–',
    },
  ];
}

/** The power of the margin for numbers of seeds that one might afford. */
const planNotes = ({power}: Comparison): readonly string[] => {
  const parts =
    power?.by_pairs.map(({pairs, power: share}) => `${pairs} pairs in ${Math.round(100 * share)} %`) ?? [];
  return parts.length === 0 ? [] : [`A difference of the margin is found by ${parts.join(', ')} of studies.`];
};

const countText = (count: number | null | undefined): string => (count == null ? '–' : String(count));

/** Evidence in the hundreds needs no decimals. */
const eText = (e: number): string => (e >= 1e6 ? '> 10^6' : fixed(e, e >= 100 ? 0 : e >= 10 ? 1 : 2));

function remarksOf(summary: Summary, shown: readonly Comparison[], unit: Unit): readonly string[] {
  const power = shown.flatMap(each => each.power ?? [])[0];
  const margin = shown.flatMap(({equivalence}) => equivalence ?? [])[0]?.margin;
  const level = 1 - summary.confidence;
  const least = Math.min(
    ...shown.flatMap(({differences, bootstrap}) => (bootstrap === null ? [] : differences.length)),
  );
  const percent = power === undefined ? '' : `${Math.round(power.power * 100)} %`;
  return [
    `Could be found: the smallest true difference that ${percent} of studies of this size and spread find at p < ${fixed(level, 2)}. A smaller one may be there unseen.`,
    ...(margin === undefined
      ? ['No margin was stated, so nothing here can show that two arms are equivalent.']
      : [
          `Equivalence: two one-sided t tests (TOST) that the difference lies within ±${Number((margin * unit.scale).toPrecision(6))}${unit.scale === 100 ? ' points' : ''}, the margin that was stated. Pairs: how many find a difference of that margin, and how many show equivalence where there is none, in ${percent} of studies.`,
        ]),
    ...(shown.some(({wilcoxon}) => wilcoxon !== null)
      ? ['Wilcoxon: exact signed-rank test of the pairs.']
      : []),
    ...(Number.isFinite(least)
      ? [
          `Bootstrap: BCa interval of the mean difference, 10,000 resamples with a fixed seed.${least < 10 ? ' From fewer than about ten pairs it is narrower than it claims.' : ''}`,
        ]
      : []),
    ...(shown.some(({improvement}) => improvement !== null)
      ? [
          'P(better): the probability that a run of the arm beats a run of the other, equal ones counted half.',
        ]
      : []),
    ...(summary.sequential
      ? [
          `Any time: these intervals and e-values hold however often one looked and whenever one stops (normal differences assumed); an e-value of ${Math.round(1 / level)} is significant at ${fixed(level, 2)}. The p values and intervals above hold only for a number of runs that was fixed beforehand.`,
        ]
      : []),
  ];
}
