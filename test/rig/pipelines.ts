// Pipelines for tests of reading and planning: a catalogue of real declarations in memory, and short ways through
// text → spec → plan.

import {type Diagnostic, renderDiagnostic} from '../../src/core/diagnostic.ts';
import {digestBytes} from '../../src/core/digest.ts';
import {err, ok, type Result} from '../../src/core/result.ts';
import {type Catalogue, loadStages, unknownStageModule} from '../../src/plan/catalogue.ts';
import type {Plan} from '../../src/plan/plan.ts';
import type {PlanFiles} from '../../src/plan/plan-files.ts';
import {planPipeline} from '../../src/plan/planner.ts';
import type {ProjectFiles} from '../../src/plan/project-files.ts';
import {type ReadOptions, readPipeline} from '../../src/spec/read-pipeline.ts';
import type {StageDeclaration} from '../../src/stage/declaration.ts';
import {defineStage, z} from '../../src/stage/define.ts';

const run = (): void => undefined;

export const declarations: Readonly<Record<string, StageDeclaration>> = {
  download: defineStage({
    about: 'Fetches a data set.',
    params: z.object({dataset: z.enum(['mnist', 'fashion-mnist', 'digits'])}),
    inputs: {},
    outputs: {raw: 'folder'},
    run,
  }),
  preprocess: defineStage({
    about: 'Normalises and splits.',
    params: z.object({
      validation: z.number().int().min(0).default(0),
      split_seed: z.number().int().default(0),
    }),
    inputs: {raw: 'one'},
    outputs: {data: 'file'},
    run,
  }),
  train: defineStage({
    about: 'Trains one model.',
    params: z
      .object({
        model: z.enum(['simple-nn', 'wide-resnet']),
        optimizer: z.enum(['sgd', 'sam']).default('sgd'),
        lr: z.number().positive().default(0.1),
        rho: z.number().min(0).default(0.05),
        epochs: z.number().int().positive(),
        seed: z.number().int(),
        note: z
          .string()
          .regex(/^[a-z]+$/)
          .optional(),
        augment: z.object({crop: z.number().int().min(0), flip: z.boolean().default(true)}).optional(),
        milestones: z.array(z.number().int()).max(3).default([]),
      })
      .refine(params => params.milestones.every(milestone => milestone < params.epochs), {
        message: 'expected milestones before the last epoch',
        path: ['milestones'],
      }),
    inputs: {data: 'one', warm: 'optional'},
    outputs: {weights: 'file', curve: {kind: 'file', name: 'curve.csv'}},
    usesDevice: true,
    run,
  }),
  fit: defineStage({
    about: 'Fits a model, perhaps one of the project.',
    params: z.object({model: z.union([z.string().regex(/^\.\//), z.enum(['linear', 'cubic'])])}),
    inputs: {},
    outputs: {weights: 'file'},
    fileParams: ['model'],
    run,
  }),
  select: defineStage({
    about: 'Picks the best of several runs.',
    params: z.object({metric: z.string(), goal: z.enum(['max', 'min']).default('max')}),
    inputs: {runs: 'each'},
    outputs: {best: 'file'},
    run,
  }),
  aggregate: defineStage({
    about: 'Mean and spread over an axis.',
    params: z.object({over: z.string(), compare: z.string().optional(), metric: z.string()}),
    inputs: {runs: 'each'},
    outputs: {summary: 'file'},
    run,
  }),
  tabulate: defineStage({
    about: 'Writes tables.',
    params: z.object({}),
    inputs: {summary: 'one'},
    outputs: {markdown: {kind: 'file', name: 'table.md'}, csv: {kind: 'file', name: 'table.csv'}},
    run,
  }),
};

export const catalogue: Catalogue = {
  load: async (uses, span) => {
    const declaration = Object.hasOwn(declarations, uses) ? declarations[uses] : undefined;
    return declaration
      ? ok({uses, path: `/project/stages/${uses}.ts`, declaration})
      : err(unknownStageModule(uses, Object.keys(declarations), span));
  },
  names: async () => Object.keys(declarations),
};

/** A project in which every path exists, but for those whose name says otherwise. */
export const project: ProjectFiles = {
  exists: path => !path.includes('missing'),
  isFile: path => path.startsWith('tools/'),
  matches: glob => !glob.includes('missing'),
};

export async function planText(
  text: string,
  options: ReadOptions = {},
  files?: PlanFiles,
): Promise<Result<Plan, readonly Diagnostic[]>> {
  const spec = await readPipeline({path: 'pipelines/test.yaml', text}, options);
  if (!spec.ok) return spec;
  return planPipeline(spec.value, await loadStages(spec.value, catalogue), project, files);
}

/** Files that stages made, by the names of their producers. */
export const filesOf = (contents: Readonly<Record<string, unknown>>): PlanFiles =>
  new Map(
    Object.entries(contents).map(([name, content]) => {
      const text = typeof content === 'string' ? content : JSON.stringify(content, null, 2);
      return [name, {digest: digestBytes(text), text}];
    }),
  );

/** The plan of a text without mistakes; fails with the mistakes drawn. */
export async function mustPlan(text: string, options?: ReadOptions, files?: PlanFiles): Promise<Plan> {
  const plan = await planText(text, options, files);
  if (!plan.ok) throw new Error(drawAll(plan.error));
  return plan.value;
}

/** The mistakes of a text that must have some. */
export async function mistakesOf(text: string, options?: ReadOptions): Promise<readonly Diagnostic[]> {
  const plan = await planText(text, options);
  if (plan.ok) throw new Error('Expected mistakes, got a plan');
  return plan.error;
}

export const drawAll = (mistakes: readonly Diagnostic[]): string =>
  mistakes.map(mistake => renderDiagnostic(mistake)).join('\n\n');

/** The study of the design: grid, best of each optimizer, train per seed, aggregate, table. */
export const STUDY = `pipeline: mnist-grid
about: SAM against SGD on a three-layer network, MNIST digits

params:
  dataset: mnist
  epochs: 100
  grid_epochs: 10
  seeds: [0, 1, 2, 3, 4]

profiles:
  quick: {epochs: 2, grid_epochs: 1, seeds: [0, 1]}

stages:
  download:
    uses: download
    with: {dataset: "\${dataset}"}

  preprocess:
    uses: preprocess
    in: {raw: download}
    with: {validation: 10000, split_seed: 0}

  grid:
    uses: train
    in: {data: preprocess}
    matrix:
      - {optimizer: [sgd], lr: [0.01, 0.05, 0.1, 0.2, 0.3]}
      - {optimizer: [sam], lr: [0.01, 0.05, 0.1, 0.2, 0.3], rho: [0.01, 0.05, 0.1]}
    with: {model: simple-nn, epochs: "\${grid_epochs}", seed: 0}

  best:
    uses: select
    matrix: {optimizer: [sgd, sam]}
    in: {runs: {each: grid}}
    with: {metric: validation_accuracy, goal: max}

  train:
    uses: train
    in: {data: preprocess}
    matrix: {seed: "\${seeds}"}
    with: {from: best, model: simple-nn, epochs: "\${epochs}"}
    resources: {gpu: optional}
    timeout: 6h

  summary:
    uses: aggregate
    in: {runs: {each: train}}
    with: {over: seed, compare: optimizer, metric: test_accuracy}

  table:
    uses: tabulate
    in: {summary: summary}
    publish: results/mnist-grid
`;
