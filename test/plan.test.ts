import assert from 'node:assert/strict';
import {test} from 'node:test';
import type {Plan} from '../src/plan/plan.ts';
import {mustPlan, STUDY} from './rig/pipelines.ts';

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
  const train = find(plan, 'train[optimizer=sam,seed=3]');
  assert.deepEqual(train.params, {
    model: 'simple-nn',
    optimizer: 'sgd',
    lr: 0.1,
    rho: 0.05,
    epochs: 100,
    seed: 3,
    milestones: [],
  });
});
