// A summary as tables: the results with published numbers beside them, the differences with every test, each run.

import {cellText} from '../statistics/runs.ts';
import type {Comparison, Row, Scalar, Summary} from '../statistics/summary.ts';
import {
  columnDecimals,
  decimalsFor,
  fixed,
  meanText,
  plain,
  pText,
  signed,
  type Unit,
  withUncertainty,
} from './number-text.ts';
import type {Published, PublishedRow} from './published.ts';
import {type Column, cell, type Table, type TableCell} from './table.ts';

type MetricSummary = Summary['metrics'][number];

export interface TableOptions {
  readonly title: string;
  readonly spread: 'interval' | 'sd';
  /** Parameters to show beside the axes, such as the chosen `lr` and `rho`. */
  readonly show: readonly string[];
  readonly published: Published;
}

const text = (value: Scalar | undefined): string =>
  value === undefined || value === null ? '–' : String(value);

/** Shares in 0..1 that are called accuracy or error are shown in percent. */
export function unitOf({metric, rows}: MetricSummary): Unit {
  const values = rows.flatMap(row => row.runs.flatMap(run => run.value ?? []));
  const isShare = /accuracy|error/.test(metric) && values.every(value => value >= 0 && value <= 1);
  return isShare ? {scale: 100, suffix: ' (%)'} : plain;
}

/** A row that lacks an axis of others may still have the parameter of that name. */
const axisText = (row: Pick<Row, 'cell' | 'settings'>, axis: string): string =>
  text(row.cell[axis] ?? row.settings[axis]);

export const axesOf = (rows: readonly {readonly cell: Row['cell']}[]): readonly string[] => [
  ...new Set(rows.flatMap(row => Object.keys(row.cell))),
];

export const metricText = (metric: string): string => metric.replaceAll('_', ' ');

/** One row per cell; published rows follow the cells that they belong to, the others come last. */
export function resultsTable(summary: Summary, one: MetricSummary, options: TableOptions): Table {
  const {show, spread, published} = options;
  const unit = unitOf(one);
  const axes = axesOf(one.rows);
  const theirs = comparablePublished(published, summary);
  const decimals = columnDecimals(one.rows, spread, unit);
  const columns: Column[] = [
    ...axes.map((axis): Column => ({text: axis, align: 'left'})),
    ...show.map((name): Column => ({text: name, align: 'right'})),
    {text: 'runs', align: 'right'},
    {text: `${metricText(one.metric)}${unit.suffix}`, align: 'right'},
    ...(isReplicated(one)
      ? [{text: spread === 'sd' ? intervalName(summary) : 'SD', align: 'right'} as const]
      : []),
    ...(theirs.length > 0 ? [{text: 'published', align: 'left'} as const] : []),
  ];
  const left = new Set(theirs);
  const rows = one.rows.map(row => {
    const found = theirs.filter(other => belongs(other, row));
    for (const other of found) left.delete(other);
    const beside = found.map(
      other => `${publishedText(other, one.metric)} (${other.source}, ${other.setting})`,
    );
    return [
      ...axes.map(axis => cell(axisText(row, axis))),
      ...show.map(name => cell(text(row.settings[name]))),
      cell(String(row.n)),
      cell(meanText(row, spread, unit, decimals), row.notes),
      ...(isReplicated(one)
        ? [cell(spread === 'sd' ? meanInterval(row, unit, decimals) : sdText(row, unit, decimals))]
        : []),
      ...(theirs.length > 0 ? [cell(beside.join('; '))] : []),
    ];
  });
  const others = [...left].map(other => [
    ...axes.map(axis => cell(text(other.cell[axis]))),
    ...show.map(() => cell('')),
    cell(''),
    cell(''),
    ...(isReplicated(one) ? [cell('')] : []),
    cell(`${publishedText(other, one.metric)} (${other.source}, ${other.setting})`),
  ]);
  return {
    title: `${options.title}: ${metricText(one.metric)}`,
    columns,
    rows: [...rows, ...others],
    remarks: [...remarksOf(summary, one, spread), ...publishedRemarks(published, theirs)],
  };
}

const percentOf = ({confidence}: Summary): string => `${Math.round(confidence * 100)} %`;
const intervalName = (summary: Summary): string => `${percentOf(summary)} interval`;
const isReplicated = ({rows}: MetricSummary): boolean => rows.some(({status}) => status === 'replicated');

const sdText = ({sd, status}: Row, {scale}: Unit, decimals: number): string =>
  sd === null || status !== 'replicated' ? '–' : fixed(sd * scale, decimals);

const meanInterval = ({interval}: Row, {scale}: Unit, decimals: number): string =>
  interval === null
    ? '–'
    : `${fixed(interval.low * scale, decimals)} to ${fixed(interval.high * scale, decimals)}`;

/** Published rows that may stand beside the summary's: of a data set that was used, and used whole. */
export const comparablePublished = (published: Published, summary: Summary): readonly PublishedRow[] =>
  published.rows.filter(
    row =>
      row.cell.dataset === undefined ||
      summary.datasets.length === 0 ||
      summary.datasets.some(({name, is_subset}) => name === row.cell.dataset && !is_subset),
  );

/** Whatever both say of a run, its axes and its parameters, is the same. */
const belongs = (published: PublishedRow, row: Row): boolean =>
  Object.entries(published.cell).every(([name, value]) => {
    const own = row.cell[name] ?? row.settings[name];
    return own === undefined || own === value;
  });

/** As an accuracy or as an error, as the metric is; an accuracy is 100 minus an error. */
function publishedText(row: PublishedRow, metric: string): string {
  const wanted = metric.includes('error') ? 'error' : 'accuracy';
  const value = wanted === row.measure ? row.value : 100 - row.value;
  return row.uncertainty === undefined ? fixed(value, 2) : withUncertainty(value, row.uncertainty);
}

function publishedRemarks(published: Published, shown: readonly PublishedRow[]): readonly string[] {
  const hidden = [
    ...new Set(published.rows.filter(row => !shown.includes(row)).map(row => text(row.cell.dataset))),
  ];
  return [
    ...(shown.length > 0 ? published.remarks : []),
    ...(hidden.length > 0
      ? [
          `Published numbers for ${hidden.join(', ')} are left out: these runs are not of that whole data set.`,
        ]
      : []),
  ];
}

function remarksOf(summary: Summary, one: MetricSummary, spread: 'interval' | 'sd'): readonly string[] {
  const subsets = summary.datasets.filter(({is_subset}) => is_subset).map(({name}) => name);
  return [
    ...(summary.datasets.length > 0 ? [`Data: ${summary.datasets.map(({name}) => name).join(', ')}.`] : []),
    ...(isReplicated(one)
      ? [
          spread === 'sd'
            ? `Mean ± standard deviation over values of ${summary.over} (n − 1 in the denominator), and the t interval of the mean.`
            : `Mean ± half of the t interval of the mean (${percentOf(summary)}), over values of ${summary.over}; SD has n − 1 in the denominator.`,
        ]
      : []),
    ...(subsets.length > 0
      ? [`Trained or tested on a part of ${subsets.join(', ')}: do not compare with published numbers.`]
      : []),
  ];
}

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
    cell(text(each.cell[compare])),
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
  const name = text(each.baseline[compare]);
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

/** Every run: one row per cell, one column per repetition; runs with the weights of another are marked. */
export function runsTable(summary: Summary, one: MetricSummary, options: TableOptions): Table {
  const unit = unitOf(one);
  const axes = axesOf(one.rows);
  const overs = [...new Set(one.rows.flatMap(row => row.runs.map(run => run.over)))];
  const rows = one.rows.map((row): TableCell[] => {
    const byOver = new Map(row.runs.map(run => [run.over, run]));
    return [
      ...axes.map(axis => cell(axisText(row, axis))),
      ...overs.map(over => {
        const run = byOver.get(over);
        if (run === undefined) return cell('');
        if (run.value === null) return cell(run.diverged ? 'diverged' : '–');
        const first = row.runs.find(other => other.weights !== null && other.weights === run.weights);
        const isCopy = first !== undefined && first !== run;
        return cell(
          fixed(run.value * unit.scale, 2),
          isCopy ? [`The same weights as ${summary.over} ${text(first.over)}.`] : [],
        );
      }),
    ];
  });
  return {
    title: `${options.title}: every run, ${metricText(one.metric)}${unit.suffix}`,
    columns: [
      ...axes.map((axis): Column => ({text: axis, align: 'left'})),
      ...overs.map((over): Column => ({text: `${summary.over} ${text(over)}`, align: 'right'})),
    ],
    rows,
    remarks: [],
  };
}
