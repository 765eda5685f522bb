// Published numbers to put beside one's own: from data/published.json by name, or given in the pipeline.

import studies from '../../data/published.json' with {type: 'json'};
import {StageError, z} from '../../src/stage/define.ts';
import {scalarSchema} from '../statistics/summary.ts';

/** `measure` says whether values are accuracies or errors; both in percent. */
export const publishedRowSchema = z.strictObject({
  source: z.string(),
  measure: z.enum(['accuracy', 'error']),
  /** Axis values that the number belongs to: `{optimizer: sam, dataset: cifar10, epochs: 200}`. */
  cell: z.record(z.string(), scalarSchema),
  setting: z.string().default(''),
  value: z.number(),
  /** What follows ±; absent where nothing was published. */
  uncertainty: z.number().min(0).optional(),
  /** Such as `95 % interval of 5 runs`. */
  of: z.string().default(''),
});

export type PublishedRow = z.output<typeof publishedRowSchema>;

export const publishedSchema = z.union([z.string(), publishedRowSchema]);

const studySchema = z.strictObject({
  title: z.string(),
  source: z.string(),
  url: z.string(),
  measure: z.enum(['accuracy', 'error']),
  of: z.string(),
  note: z.string().optional(),
  rows: z.array(
    z.strictObject({
      cell: z.record(z.string(), scalarSchema),
      setting: z.string(),
      value: z.number(),
      uncertainty: z.number().optional(),
    }),
  ),
});

export interface Published {
  readonly rows: readonly PublishedRow[];
  /** Where the numbers are from, a sentence each. */
  readonly remarks: readonly string[];
}

/** @throws StageError for a study that is not known. */
export function findPublished(wanted: readonly z.output<typeof publishedSchema>[]): Published {
  const known: Readonly<Record<string, unknown>> = studies;
  const rows: PublishedRow[] = [];
  const remarks: string[] = [];
  for (const one of wanted) {
    if (typeof one !== 'string') {
      rows.push(one);
      continue;
    }
    if (!Object.hasOwn(known, one)) {
      throw new StageError(`published: expected one of ${Object.keys(known).join(', ')}, got ${one}`);
    }
    const study = studySchema.parse(known[one]);
    rows.push(
      ...study.rows.map(row => ({...row, source: study.source, measure: study.measure, of: study.of})),
    );
    remarks.push(
      `Published: ${study.title}, ${study.url}; ${study.of}.${study.note === undefined ? '' : ` ${study.note}`}`,
    );
  }
  return {rows, remarks};
}
