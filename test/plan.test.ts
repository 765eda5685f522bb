// What a pipeline expands to: instances, their parameters and inputs, and what waits for a file.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import type {Plan} from '../src/plan/plan.ts';
import type {ReadOptions} from '../src/spec/read-pipeline.ts';
import {drawAll, filesOf, mistakesOf, mustPlan, planText, STUDY} from './rig/pipelines.ts';

const idsOf = (plan: Plan): readonly string[] => plan.instances.map(({id}) => id);
const find = (plan: Plan, id: string) => {
  const found = plan.instances.find(instance => instance.id === id);
  assert.ok(found, `no instance ${id} among ${idsOf(plan).join(' ')}`);
  return found;
};

test('the study expands to its grid, the best of each optimizer, one training per seed, and one table', async () => {
  const plan = await mustPlan(STUDY);
  const ids = idsOf(plan);
  assert.equal(ids.filter(id => id.startsWith('grid[')).length, 20);
  assert.deepEqual(
    ids.filter(id => !id.startsWith('grid[')),
    [
      'download',
      'preprocess',
      'best[optimizer=sgd]',
      'best[optimizer=sam]',
      ...['sgd', 'sam'].flatMap(o => [0, 1, 2, 3, 4].map(seed => `train[optimizer=${o},seed=${seed}]`)),
      'summary',
      'table',
    ],
  );
  const grid = find(plan, 'grid[optimizer=sam,lr=0.1,rho=0.05]');
  const {choosers, params, inputs} = grid;
  assert.deepEqual(choosers, []);
  assert.deepEqual(Object.keys(inputs), ['data']);
  assert.deepEqual(params, {
    model: 'simple-nn',
    optimizer: 'sam',
    lr: 0.1,
    rho: 0.05,
    epochs: 10,
    seed: 0,
    milestones: [],
  });
});

test('axes flow through single inputs, meet where they are shared, and are multiplied where they are not', async () => {
  const plan = await mustPlan(`pipeline: flow
stages:
  a: {run: "true", matrix: {x: [1, 2], y: [p, q]}}
  b: {run: "true", matrix: {y: [p, q], z: [7, 8]}}
  both: {run: "true", in: {a: a, b: b}, matrix: {x: [2]}}
  all: {run: "true", in: {runs: {each: both}}, matrix: {z: [8, 7]}}
`);
  const ids = idsOf(plan).filter(id => /^(both|all)/.test(id));
  assert.deepEqual(ids, [
    'both[x=2,y=p,z=7]',
    'both[x=2,y=p,z=8]',
    'both[x=2,y=q,z=7]',
    'both[x=2,y=q,z=8]',
    'all[z=8]',
    'all[z=7]',
  ]);
  assert.deepEqual(find(plan, 'all[z=8]').inputs, {
    runs: {
      kind: 'each',
      from: [
        {id: 'both[x=2,y=p,z=8]', output: null},
        {id: 'both[x=2,y=q,z=8]', output: null},
      ],
    },
  });
});

test('a file that a parameter names is declared with the stage; one that is not there is a mistake where it is written', async () => {
  const plan = await mustPlan(`pipeline: own
stages:
  fit:
    uses: fit
    files: [docs]
    matrix: {model: [linear, ./tools/mine.ts]}
`);
  assert.deepEqual(find(plan, 'fit[model=linear]').files, ['docs']);
  assert.deepEqual(find(plan, 'fit[model=./tools/mine.ts]').files, ['docs', 'tools/mine.ts']);
  for (const [text, message] of [
    [
      'with: {model: ./models/none.ts}',
      /^expected a file of the project for model, got '\.\/models\/none\.ts'/,
    ],
    ['matrix: {model: [linear, ./models/none.ts]}', /^expected a file of the project for model/],
    ['with: {model: linaer}', /^expected text that matches .* or one of 'linear', 'cubic' as model/],
  ] as const) {
    const [found] = await mistakesOf(`pipeline: own\nstages:\n  fit: {uses: fit, ${text}}\n`);
    assert.match(found?.message ?? '', message);
    const {start = 0, end = 0, file} = found?.span ?? {};
    assert.ok(['./models/none.ts', 'linaer'].includes(file?.text.slice(start, end) ?? ''));
  }
});

const SEARCH = `pipeline: search
params: {points: 3}
stages:
  data: {uses: download, with: {dataset: digits}}
  pre: {uses: preprocess, in: {raw: data}}
  cells: {run: ./cells, with: {points: "\${points}"}, out: {cells: cells.json, log: log.txt}}
  train:
    uses: train
    in: {data: pre}
    matrix: {from: cells.cells}
    with: {model: simple-nn, epochs: 2}
  best: {uses: select, in: {runs: {each: train}}, with: {metric: loss}}
`;

test('stages whose cells are in a file wait for it, and are planned when it is there', async () => {
  const before = await mustPlan(SEARCH);
  assert.deepEqual(idsOf(before), ['data', 'pre', 'cells']);
  assert.deepEqual(before.pending, [
    {stage: 'train', from: {id: 'cells', output: 'cells'}, holdsBack: ['train', 'best']},
  ]);
  const cells = [
    {lr: 0.1, seed: 1},
    {lr: 0.2, seed: 2},
  ];
  const after = await mustPlan(SEARCH, {}, filesOf({'cells.cells': cells}));
  assert.deepEqual(after.pending, []);
  assert.deepEqual(idsOf(after).slice(3), ['train[lr=0.1,seed=1]', 'train[lr=0.2,seed=2]', 'best']);
  assert.equal(find(after, 'train[lr=0.2,seed=2]').params.lr, 0.2);
});

test('cells of a file that the stage module refuses are mistakes where the file is named, and in the file', async () => {
  const cells = `[{"lr": -1, "seed": 1},\n {"seed": 2, "colour": "red"}]`;
  const plan = await planText(SEARCH, {}, filesOf({'cells.cells': cells}));
  assert.ok(!plan.ok);
  assert.equal(
    drawAll(plan.error),
    `error[bad-parameter]: expected a number greater than 0 as lr, got the number -1
    --> pipelines/test.yaml:10:20
  10 |     matrix: {from: cells.cells}
     |                    ^^^^^^^^^^^
  note: the value comes from here
   --> cells.cells:1:9
  1 | [{"lr": -1, "seed": 1},
    |         ^^`,
  );
});

test('a file of cells that is no list of flat objects is refused at every place that is wrong', async () => {
  const cells = `[{"lr": 0.1, "seed": 1}, {"seed": [2]}, {"from": 1}, {"seed": 1, "lr": 1e-1}, 3]`;
  const plan = await planText(SEARCH, {}, filesOf({'cells.cells': cells}));
  assert.ok(!plan.ok);
  assert.deepEqual(
    plan.error.map(({code, span}) => [code, span?.file.path, span?.file.text.slice(span.start, span.end)]),
    [
      ['wrong-type', 'cells.cells', '[2]'],
      ['bad-cells', 'cells.cells', '"from"'],
      ['bad-cells', 'cells.cells', '{"seed": 1, "lr": 1e-1}'],
      ['bad-cells', 'cells.cells', '3'],
    ],
  );
});

test('--set comes before the profile, the profile before the default; types stay', async () => {
  const text = `pipeline: p
params: {n: 1, list: [1], net: {depth: 1, width: 1}, title: plain}
profiles: {big: {n: 10, net: {depth: 10}}}
stages:
  it: {run: "true", with: {n: "\${n}", list: "\${list}", net: "\${net}", depth: "\${net.depth}", title: "\${title}"}}
`;
  const of = async (options?: ReadOptions) => find(await mustPlan(text, options), 'it').params;
  const plain = {n: 1, list: [1], net: {depth: 1, width: 1}, depth: 1, title: 'plain'};
  assert.deepEqual(await of(), plain);
  assert.deepEqual(await of({profile: 'big'}), {...plain, n: 10, net: {depth: 10, width: 1}, depth: 10});
  assert.deepEqual(
    await of({profile: 'big', set: ['net.depth=5', 'list=[2, 3]', 'title=007', 'n=2', 'n=3']}),
    {
      n: 3,
      list: [2, 3],
      net: {depth: 5, width: 1},
      depth: 5,
      title: '007',
    },
  );
});

test('a plan is JSON: what was read from it again is the same', async () => {
  const plan = await mustPlan(STUDY);
  assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
});

test('a mistake behind a YAML anchor is told once, however many aliases lead to it', async () => {
  const result = await planText(
    'pipeline: p\nstages:\n  a: {run: "true", with: &same {lr: "${lr}"}}\n  b: {run: "true", with: *same}\n',
  );
  assert.ok(!result.ok);
  assert.deepEqual(
    result.error.map(({code}) => code),
    ['unknown-parameter'],
  );
});
