// Selectors and what they select, held against the plain meaning; and what is said where nothing is selected.

import assert from 'node:assert/strict';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import fc from 'fast-check';
import type {Plan} from '../src/plan/plan.ts';
import {producersOf} from '../src/plan/plan-graph.ts';
import {matchSelector, type SelectionRequest, selectInstances} from '../src/plan/selection.ts';
import {drawAll, mustPlan, STUDY} from './rig/pipelines.ts';

const seed = process.env.FC_SEED === undefined ? {} : {seed: Number(process.env.FC_SEED)};
const study = await mustPlan(STUDY);
const held = await mustPlan(`pipeline: held
stages:
  cells: {run: ./cells, out: {cells: cells.json}}
  other: {run: ./other}
  search: {run: ./search, in: {other: other}, matrix: {from: cells}}
  table: {run: ./table, in: {runs: {each: search}}}
`);

const select = (plan: Plan, request: SelectionRequest): string[] => {
  const selected = selectInstances(plan, request);
  assert.ok(selected.ok, selected.ok ? '' : drawAll(selected.error));
  return [...selected.value.ids].sort();
};
const found = (plan: Plan, text: string): readonly string[] => {
  const matched = matchSelector(plan, text);
  assert.ok(matched.ok, matched.ok ? '' : drawAll([matched.error]));
  return matched.value;
};

test('a selector means the instances that have one of the values on every axis that it names', () => {
  assert.equal(found(study, 'train').length, 10);
  assert.deepEqual(found(study, 'train[optimizer=sam,seed=1..2]'), [
    'train[optimizer=sam,seed=1]',
    'train[optimizer=sam,seed=2]',
  ]);
  assert.deepEqual(found(study, 'train[seed=4|2..1,optimizer=sgd]'), [
    'train[optimizer=sgd,seed=1]',
    'train[optimizer=sgd,seed=2]',
    'train[optimizer=sgd,seed=4]',
  ]);
  assert.deepEqual(found(study, 'grid[lr=1e-1,rho=0.050]'), ['grid[optimizer=sam,lr=0.1,rho=0.05]']);
  assert.equal(found(study, 'grid[lr=0.1]').length, 4, 'an axis that some cells lack');
});

test('a value that selects nothing is a mistake, also beside one that selects something', () => {
  for (const text of ['train[seed=1|99]', 'train[seed=1|7..9]', 'train[optimizer=sam|sgdd]']) {
    const matched = matchSelector(study, text);
    assert.ok(!matched.ok, text);
    assert.equal(matched.error.code, 'unknown-value');
  }
});

test('every id that was printed selects its instance, whatever its values look like', async () => {
  const value = fc
    .string({minLength: 1, maxLength: 6, unit: 'grapheme-ascii'})
    .filter(text => text.trim() === text);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(value, {minLength: 1, maxLength: 4}), async values => {
      const stages = {fit: {run: 'true', matrix: {name: values.map(text => text.replaceAll('${', '$'))}}};
      const plan = await mustPlan(JSON.stringify({pipeline: 'ids', stages}));
      for (const {id} of plan.instances) assert.deepEqual(found(plan, id), [id]);
      for (const {id, cell} of plan.instances) {
        assert.ok(found(plan, `fit[name=${JSON.stringify(cell.name)}]`).includes(id), id);
      }
    }),
    {numRuns: 100, ...seed},
  );
});

const needs: ReadonlyMap<string, readonly string[]> = new Map(
  study.instances.map(each => [each.id, producersOf(each)]),
);
function closure(start: readonly string[], next: (id: string) => readonly string[]): Set<string> {
  const all = new Set<string>();
  const open = [...start];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (!all.has(id)) open.push(...next(id));
    all.add(id);
  }
  return all;
}
const above = (id: string): readonly string[] => needs.get(id) ?? [];
const below = (id: string): readonly string[] =>
  [...needs].flatMap(([other, all]) => (all.includes(id) ? [other] : []));

test('targets take what they need, --from what needs them, --only neither; several kinds must agree', () => {
  const ids = fc.option(fc.subarray([...needs.keys()], {minLength: 1, maxLength: 3}), {nil: undefined});
  const request = fc.record({targets: ids, until: ids, from: ids, only: ids});
  fc.assert(
    fc.property(request, ({targets, until, from, only}) => {
      const expected = [...needs.keys()].filter(
        id =>
          (!targets || closure(targets, above).has(id)) &&
          (!until || closure(until, above).has(id)) &&
          (!from || closure(from, below).has(id)) &&
          (!only || only.includes(id)),
      );
      const given = Object.fromEntries(
        Object.entries({targets, until, from, only}).filter(([, texts]) => texts !== undefined),
      );
      const selected = selectInstances(study, given);
      if (expected.length === 0) assert.ok(!selected.ok);
      else assert.deepEqual(select(study, given), expected.sort());
    }),
    {numRuns: 300, ...seed},
  );
});

test('what waits for a matrix file is selected with the stage that makes the file', () => {
  const table = selectInstances(held, {targets: ['table']});
  assert.ok(table.ok);
  assert.deepEqual([...table.value.ids], ['cells']);
  assert.deepEqual([...table.value.awaits], ['search']);
  const other = selectInstances(held, {targets: ['other']});
  assert.ok(other.ok);
  assert.deepEqual([[...other.value.ids], [...other.value.awaits]], [['other'], []]);
});

const MISTAKES: readonly (readonly [Plan, SelectionRequest])[] = [
  [study, {targets: ['trian']}],
  [study, {targets: ['somewhere_else']}],
  [held, {targets: ['serach']}],
  [study, {targets: ['train[sede=1]', 'download[seed=1]']}],
  [study, {targets: ['train[seed=9]', 'train[optimizer=smg]', 'train[seed=7..9]']}],
  [study, {only: ['grid[optimizer=sgd,rho=0.05]']}],
  [
    study,
    {
      only: [
        'train[seed=1,seed=2]',
        'train[seed]',
        'train[seed=]',
        'train[seed=1',
        'train]',
        '',
        '[seed=1]',
        '1',
      ],
    },
  ],
  [study, {from: ['train[seed=1] extra'], until: ['tabel']}],
  [study, {from: ['table'], until: ['download']}],
];

test('a selector that selects nothing, or is none, is a mistake that says what there is', () => {
  const file = join(import.meta.dirname, 'fixtures/selector-mistakes.txt');
  const said = MISTAKES.map(([plan, request]) => {
    const selected = selectInstances(plan, request);
    assert.ok(!selected.ok, JSON.stringify(request));
    return `## ${JSON.stringify(request)}\n${drawAll(selected.error)}\n`;
  }).join('\n');
  if (process.env.UPDATE_SNAPSHOTS === '1') writeFileSync(file, said);
  assert.equal(said, existsSync(file) ? readFileSync(file, 'utf8') : '', 'UPDATE_SNAPSHOTS=1 rewrites it');
});
