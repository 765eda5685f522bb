// Published numbers beside one's own: which may stand there, to which row they belong, and how they are written.

import type {Row, Summary} from '../statistics/summary.ts';
import {valueText} from './metric-text.ts';
import {fixed, withUncertainty} from './number-text.ts';
import type {Published, PublishedRow} from './published.ts';

/** Published rows that may stand beside the summary's: of a data set that was used, and used whole. */
export const comparablePublished = (published: Published, summary: Summary): readonly PublishedRow[] =>
  published.rows.filter(
    row =>
      row.cell.dataset === undefined ||
      summary.datasets.length === 0 ||
      summary.datasets.some(({name, is_subset}) => name === row.cell.dataset && !is_subset),
  );

/** Whatever both say of a run, its axes and its parameters, is the same. */
export const belongs = (published: PublishedRow, row: Row): boolean =>
  Object.entries(published.cell).every(([name, value]) => {
    const own = row.cell[name] ?? row.settings[name];
    return own === undefined || own === value;
  });

/** As an accuracy or as an error, as the metric is; an accuracy is 100 minus an error. */
export function publishedText(row: PublishedRow, metric: string): string {
  const wanted = metric.includes('error') ? 'error' : 'accuracy';
  const value = wanted === row.measure ? row.value : 100 - row.value;
  return row.uncertainty === undefined ? fixed(value, 2) : withUncertainty(value, row.uncertainty);
}

export function publishedRemarks(published: Published, shown: readonly PublishedRow[]): readonly string[] {
  const hidden = [
    ...new Set(published.rows.filter(row => !shown.includes(row)).map(row => valueText(row.cell.dataset))),
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
