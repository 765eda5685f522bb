import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {StageError, type StageInput} from '../../src/stage/define.ts';
import select from '../../stages/select.ts';
import {runStage} from './rig.ts';
import {runOf} from './runs.ts';

const accuracy = (lr: number, value: number, more: Readonly<Record<string, number>> = {}): StageInput =>
  runOf({optimizer: 'sgd', lr}, {metrics: {validation_accuracy: value, diverged: 0, ...more}});

const metric = 'validation_accuracy';
const choose = async (runs: readonly StageInput[], params: Readonly<Record<string, unknown>> = {}) => {
  const run = await runStage(select, {metric, ...params}, {inputs: {runs}});
  return {...run, best: JSON.parse(readFileSync(run.files.best ?? '', 'utf8'))};
};

test('the best cell is chosen, its whole cell is what the file says, and every cell is listed', async () => {
  const {best, files, metrics} = await choose([accuracy(0.01, 0.9), accuracy(0.1, 0.95), accuracy(1, 0.5)]);
  assert.deepEqual(best, {optimizer: 'sgd', lr: 0.1});
  assert.deepEqual(metrics, {validation_accuracy: 0.95, cells: 3, ties: 1, left_out: 0, at_edge: 0});
  assert.equal(
    readFileSync(files.cells ?? '', 'utf8'),
    'optimizer,lr,validation_accuracy,values,diverged\nsgd,0.01,0.9,1,0\nsgd,0.1,0.95,1,0\nsgd,1,0.5,1,0\n',
  );
});

test('ties go to the cell that the grid names first, and are told', async () => {
  const {best, log, metrics} = await choose([accuracy(0.3, 0.9), accuracy(0.1, 0.9), accuracy(0.2, 0.8)]);
  assert.equal(best.lr, 0.3);
  assert.equal(metrics.ties, 2);
  assert.match(
    log.join('\n'),
    /2 cells have the best validation_accuracy, 0\.9; taken is the one that the grid/,
  );
});

test('a grid that grows and keeps its best cell gives the same file, so that what is trained by it stays cached', async () => {
  const before = await choose([accuracy(0.01, 0.9), accuracy(0.1, 0.95)]);
  const after = await choose([accuracy(0.01, 0.9), accuracy(0.1, 0.95), accuracy(1, 0.5)]);
  assert.deepEqual(after.best, before.best);
});

test('the goal may be the smallest, and seeds are replicates whose mean counts', async () => {
  const runs = [0.1, 0.2].flatMap(lr =>
    [0, 1].map(seed =>
      runOf({lr, seed}, {metrics: {validation_loss: lr === 0.1 ? 0.5 + seed : 0.9, diverged: 0}}),
    ),
  );
  const {best} = await choose(runs, {metric: 'validation_loss', goal: 'min'});
  assert.deepEqual(best, {lr: 0.2});
});

test('a cell with a diverged run cannot win, however good its others are', async () => {
  const runs = [
    runOf({lr: 1, seed: 0}, {metrics: {validation_accuracy: 0.99, diverged: 0}}),
    runOf({lr: 1, seed: 1}, {metrics: {diverged: 1}}),
    runOf({lr: 0.1, seed: 0}, {metrics: {validation_accuracy: 0.7, diverged: 0}}),
    runOf({lr: 0.1, seed: 1}, {metrics: {validation_accuracy: 0.7, diverged: 0}}),
  ];
  const {best, log, metrics} = await choose(runs);
  assert.equal(best.lr, 0.1);
  assert.equal(metrics.left_out, 1);
  assert.match(log.join('\n'), /left out: lr=1: a run diverged/);
});

test('when all diverged, or none has the metric, the message says what there is', async () => {
  const refuses = (runs: readonly StageInput[], message: RegExp) =>
    assert.rejects(choose(runs), error => error instanceof StageError && message.test(error.message));
  await refuses([runOf({lr: 1}, {metrics: {diverged: 1}})], /all 1 runs diverged, so none has the metric/);
  await refuses(
    [runOf({lr: 1}, {metrics: {test_accuracy: 1}})],
    /expected a metric of the runs, got validation_accuracy; they have test_accuracy/,
  );
});

test('a best cell at an edge of the grid is said to be there; cost and edges are recorded', async () => {
  const cell = (lr: number, rho: number, value: number) =>
    runOf({lr, rho}, {metrics: {validation_accuracy: value, diverged: 0, gradient_evaluations: 10}});
  const inside = [cell(0.1, 0.1, 0.7), cell(0.2, 0.1, 0.9), cell(0.4, 0.1, 0.8)];
  const first = await choose([...inside, cell(0.2, 0.2, 0.8), cell(0.2, 0.05, 0.8)]);
  assert.equal(first.metrics.at_edge, 0);
  assert.equal(first.metrics.gradient_evaluations, 50);
  const second = await choose([...inside, cell(0.2, 0.2, 0.95)]);
  assert.equal(second.metrics.at_edge, 1);
  assert.match(
    second.log.join('\n'),
    /at an edge: rho 0\.2 is the largest of the grid; a wider grid may have a better one/,
  );
});
