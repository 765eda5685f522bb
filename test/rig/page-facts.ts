// Facts of a small study for tests of the report page: real types, made up numbers, no store needed.

import {type Action, digestOfVariable} from '../../src/action/action.ts';
import {type Digest, digestBytes} from '../../src/core/digest.ts';
import type {JsonObject} from '../../src/core/json.ts';
import {type InputEdge, type Instance, type InstanceId, instanceId, type Plan} from '../../src/plan/plan.ts';
import type {DocumentFacts, InstanceFacts, PageFacts, PictureFacts} from '../../src/report/page/facts.ts';
import {drawableGraph} from '../../src/report/stage-graph.ts';
import type {Cell} from '../../src/stage/define.ts';
import type {Trace} from '../../src/stage/trace.ts';

const START = Date.UTC(2026, 7, 1, 14, 5, 12);

interface Made {
  readonly params?: JsonObject;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly inputs?: Readonly<Record<string, InputEdge>>;
  readonly outputs?: readonly string[];
  readonly publish?: string;
  readonly log?: string;
  readonly seconds?: number;
  readonly env?: Readonly<Record<string, string | null>>;
}

export const one = (id: InstanceId, output: string | null = null): InputEdge => ({
  kind: 'one',
  from: {id, output},
});
export const each = (ids: readonly InstanceId[]): InputEdge => ({
  kind: 'each',
  from: ids.map(id => ({id, output: null})),
});

/** An instance that was executed, with everything that is said of one. */
export function madeInstance(stage: string, cell: Cell, made: Made = {}): InstanceFacts {
  const id = instanceId(stage, cell);
  const {params = {}, metrics = {}, inputs = {}, outputs = ['out'], publish = null, seconds = 2} = made;
  const instance: Instance = {
    id,
    stage,
    cell,
    work: {
      kind: 'module',
      uses: stage,
      path: `/study/stages/${stage}.ts`,
      usesDevice: false,
      traces: false,
      continues: null,
    },
    params: {...params, ...cell},
    choosers: [],
    inputs,
    files: [],
    outputs: Object.fromEntries(outputs.map(name => [name, {kind: 'file', path: name}])),
    env: Object.keys(made.env ?? {}).map(name => ({name, isOptional: false, isSecret: false})),
    resources: {cpus: 1, memory: 0, gpu: 0, pool: null},
    timeoutMs: null,
    retries: {times: 0, backoffMs: 0},
    checkpoint: false,
    sandbox: 'closed',
    publish,
    isVolatile: false,
    isFrozen: false,
    temporary: [],
    after: [],
    salt: null,
  };
  const action: Action = {
    format: 2,
    work: {kind: 'module', code: digestBytes(`code of ${stage}`), packages: {zod: '4.6.7'}},
    params: instance.params,
    inputs: {},
    files: {},
    outputs: instance.outputs,
    env: Object.fromEntries(
      Object.entries(made.env ?? {}).map(([name, value]) => [
        name,
        value === null ? null : digestOfVariable(value),
      ]),
    ),
    device: null,
    platform: null,
    sandbox: 'closed',
    study: null,
    salt: null,
  };
  return {
    instance,
    state: 'done',
    isOutdated: false,
    action,
    fingerprint: digestBytes(`key of ${id}`),
    outputs: Object.fromEntries(
      outputs.map(name => [name, {kind: 'file', digest: digestBytes(`${id} ${name}`), size: 1234}] as const),
    ),
    metrics,
    made: {
      run: '20260801-140512-x3',
      startedAt: START,
      durationMs: seconds * 1000,
      queuedMs: 0,
      git: null,
      continued: null,
      cpuMs: null,
      peakBytes: null,
      executor: 'local',
      host: 'laptop',
      platform: 'linux x64, node 20.20.2',
      device: 'cpu',
      cpus: 1,
    },
    log: {text: made.log ?? `${id} began\n${id} ended`, hidden: 0},
  };
}

export const ACCURACIES = {
  sgd: [0.9712, 0.9698, 0.9705],
  sam: [0.9761, 0.9744, 0.9772],
} as const;

const TABLE = `## SAM against SGD: test accuracy

| optimizer |  lr | runs | test accuracy (%) | published         |
| --------- | --: | ---: | ----------------: | ----------------- |
| sgd       | 0.1 |    3 |      97.05 ± 0.17 | 97.59 (elsewhere) |
| sam       | 0.1 |    3 |      97.59 ± 0.35ᵃ | 98.10 (elsewhere) |

ᵃ A note on this one.

## SAM against SGD: differences in test accuracy

| optimizer | against | difference (points) |
| --------- | ------- | ------------------: |
| sam       | sgd     |               +0.54 |

## SAM against SGD: every run, test accuracy (%)

| optimizer | seed 0 | seed 1 | seed 2 |
| --------- | -----: | -----: | -----: |
| sgd       |  97.12 |  96.98 |  97.05 |
| sam       |  97.61 |  97.44 |  97.72 |
`;

/** As `tabulate` writes it for the table above: three runs of SGD, then three of SAM. */
function traceOf(trains: readonly InstanceFacts[]): Trace {
  const [sgd, sam] = [
    [0, 1, 2],
    [3, 4, 5],
  ];
  const metric = 'test_accuracy';
  const values = [...sgd, ...sam].map(run => ({metric, statistic: 'value', of: [run], against: []}));
  return {
    format: 'pipe-trace-1',
    summary: null,
    study: null,
    instances: trains.map(({instance, fingerprint, metrics}) => ({
      instance: instance.id,
      fingerprint: fingerprint ?? '',
      values: metrics,
    })),
    numbers: [
      {metric, statistic: 'mean', of: sgd, against: []},
      {metric, statistic: 'mean', of: sam, against: []},
      {metric, statistic: 'difference of the means', of: sam, against: sgd},
      ...values,
    ],
    files: {
      'table.md': {
        digest: digestBytes(TABLE),
        lines: {
          5: [null, null, null, 0],
          6: [null, null, null, 1],
          14: [null, null, 2],
          20: [null, 3, 4, 5],
          21: [null, 6, 7, 8],
        },
      },
    },
  };
}

export const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="480" height="300" viewBox="0 0 480 300"><desc>Accuracy over epochs</desc><rect width="480" height="300" fill="#fff"/><path d="M40 260 C120 90 240 60 440 40" fill="none" stroke="#36b" stroke-width="3"/></svg>';

/** A 1 × 1 PNG. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** Data, three seeds of two optimizers, statistics, a published table, a plot. */
export function studyFacts(): PageFacts {
  const preprocess = madeInstance('preprocess', {}, {params: {validation: 0.2}, metrics: {samples: 1437}});
  const trains = Object.entries(ACCURACIES).flatMap(([optimizer, values]) =>
    values.map((value, seed) =>
      madeInstance(
        'train',
        {optimizer, seed},
        {
          params: {hidden: [64, 64], epochs: 40, lr: 0.1},
          metrics: {test_accuracy: value, train_loss: 0.1234567 + seed / 100},
          inputs: {data: one(preprocess.instance.id)},
          outputs: ['weights', 'curve.csv'],
          seconds: 61.5 + seed,
        },
      ),
    ),
  );
  const gathered = {runs: each(trains.map(({instance}) => instance.id))};
  const summary = madeInstance('summary', {}, {inputs: gathered, params: {over: 'seed'}});
  const table = madeInstance(
    'table',
    {},
    {
      inputs: {summary: one(summary.instance.id)},
      publish: 'results/study',
      outputs: ['table.md', 'table.csv'],
    },
  );
  const plot = madeInstance(
    'plot',
    {},
    {inputs: gathered, outputs: ['curves.svg', 'curves.png'], params: {title: 'Learning curves'}},
  );
  const instances = [preprocess, ...trains, summary, table, plot];
  return factsOf(instances, {
    documents: [
      documentOf(table.instance.id, 'table.md', 'markdown', TABLE, traceOf(trains)),
      documentOf(table.instance.id, 'table.csv', 'csv', 'optimizer,seed,value\nsam,1,0.9744\n"a, b",2,\n'),
    ],
    pictures: [pictureOf(plot.instance.id, 'curves.svg', 'image/svg+xml', Buffer.from(SVG))],
  });
}

export function factsOf(
  instances: readonly InstanceFacts[],
  {documents = [], pictures = []}: Partial<Pick<PageFacts, 'documents' | 'pictures'>> = {},
): PageFacts {
  const plan: Plan = {
    pipeline: 'study',
    about: 'Does SAM find flatter minima than SGD, and does it matter?',
    file: 'pipelines/study.yaml',
    profile: null,
    params: {epochs: 40, seeds: [0, 1, 2]},
    instances: instances.map(({instance}) => instance),
    study: {profile: null, changed: []},
    pending: [],
  };
  return {
    version: '0.1.0',
    pipeline: plan.pipeline,
    about: plan.about,
    file: plan.file,
    params: plan.params,
    lastRun: {
      run: '20260801-140512-x3',
      startedAt: START,
      durationMs: 95_000,
      executed: instances.length - 1,
      cached: 1,
      failed: 0,
      others: 0,
    },
    instances,
    documents,
    pictures,
    leftOut: [],
    graph: drawableGraph(plan, 'stages'),
    code: [...new Set(instances.map(({instance}) => instance.stage))].map(uses => ({
      digest: digestBytes(`code of ${uses}`),
      uses,
      files: [{path: `stages/${uses}.ts`, digest: digestBytes(uses), importedBy: null}],
      packages: {zod: '4.6.7'},
    })),
    commands: [{command: 'pipe run pipelines/study.yaml', about: 'To make what is shown here.'}],
  };
}

export const documentOf = (
  id: InstanceId,
  name: string,
  format: DocumentFacts['format'],
  text: string,
  trace: Trace | null = null,
): DocumentFacts => ({id, name, format, digest: digestBytes(text), text, trace});

export const pictureOf = (
  id: InstanceId,
  name: string,
  type: PictureFacts['type'],
  bytes: Uint8Array,
): PictureFacts => ({id, name, digest: digestBytes(bytes) as Digest, type, bytes, others: []});
