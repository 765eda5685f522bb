// Parameters that other stages chose: one road from the file to the instance, with a place at every mistake.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {type Instance, isOpen, type Plan} from '../src/plan/plan.ts';
import {awaitedFiles} from '../src/plan/plan-files.ts';
import {producersOf} from '../src/plan/plan-graph.ts';
import {selectInstances} from '../src/plan/selection.ts';
import {drawAll, filesOf, mistakesOf, mustPlan, planText, STUDY} from './rig/pipelines.ts';

const find = (plan: Plan, id: string): Instance => {
  const found = plan.instances.find(instance => instance.id === id);
  assert.ok(found, `no instance ${id}`);
  return found;
};
const stagesOf = (plan: Plan): string[] => [...new Set(plan.instances.map(({stage}) => stage))];

test('the whole study is planned before anything is chosen, and says what it waits for', async () => {
  const plan = await mustPlan(STUDY);
  const train = find(plan, 'train[optimizer=sam,seed=3]');
  assert.ok(isOpen(train));
  assert.deepEqual(train.params, {model: 'simple-nn', epochs: 100, seed: 3});
  assert.deepEqual(train.choosers, [{from: {id: 'best[optimizer=sam]', output: 'best'}, gives: null}]);
  assert.deepEqual(Object.keys(train.inputs), ['data']);
  assert.deepEqual(producersOf(train), ['preprocess', 'best[optimizer=sam]']);
  assert.deepEqual([...awaitedFiles(plan).keys()], ['best[optimizer=sgd].best', 'best[optimizer=sam].best']);
  assert.deepEqual(plan.pending, []);
  assert.deepEqual(stagesOf(plan).slice(-2), ['summary', 'table']);
});

test('what is chosen stands in the parameters, with the defaults of the module, for the instances of that chooser', async () => {
  const plan = await mustPlan(
    STUDY,
    {},
    filesOf({'best[optimizer=sam].best': {optimizer: 'sam', lr: 0.05, rho: 0.2}}),
  );
  const train = find(plan, 'train[optimizer=sam,seed=3]');
  assert.deepEqual(train.params, {
    model: 'simple-nn',
    optimizer: 'sam',
    lr: 0.05,
    rho: 0.2,
    epochs: 100,
    seed: 3,
    milestones: [],
  });
  assert.deepEqual(train.choosers[0]?.gives, ['optimizer', 'lr', 'rho']);
  assert.ok(isOpen(find(plan, 'train[optimizer=sgd,seed=3]')));
  assert.deepEqual([...awaitedFiles(plan).keys()], ['best[optimizer=sgd].best']);
});

test('a selection that needs chosen parameters needs what chooses them', async () => {
  const plan = await mustPlan(STUDY);
  const chosen = selectInstances(plan, {targets: ['train[optimizer=sam,seed=0]']});
  assert.ok(chosen.ok);
  const stages = new Set([...chosen.value.ids].map(id => find(plan, id).stage));
  assert.deepEqual([...stages], ['download', 'preprocess', 'grid', 'best', 'train']);
  const below = selectInstances(plan, {from: ['best[optimizer=sgd]']});
  assert.ok(below.ok);
  assert.equal([...below.value.ids].filter(id => find(plan, id).stage === 'train').length, 5);
});

const THREE = `pipeline: three
stages:
  lrs: {run: ./fit, matrix: {optimizer: [sgd, sam], lr: [0.1, 0.2]}, out: m.json}
  best-lr: {run: ./pick, in: {runs: {each: lrs}}, matrix: {optimizer: [sgd, sam]}, out: {best: b.json}}
  rhos: {run: ./fit, with: {from: best-lr}, matrix: {rho: [1, 2]}, out: m.json}
  best-rho: {run: ./pick, in: {runs: {each: rhos}}, matrix: {optimizer: [sgd, sam]}, out: {best: b.json}}
  all-epochs: {run: ./fit, with: {from: [best-lr, best-rho.best]}, matrix: {epochs: [1, 2]}, out: m.json}
  best-epochs: {run: ./pick, in: {runs: {each: all-epochs}}, out: {best: b.json}}
  train: {run: ./fit, with: {from: [best-lr, best-rho, best-epochs]}, matrix: {seed: [0, 1]}}
  summary: {run: ./sum, in: {runs: {each: train}}}
`;

test('three choosers in a row: each is waited for, all are joined on their axes, and agree where they meet', async () => {
  const contents: Record<string, unknown> = {};
  const planNow = (): Promise<Plan> => mustPlan(THREE, {}, filesOf(contents));
  const train = 'train[optimizer=sam,seed=1]';
  assert.equal((await planNow()).instances.length, 4 + 2 + 4 + 2 + 4 + 1 + 4 + 1);
  contents['best-lr[optimizer=sgd].best'] = {optimizer: 'sgd', lr: 0.1};
  contents['best-lr[optimizer=sam].best'] = {optimizer: 'sam', lr: 0.2};
  assert.deepEqual(find(await planNow(), 'rhos[optimizer=sam,rho=2]').params, {
    rho: 2,
    optimizer: 'sam',
    lr: 0.2,
  });
  contents['best-rho[optimizer=sam].best'] = {optimizer: 'sam', rho: 2};
  assert.deepEqual(find(await planNow(), train).params, {seed: 1, optimizer: 'sam', lr: 0.2, rho: 2});
  assert.ok(isOpen(find(await planNow(), train)));
  contents['best-rho[optimizer=sgd].best'] = {optimizer: 'sgd', rho: 1};
  contents['best-epochs.best'] = {epochs: 2};
  const last = await planNow();
  assert.deepEqual(find(last, train).params, {seed: 1, optimizer: 'sam', lr: 0.2, rho: 2, epochs: 2});
  assert.deepEqual(awaitedFiles(last), new Map());
});

test('a value that the schema refuses has a place in the pipeline and one in the file', async () => {
  const file = '{\n  "optimizer": "sam",\n\t"lr": -1, "milestones": [1, "2"],\n  "rate": 3\n}\n';
  const plan = await planText(STUDY, {}, filesOf({'best[optimizer=sam].best': file}));
  assert.ok(!plan.ok);
  assert.equal(
    drawAll(plan.error.slice(1, 2)),
    `error[bad-parameter]: expected a number greater than 0 as lr, got the number -1
    --> pipelines/test.yaml:41:18
  41 |     with: {from: best, model: simple-nn, epochs: "\${epochs}"}
     |                  ^^^^
  note: the value comes from here
   --> best[optimizer=sam].best:3:8
  3 | \t"lr": -1, "milestones": [1, "2"],
    | \t      ^^`,
  );
  assert.deepEqual(
    plan.error.map(({code}) => code),
    ['unknown-parameter', 'bad-parameter', 'bad-parameter'],
  );
  const sound = file.replace('"rate"', '"note"').replace('3', '"x"');
  const refused = await planText(STUDY, {}, filesOf({'best[optimizer=sam].best': sound}));
  assert.ok(!refused.ok);
  assert.deepEqual(
    refused.error.map(({message, notes}) => [
      message,
      notes.map(({span}) => span.file.text.slice(span.start, span.end)),
    ]),
    [
      ['expected a number greater than 0 as lr, got the number -1', ['-1']],
      ["expected a whole number as milestones.1, got the text '2'", ['"2"']],
    ],
  );
});

const mistakesWith = async (text: string, contents: Readonly<Record<string, unknown>>) => {
  const plan = await planText(text, {}, filesOf(contents));
  assert.ok(!plan.ok);
  return plan.error.map(({code, message}) => `${code}: ${message}`);
};

test('a name has one source: written and chosen is a mistake, an axis or two choosers must agree', async () => {
  const text = (more: string): string => `pipeline: p
stages:
  a: {run: ./a, matrix: {x: [1, 2]}, out: {f: f.json}}
  b: {run: ./b, out: {f: f.json}}
  c: {run: ./c, ${more}}
`;
  const [one, two] = [{'a[x=1].f': {x: 1, y: 1}}, {'b.f': {y: 1}}];
  assert.deepEqual(
    find(await mustPlan(text('with: {from: [a, b], z: 3}'), {}, filesOf({...one, ...two})), 'c[x=1]').params,
    {z: 3, x: 1, y: 1},
  );
  assert.deepEqual(await mistakesWith(text('with: {from: a, y: 1}'), one), [
    'value-and-choice: expected y either under `with` or from a.f, got both',
  ]);
  assert.deepEqual(await mistakesWith(text('with: {from: b}, matrix: {y: [1, 2]}'), two), [
    'axis-and-choice: expected y 2 from b.f, as the axis y says, got 1',
  ]);
  assert.deepEqual(await mistakesWith(text('with: {from: a}'), {'a[x=2].f': {x: 1}}), [
    'axis-and-choice: expected x 2 from a.f, as the axis x says, got 1',
  ]);
  assert.deepEqual(await mistakesWith(text('with: {from: [a, b]}'), {...one, 'b.f': {y: [1]}}), [
    'choice-and-choice: expected one value of y, got 1 and a list from two choosers',
  ]);
});

test('an axis of the chooser that is no parameter is a coordinate, and nothing is said of it', async () => {
  const text = `pipeline: p
stages:
  best: {run: ./b, matrix: {dataset: [mnist, digits]}, out: {f: f.json}}
  data: {uses: download, with: {dataset: digits}}
  pre: {uses: preprocess, in: {raw: data}}
  train: {uses: train, in: {data: pre}, with: {from: best.f, model: simple-nn, epochs: 1, seed: 0}}
`;
  const plan = await mustPlan(text, {}, filesOf({'best[dataset=mnist].f': {dataset: 'mnist', lr: 0.5}}));
  const train = find(plan, 'train[dataset=mnist]');
  assert.equal(train.params.lr, 0.5);
  assert.deepEqual(train.choosers[0]?.gives, ['lr']);
});

test('what the file must be is said with its place', async () => {
  const name = 'best[optimizer=sam].best';
  const said = async (file: string): Promise<string> => {
    const plan = await planText(STUDY, {}, filesOf({[name]: file}));
    assert.ok(!plan.ok);
    const [{span, message, notes} = {span: undefined, message: '', notes: []}] = plan.error;
    assert.equal(span?.file.path, name);
    assert.deepEqual(notes.at(-1)?.span.file.path, 'pipelines/test.yaml');
    return `${span.start} ${message}`;
  };
  assert.equal(
    await said('[{"lr": 1}]'),
    '0 expected an object of parameters such as {"lr": 0.1, "rho": 0.05}, got a list',
  );
  assert.equal(await said('{"lr": NaN}'), "7 expected a value in JSON, got 'NaN'");
  assert.equal(await said("{'lr': 1}"), "1 expected a key in double quotes in JSON, got '''");
  assert.equal(await said('{"lr": 1,}'), "9 expected a key in double quotes in JSON, got '}'");
  assert.equal(await said('{"lr": 1'), '8 expected `,` or `}` in JSON, got the end');
  assert.equal(await said('{"lr": 1, "lr": 2}'), "10 expected each key once, got 'lr' a second time");
  assert.equal(
    await said('{"lr": 12345678901234567890}'),
    '7 expected an integer of at most 9007199254740991, got 12345678901234567890',
  );
  assert.match(await said('{"a b": 1}'), /^1 expected a name for a parameter/);
  assert.match(await said('{"from": 1}'), /^1 expected a name for a parameter, got 'from'/);
});

test('what is written is checked before anything is chosen, and `from` names one file', async () => {
  const said = async (chooser: string, more = ''): Promise<string[]> =>
    (
      await mistakesOf(`pipeline: p
stages:
  data: {uses: download, with: {dataset: digits}}
  pre: {uses: preprocess, in: {raw: data}}
  two: {run: ./two, out: {a: a.json, b: b.json}}
  folder: {run: ./folder, out: [a/]}
  train: {uses: train, in: {data: pre}, with: {from: ${chooser}${more}}}
`)
    ).map(({code, message}) => `${code}: ${message}`);
  assert.deepEqual(await said('two.a', ', epochs: many, colour: red'), [
    "bad-parameter: expected a whole number greater than 0 as epochs, got the text 'many'",
    "unknown-parameter: expected a parameter of the stage module train, got 'colour'",
  ]);
  assert.deepEqual(await said('two'), [
    'bad-file-reference: expected one file that holds the parameters, got two, which has 2 files',
  ]);
  assert.deepEqual(await said('folder.a'), [
    'bad-file-reference: expected one file that holds the parameters, got the folder a',
  ]);
  assert.deepEqual(await said('tow.a'), ["unknown-stage: expected a stage of this pipeline, got 'tow'"]);
  assert.deepEqual(await said('[two.a, two.a]'), [
    'duplicate-value: expected each chooser once, got two a second time',
  ]);
  assert.match(
    (await said('{each: two}')).join(),
    /^wrong-type: expected a stage, stage\.output or a list of these/,
  );
  assert.match((await said('[]')).join(), /^wrong-type: .* got an empty list/);
  assert.match(
    (await said('train.weights')).join(),
    /^cycle: expected stages without a loop, got train → train/,
  );
});

test('a chooser behind a matrix file is held back with what takes its choice', async () => {
  const text = `pipeline: p
stages:
  cells: {run: ./c, out: {c: c.json}}
  fit: {run: ./f, matrix: {from: cells}, out: {m: m.json}}
  best: {run: ./b, in: {runs: {each: fit}}, out: {b: b.json}}
  train: {run: ./t, with: {from: best}}
`;
  const before = await mustPlan(text);
  assert.deepEqual(before.pending[0]?.holdsBack, ['fit', 'best', 'train']);
  const cells = {'cells.c': [{lr: 1}, {lr: 2}]};
  const after = await mustPlan(text, {}, filesOf(cells));
  assert.ok(isOpen(find(after, 'train')));
  const last = await mustPlan(text, {}, filesOf({...cells, 'best.b': {lr: 2}}));
  assert.deepEqual(find(last, 'train').params, {lr: 2});
});
