// Search: points that fill a space, the best of them, and rungs that go on where the one before stopped.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {StageError} from '../../src/stage/define.ts';
import points from '../../stages/points.ts';
import {sobolPoint} from '../../stages/search/sobol.ts';
import select from '../../stages/select.ts';
import {runStage} from './rig.ts';
import {runOf} from './runs.ts';

const cellsOf = async (params: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>[]> => {
  const {files} = await runStage(points, params, {inputs: {}});
  return JSON.parse(readFileSync(files.cells ?? '', 'utf8'));
};

test("Sobol's sequence is the one of Joe and Kuo", () => {
  const at = (index: number): number[] => sobolPoint(index, 5, []);
  // Their program's output for new-joe-kuo-6, dimensions 1 to 5.
  assert.deepEqual(at(0), [0, 0, 0, 0, 0]);
  assert.deepEqual(at(1), [0.5, 0.5, 0.5, 0.5, 0.5]);
  assert.deepEqual(at(2), [0.75, 0.25, 0.25, 0.25, 0.75]);
  assert.deepEqual(at(3), [0.25, 0.75, 0.75, 0.75, 0.25]);
  assert.deepEqual(at(4), [0.375, 0.375, 0.625, 0.875, 0.375]);
});

test('each half, quarter and eighth of every axis gets its share of the first points', () => {
  for (let dimension = 0; dimension < 8; dimension++) {
    const places = Array.from({length: 64}, (_, index) =>
      Math.floor((sobolPoint(index, 8, [])[dimension] ?? 0) * 64),
    );
    assert.equal(new Set(places).size, 64, `dimension ${dimension}`);
  }
});

test('more points keep those before them; values have few digits and lie in their range', async () => {
  const space = {
    lr: {from: 0.001, to: 1, scale: 'log'},
    width: {from: 0, to: 1, digits: 2},
    kind: {of: ['a', 'b', 3]},
  };
  for (const method of ['sobol', 'random']) {
    const [few, many] = [
      await cellsOf({space, method, count: 10}),
      await cellsOf({space, method, count: 40}),
    ];
    assert.deepEqual(many.slice(0, few.length), few);
    assert.notDeepEqual(await cellsOf({space, method, count: 10, seed: 1}), few);
    for (const {lr, kind} of many) {
      assert.ok(typeof lr === 'number' && lr >= 0.001 && lr <= 1);
      assert.equal(Number(lr.toPrecision(3)), lr);
      assert.ok(kind === 'a' || kind === 'b' || kind === 3);
    }
    assert.ok(
      many.filter(({lr}) => Number(lr) < 0.0316).length >= 12,
      'half of the points lie in each half of the log scale',
    );
  }
  await assert.rejects(cellsOf({space: {}, count: 1}), StageError);
  const bad = points.params.safeParse({space: {lr: {from: 0, to: 1, scale: 'log'}}, count: 1});
  assert.match(JSON.stringify(bad.error?.issues), /expected more than 0 on a log scale/);
});

test('the best cells come in the order of the grid, ties go to the first, and diverged cells are none of them', async () => {
  const run = (lr: number, accuracy: number, diverged = 0) =>
    runOf({lr}, {metrics: {validation_accuracy: accuracy, diverged}});
  const runs = [run(1, 0.7), run(2, 0.9), run(3, 0.99, 1), run(4, 0.9), run(5, 0.95), run(6, 0.9)];
  const topOf = async (params: object): Promise<unknown> => {
    const {files} = await runStage(select, {metric: 'validation_accuracy', ...params}, {inputs: {runs}});
    return JSON.parse(readFileSync(files.top ?? '', 'utf8'));
  };
  assert.deepEqual(await topOf({}), [{lr: 5}]);
  assert.deepEqual(await topOf({top: 3}), [{lr: 2}, {lr: 4}, {lr: 5}]);
  assert.deepEqual(await topOf({top: 2, goal: 'min'}), [{lr: 1}, {lr: 2}]);
  assert.deepEqual(await topOf({top: 99}), [{lr: 1}, {lr: 2}, {lr: 4}, {lr: 5}, {lr: 6}]);
});
