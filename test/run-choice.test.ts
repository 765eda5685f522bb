// Files that a plan reads while it runs: cells and chosen parameters become instances, actions and keys, whatever ends
// together with what.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {ProjectRig} from './rig/project-rig.ts';

const THREE = `pipeline: three
params: {lrs: [1, 2], epochs: [5, 6]}
stages:
  lrs:
    run: 'echo "{\\"score\\": $lr}" > "$metrics"'
    matrix: {optimizer: [sgd, sam], lr: "\${lrs}"}
  best-lr:
    run: 'echo "{\\"optimizer\\": \\"$optimizer\\", \\"lr\\": 2}" > "$out_best"'
    in: {runs: {each: lrs}}
    matrix: {optimizer: [sgd, sam]}
    out: {best: best.json}
  rhos:
    run: 'echo "$optimizer $lr $rho"'
    with: {from: best-lr}
    matrix: {rho: [0.1, 0.2]}
  best-rho:
    run: 'echo "{\\"rho\\": 0.2}" > "$out_best"'
    in: {runs: {each: rhos}}
    matrix: {optimizer: [sgd, sam]}
    out: {best: best.json}
  longs:
    run: 'echo "$optimizer $lr $rho $epochs"'
    with: {from: [best-lr, best-rho.best]}
    matrix: {epochs: "\${epochs}"}
  best-epochs:
    run: 'echo "{\\"epochs\\": 5}" > "$out_best"'
    in: {runs: {each: longs}}
    out: {best: best.json}
  train:
    run: 'echo "$optimizer $lr $rho $epochs $seed" > "$out/said.txt"; cat "$out/said.txt"'
    with: {from: [best-lr, best-rho, best-epochs]}
    matrix: {seed: [0, 1]}
  all:
    run: 'cat "$in_runs"/*/said.txt > "$out_said"'
    in: {runs: {each: train}}
    out: {said: said.txt}
    publish: results/three
`;

test('three choosers in a row: what each chose is in the parameters of what runs, and in its key', async () => {
  await using rig = new ProjectRig();
  const first = await rig.run(THREE);
  assert.deepEqual(first.summary.diagnostics, []);
  assert.equal(first.ids('executed').length, first.summary.plan.instances.length);
  const said = rig.read('results/three/said.txt');
  assert.equal(said, 'sam 2 0.2 5 0\nsam 2 0.2 5 1\nsgd 2 0.2 5 0\nsgd 2 0.2 5 1\n');
  const train = first.summary.plan.instances.find(({id}) => id === 'train[optimizer=sam,seed=1]');
  assert.deepEqual(train?.params, {optimizer: 'sam', lr: 2, rho: 0.2, epochs: 5, seed: 1});

  const again = await rig.run(THREE);
  assert.equal(again.ids('cached').length, first.ids('executed').length);

  // More is tried, and the same is chosen: nothing that takes the choice runs.
  const wider = await rig.run(THREE, {set: ['lrs=[0, 1, 2]']});
  assert.deepEqual(
    wider.ids('executed').filter(id => /^(train|all|longs|rhos)/.test(id)),
    [],
  );
  assert.equal(wider.outcome('best-lr[optimizer=sam]').status, 'executed');

  // Another choice runs what takes it.
  const other = await rig.run(THREE.replace('epochs\\": 5', 'epochs\\": 6'));
  assert.deepEqual(other.ids('executed'), [
    'best-epochs',
    ...['sgd', 'sam'].flatMap(optimizer => [0, 1].map(seed => `train[optimizer=${optimizer},seed=${seed}]`)),
    'all',
  ]);
  const outcome = other.outcome('train[optimizer=sam,seed=1]');
  assert.ok(outcome.status === 'executed' && outcome.stale.why === 'changed');
  assert.deepEqual(outcome.stale.changes, [{what: 'parameter', name: 'epochs', before: '5', after: '6'}]);
});

test('a file that gives no parameters is a mistake with a place; what hangs on other files goes on', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: half
stages:
  best: {run: 'if [ $x = 1 ]; then echo "{}"; else echo "{\\"y\\": NaN}"; fi > "$out_best"', matrix: {x: [1, 2]}, out: {best: best.json}}
  use: {run: 'true', with: {from: best}}
  below: {run: 'true', in: {use: use}}
`;
  const {summary} = await rig.run(text);
  assert.deepEqual(
    summary.diagnostics.map(({code, span}) => [code, span?.file.path, span?.start]),
    [['bad-json', 'best[x=2].best', 6]],
  );
  assert.equal(summary.outcomes.get(idOf(summary.plan, 'below[x=1]'))?.status, 'executed');
  assert.deepEqual(summary.outcomes.get(idOf(summary.plan, 'use[x=2]')), {
    status: 'skipped',
    because: 'best[x=2]',
  });
  assert.deepEqual(summary.outcomes.get(idOf(summary.plan, 'below[x=2]')), {
    status: 'skipped',
    because: 'best[x=2]',
  });
});

const idOf = (plan: {readonly instances: readonly {readonly id: string}[]}, id: string) => {
  const found = plan.instances.find(instance => instance.id === id);
  assert.ok(found);
  return found.id as never;
};

test('makers of cells and of parameters that end together make one plan of all', async () => {
  await using rig = new ProjectRig();
  const makers = Array.from({length: 6}, (_, index) => `m${index}`);
  const text = `pipeline: together
stages:
${makers
  .map(
    name => `  ${name}: {run: ': ${name}; echo "[{\\"a\\": 1}, {\\"a\\": 2}]" > "$out_cells"; echo "{\\"b\\": 3}" > "$out_best"', out: {cells: c.json, best: b.json}}
  of-${name}: {run: 'echo ${name} $a $b', matrix: {from: ${name}.cells}, with: {from: ${name}.best}}
  under-${name}: {run: 'echo ${name}', in: {runs: {each: of-${name}}}}`,
  )
  .join('\n')}
`;
  const ended = await rig.run(text, {machine: {cpus: 6}});
  assert.deepEqual(ended.summary.diagnostics, []);
  assert.equal(ended.ids('executed').length, 6 * 4);
  assert.deepEqual(ended.summary.plan.pending, []);
  const again = await rig.run(text);
  assert.equal(again.ids('cached').length, 6 * 4);
});
