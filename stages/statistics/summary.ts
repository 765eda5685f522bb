// `summary.json`: what `aggregate` says of a study and `tabulate` and `plot` show. All numbers are as the metrics
// are, unrounded; differences are arm minus baseline. Notes are whole sentences, meant for footnotes.

import {readFile} from 'node:fs/promises';
import {StageError, z} from '../../src/stage/define.ts';

export const scalarSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export const cellSchema = z.record(z.string(), scalarSchema);

const intervalSchema = z.object({low: z.number(), high: z.number(), half_width: z.number()});
const boundsSchema = z.object({low: z.number(), high: z.number()});
const tTestSchema = z.object({
  difference: z.number(),
  error: z.number(),
  t: z.number(),
  df: z.number(),
  p: z.number(),
  interval: intervalSchema,
});

const runSchema = z.object({
  /** The value of the axis that was repeated over, usually the seed. */
  over: scalarSchema,
  /** `null` where the run has no such metric, as when it diverged. */
  value: z.number().nullable(),
  /** What the value is where it is no number; it then counts in no mean. */
  not_finite: z.enum(['NaN', 'Infinity', '-Infinity']).nullable(),
  diverged: z.boolean(),
  /** Of the trained weights; `null` where they were not saved. */
  weights: z.string().nullable(),
  /** Which result it is; `null` where nobody said. */
  origin: z.object({instance: z.string(), fingerprint: z.string()}).nullable(),
});

export const rowSchema = z.object({
  /** The axes that are left: neither repeated over nor gathered. */
  cell: cellSchema,
  /** Parameters that all runs of the row share, chosen ones included: `lr`, `rho`, … */
  settings: cellSchema,
  runs: z.array(runSchema),
  /** Gradients of a whole batch that a run took, on average; `null` where runs do not say. */
  cost: z.number().nullable(),
  /** Runs that count: with a value, and with weights that no earlier run has. */
  n: z.number(),
  mean: z.number().nullable(),
  /** `null` where there is no spread to speak of; `status` says why. */
  sd: z.number().nullable(),
  interval: intervalSchema.nullable(),
  status: z.enum(['replicated', 'single', 'identical', 'constant', 'empty']),
  notes: z.array(z.string()),
});

const mcNemarSchema = z.object({
  over: scalarSchema,
  only_arm: z.number(),
  only_baseline: z.number(),
  p: z.number(),
});

export const comparisonSchema = z.object({
  cell: cellSchema,
  baseline: cellSchema,
  kind: z.enum(['paired', 'unpaired']),
  /** `equal compute`: the baseline had more epochs, so that both saw as many gradients. */
  budget: z.enum(['same', 'equal compute']),
  differences: z.array(z.object({over: scalarSchema, value: z.number()})),
  /** Repetitions that one of the two lacks a value for. */
  unpaired: z.object({arm: z.array(scalarSchema), baseline: z.array(scalarSchema)}),
  /** Of the means of all runs of each arm, those without a partner included. */
  difference_of_all: z.number(),
  /** Mean of the arm minus mean of the baseline. */
  difference: z.number(),
  interval: intervalSchema.nullable(),
  paired_t: tTestSchema.nullable(),
  sign_flip: z
    .object({p: z.number(), floor: z.number(), pairs_needed: z.number(), sampled: z.number().nullable()})
    .nullable(),
  wilcoxon: z.object({w: z.number(), n: z.number(), p: z.number()}).nullable(),
  /** BCa interval of the mean difference of pairs. */
  bootstrap: boundsSchema.nullable(),
  /** P(a run of the arm is better than one of the baseline); `null` where nobody said which direction is better. */
  improvement: z.object({probability: z.number(), interval: boundsSchema.nullable()}).nullable(),
  equivalence: z.object({margin: z.number(), p: z.number()}).nullable(),
  /** What a study of this size and spread finds with the probability `power`. */
  power: z
    .object({
      power: z.number(),
      detectable: z.number(),
      /** How often studies of so many pairs find a difference of the margin; `[]` without one. */
      by_pairs: z.array(z.object({pairs: z.number(), power: z.number()})),
      pairs_for_margin: z.number().nullable(),
      pairs_for_equivalence: z.number().nullable(),
    })
    .nullable(),
  /** Valid however often one looks and whenever one stops. */
  sequential: z
    .object({
      e: z.number(),
      interval: boundsSchema.nullable(),
      verdict: z.enum(['higher', 'lower', 'equivalent', 'undecided']),
    })
    .nullable(),
  welch_t: tTestSchema.nullable(),
  /** Hedges' g for unpaired arms, d_z for pairs; both with the exact small-sample factor. */
  effect: z.object({name: z.enum(['g', 'd_z']), value: z.number()}).nullable(),
  /** Per seed, from saved predictions; `[]` where there are none. */
  mcnemar: z.array(mcNemarSchema),
  /** Of the t test that fits the kind, and adjusted over all comparisons of this metric (Holm). */
  p: z.number().nullable(),
  p_holm: z.number().nullable(),
  /** What else the arms differ in: parameters and facts of the data, as text. */
  contrasts: z.array(z.object({name: z.string(), arm: z.string(), baseline: z.string()})),
  notes: z.array(z.string()),
});

/** What several data sets say together. */
const acrossSchema = z.object({
  axis: z.string(),
  comparisons: z.array(
    z.object({
      cell: cellSchema,
      baseline: cellSchema,
      datasets: z.array(scalarSchema),
      /** On how many of them the arm is better and worse; where nobody said which direction is, larger counts. */
      better: z.number(),
      worse: z.number(),
      /** Mean over data sets of the mean differences. */
      difference: z.number(),
      interval: boundsSchema.nullable(),
      wilcoxon: z.object({w: z.number(), n: z.number(), p: z.number()}).nullable(),
      improvement: z.object({probability: z.number(), interval: boundsSchema.nullable()}).nullable(),
    }),
  ),
  ranks: z
    .object({
      datasets: z.number(),
      arms: z.array(z.object({arm: scalarSchema, cell: cellSchema, rank: z.number()})),
      chi2: z.number(),
      p: z.number(),
    })
    .nullable(),
});

export const summarySchema = z.object({
  format: z.literal('pipe-summary-1'),
  over: z.string(),
  compare: z.string().nullable(),
  baseline: scalarSchema,
  confidence: z.number(),
  /** Whether runs are added until the question is decided. */
  sequential: z.boolean(),
  datasets: z.array(z.object({name: z.string(), is_subset: z.boolean()})),
  metrics: z.array(
    z.object({
      metric: z.string(),
      better: z.enum(['higher', 'lower']).nullable(),
      /** What weakens these results as a whole, a sentence each. */
      warnings: z.array(z.string()),
      rows: z.array(rowSchema),
      comparisons: z.array(comparisonSchema),
      across: acrossSchema.nullable(),
    }),
  ),
});

export type Scalar = z.infer<typeof scalarSchema>;
export type Row = z.infer<typeof rowSchema>;
export type Comparison = z.infer<typeof comparisonSchema>;
export type Summary = z.infer<typeof summarySchema>;

/** @throws StageError when the file is not a summary. */
export async function readSummary(path: string): Promise<Summary> {
  const parsed = summarySchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new StageError(
    `expected a summary of the stage aggregate, got something else:\n${z.prettifyError(parsed.error)}`,
    'Give the output of aggregate, for example `in: {summary: summary}`.',
  );
}
