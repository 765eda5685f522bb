// Matrices, joins and gathers of random pipelines, held against a model that tries every combination.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {canonicalJson} from '../src/core/json.ts';
import {isOpen, type Plan} from '../src/plan/plan.ts';
import {awaitedFiles, producerName} from '../src/plan/plan-files.ts';
import {producersIn} from '../src/plan/plan-graph.ts';
import type {Scalar} from '../src/stage/define.ts';
import {expand, type ModelInput, type ModelProduct, type ModelStage} from './rig/expansion-model.ts';
import {filesOf, planText} from './rig/pipelines.ts';

const seed = process.env.FC_SEED === undefined ? {} : {seed: Number(process.env.FC_SEED)};
const AXES = ['a', 'b', 'c'];
const VALUES: readonly Scalar[] = [1, 'x', null];

const axes = fc
  .uniqueArray(fc.constantFrom(...AXES), {minLength: 1, maxLength: 2})
  .chain(names =>
    fc.record(
      Object.fromEntries(
        names.map(name => [name, fc.uniqueArray(fc.constantFrom(...VALUES), {minLength: 1, maxLength: 3})]),
      ),
    ),
  );
const product: fc.Arbitrary<ModelProduct> = axes.chain(values => {
  const partial = fc
    .subarray(Object.entries(values), {minLength: 1})
    .chain(some =>
      fc.record(Object.fromEntries(some.map(([axis, each]) => [axis, fc.constantFrom(...each)]))),
    );
  return fc.record({axes: fc.constant(values), exclude: fc.array(partial, {maxLength: 1})});
});
/** Values are drawn from few, and seldom from all, so that most pipelines are sound. */
const products = fc.oneof(
  {weight: 3, arbitrary: fc.constant(null)},
  {weight: 3, arbitrary: product.map(one => [one])},
  {weight: 1, arbitrary: fc.array(product, {minLength: 2, maxLength: 2})},
);

const inputOf = (above: readonly string[]): fc.Arbitrary<ModelInput> => {
  const from = fc.constantFrom(...above);
  const item = fc.record({kind: fc.constantFrom('one' as const, 'each' as const, 'each' as const), from});
  return fc.oneof(
    {weight: 3, arbitrary: fc.record({kind: fc.constant('one' as const), from})},
    {weight: 3, arbitrary: fc.record({kind: fc.constant('each' as const), from})},
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('list' as const),
        items: fc.array(item, {minLength: 1, maxLength: 3}),
      }),
    },
  );
};

const stages: fc.Arbitrary<readonly ModelStage[]> = fc.integer({min: 1, max: 6}).chain(count =>
  fc.tuple(
    ...Array.from({length: count}, (_, index) => {
      const above = Array.from({length: index}, (__, at) => `s${at}`);
      const inputs = index === 0 ? fc.constant([]) : fc.array(inputOf(above), {maxLength: 3});
      const choosers =
        index === 0
          ? fc.constant([])
          : fc.oneof(
              {weight: 2, arbitrary: fc.constant([])},
              fc.subarray(above, {maxLength: Math.min(2, index)}),
            );
      return fc.record({name: fc.constant(`s${index}`), products, inputs, choosers});
    }),
  ),
);

const written = (input: ModelInput): unknown => {
  if (input.kind === 'one') return input.from;
  if (input.kind === 'each') return {each: input.from};
  return input.items.map(({kind, from}) => (kind === 'one' ? from : {each: from}));
};

/** As a pipeline file; `order` says in which order the stages are written, which must not matter. */
const textOf = (all: readonly ModelStage[], order: readonly ModelStage[] = all): string =>
  JSON.stringify({
    pipeline: 'model',
    stages: Object.fromEntries(
      order.map(({name, products: union, inputs, choosers}) => [
        name,
        {
          run: 'true',
          out: 'f.json',
          with: {own: 1, ...(choosers.length === 0 ? {} : {from: choosers})},
          ...(inputs.length === 0
            ? {}
            : {in: Object.fromEntries(inputs.map((input, index) => [`i${index}`, written(input)]))}),
          ...(union === null
            ? {}
            : {
                matrix: union.map(({axes: values, exclude}) =>
                  exclude.length > 0 ? {...values, exclude} : values,
                ),
              }),
        },
      ]),
    ),
  });

function planned(plan: Plan): Record<string, unknown> {
  const byStage: Record<string, {cell: unknown; inputs: unknown; choosers: unknown}[]> = {};
  const place = new Map<string, {from: string; index: number}>();
  for (const {id, stage, cell, inputs, choosers} of plan.instances) {
    byStage[stage] ??= [];
    place.set(id, {from: stage, index: byStage[stage].length});
    const edges = Object.values(inputs).map(edge =>
      (edge.kind === 'one' ? [edge.from] : edge.from).map(producer => place.get(producer.id)),
    );
    const chosenBy = choosers.map(({from}) => place.get(from.id));
    byStage[stage].push({cell: {...cell}, inputs: edges, choosers: chosenBy});
  }
  return byStage;
}

test('every pipeline expands as the model says, or has the mistakes that the model finds', async () => {
  let sound = 0;
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(stages, async all => {
      const model = expand(all);
      const plan = await planText(textOf(all));
      runs++;
      if (plan.ok) {
        sound++;
        assert.deepEqual([...model.mistakes], []);
        assert.deepEqual(planned(plan.value), Object.fromEntries(model.stages));
      } else {
        assert.deepEqual(new Set(plan.error.map(({code}) => code)), model.mistakes);
      }
    }),
    {numRuns: 1500, ...seed},
  );
  assert.ok(sound > runs / 5, `only ${sound} of ${runs} pipelines were sound: the test says little`);
});

test('the order in which stages are written changes no instance', async () => {
  await fc.assert(
    fc.asyncProperty(stages, async all => {
      const [there, back] = [await planText(textOf(all)), await planText(textOf(all, [...all].reverse()))];
      assert.equal(there.ok, back.ok);
      if (!there.ok || !back.ok) return;
      assert.deepEqual(planned(back.value), planned(there.value));
    }),
    {numRuns: 200, ...seed},
  );
});

test('whatever was chosen, and in whatever order it came, instances stay and parameters are the union', async () => {
  await fc.assert(
    fc.asyncProperty(stages, fc.nat(), async (all, draw) => {
      const text = textOf(all);
      const open = await planText(text);
      if (!open.ok) return;
      const contents: Record<string, unknown> = {};
      const awaited = [...awaitedFiles(open.value)];
      for (const [name, {id}] of awaited) contents[name] = {[`of_${id.replace(/\W/g, '_')}`]: id};
      const first = awaited.map(([name]) => name).filter((_, index) => (draw >> (index % 30)) % 2 === 1);
      const some = await planText(
        text,
        {},
        filesOf(Object.fromEntries(first.map(name => [name, contents[name]]))),
      );
      const whole = await planText(text, {}, filesOf(contents));
      assert.ok(some.ok && whole.ok);
      assert.deepEqual(planned(some.value), planned(open.value));
      assert.deepEqual(planned(whole.value), planned(open.value));
      assert.equal(awaitedFiles(whole.value).size, 0);
      assert.equal(awaitedFiles(some.value).size, awaited.length - first.length);
      for (const [plan, isThere] of [
        [some.value, (name: string) => first.includes(name)],
        [whole.value, () => true],
      ] as const) {
        for (const instance of plan.instances) {
          const given = instance.choosers.filter(({from}) => isThere(producerName(from)));
          const names = given.map(({from}) => `of_${from.id.replace(/\W/g, '_')}`);
          const own: object = open.value.instances.find(({id}) => id === instance.id)?.params ?? {};
          assert.deepEqual(new Set(Object.keys(instance.params)), new Set([...Object.keys(own), ...names]));
          assert.equal(isOpen(instance), given.length < instance.choosers.length);
        }
      }
    }),
    {numRuns: 300, ...seed},
  );
});

test('the order in which a matrix names its axes changes no gather', async () => {
  const turn = ({axes: values, exclude}: ModelProduct): ModelProduct => ({
    axes: Object.fromEntries(Object.entries(values).reverse()),
    exclude,
  });
  const turned = (all: readonly ModelStage[]): readonly ModelStage[] =>
    all.map(stage => (stage.products ? {...stage, products: stage.products.map(turn)} : stage));
  const gathersOf = (plan: Plan): Map<string, unknown> => {
    const nameOf = new Map(
      plan.instances.map(({id, stage, cell}) => [id, `${stage} ${canonicalJson(cell)}`]),
    );
    return new Map(
      plan.instances.map(({id, inputs}) => [
        nameOf.get(id) ?? '',
        Object.values(inputs).map(edge => producersIn(edge).map(({id: from}) => nameOf.get(from))),
      ]),
    );
  };
  await fc.assert(
    fc.asyncProperty(stages, async all => {
      const [there, back] = [await planText(textOf(all)), await planText(textOf(turned(all)))];
      assert.equal(there.ok, back.ok);
      if (!there.ok || !back.ok) return;
      assert.deepEqual(gathersOf(back.value), gathersOf(there.value));
    }),
    {numRuns: 500, ...seed},
  );
});
