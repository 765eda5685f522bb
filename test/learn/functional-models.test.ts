// Functional models with several inputs and outputs, shared and custom layers, attention and constraints: beside TF.js's
// own `fit`, from the same weights.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type {HostTensor} from '../../src/engine/index.ts';
import {compileModel, defaultPerturbation, mSam, sam, sgd} from '../../stages/learn/index.ts';
import {stream} from '../../stages/learn/random.ts';

await tf.setBackend('cpu');

function random(shape: readonly number[], seed: number): HostTensor {
  const draws = stream(seed, 'init', 0);
  const size = shape.reduce((product, d) => product * d, 1);
  return {dtype: 'float32', shape, data: Float32Array.from({length: size}, () => draws.normal())};
}
const toTf = ({data, shape}: HostTensor): tf.Tensor => tf.tensor(data, [...shape], 'float32');
const glorot = (seed: number) => tf.initializers.glorotNormal({seed});
const symbolic = (x: unknown): tf.SymbolicTensor => x as tf.SymbolicTensor;

function assertNear(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 2e-4): void {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const gap = Math.abs((got[i] ?? Number.NaN) - (wanted[i] ?? 0));
    assert.ok(gap <= tolerance * (1 + Math.abs(wanted[i] ?? 0)), `[${i}]: ${got[i]}, not ${wanted[i]}`);
  }
}

/** Scales by a weight of its own, which starts at one. */
class Scale extends tf.layers.Layer {
  static readonly className = 'Scale';
  #factor: ReturnType<tf.layers.Layer['addWeight']> | undefined;
  override build(shape: tf.Shape): void {
    const lengths = [shape.at(-1) ?? 1];
    this.#factor = this.addWeight('factor', lengths, 'float32', tf.initializers.ones());
    this.built = true;
  }
  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = Array.isArray(inputs) ? inputs : [inputs];
    if (x === undefined || this.#factor === undefined) throw new RangeError('expected a tensor');
    return tf.mul(x, this.#factor.read());
  }
}

/** A query looks at the places of a memory; one dense layer is used on both, one output is of each kind. */
function attention(): tf.LayersModel {
  const query = tf.input({shape: [1, 4], name: 'query'});
  const memory = tf.input({shape: [6, 4], name: 'memory'});
  const shared = tf.layers.dense({
    units: 5,
    activation: 'tanh',
    kernelInitializer: glorot(1),
    kernelConstraint: tf.constraints.maxNorm({maxValue: 0.9, axis: 0}),
  });
  const [q, m] = [symbolic(shared.apply(query)), symbolic(shared.apply(memory))];
  const scores = symbolic(tf.layers.dot({axes: 2}).apply([q, m]));
  const shares = symbolic(tf.layers.softmax({axis: -1}).apply(scores));
  const read = symbolic(tf.layers.dot({axes: [2, 1]}).apply([shares, m]));
  const flat = symbolic(tf.layers.flatten().apply(new Scale({}).apply(read)));
  const value = tf.layers.dense({
    units: 2,
    name: 'value',
    kernelInitializer: glorot(2),
    biasConstraint: tf.constraints.nonNeg(),
  });
  const kind = tf.layers.dense({
    units: 3,
    name: 'kind',
    activation: 'softmax',
    kernelInitializer: glorot(3),
    kernelRegularizer: tf.regularizers.l1l2({l1: 0.001, l2: 0.01}),
  });
  return tf.model({
    inputs: [query, memory],
    outputs: [symbolic(value.apply(flat)), symbolic(kind.apply(flat))],
  });
}

const x = {query: random([20, 1, 4], 1), memory: random([20, 6, 4], 2)};
const kinds = Float32Array.from({length: 60}, (_, i) => (i % 3 === Math.floor(i / 3) % 3 ? 1 : 0));
const y = {value: random([20, 2], 3), kind: {dtype: 'float32' as const, shape: [20, 3], data: kinds}};
const loss = {value: 'meanSquaredError', kind: 'categoricalCrossentropy'} as const;
/** TF.js names layers by how many there were before; inputs and outputs are the model's own. */
const common = {loss, optimizer: sgd({momentum: 0.9}), rate: 0.1, device: 'cpu'} as const;

test("a model with two inputs and two outputs, constraints and a layer of one's own trains as TF.js trains it", async () => {
  const [mine, theirs] = [attention(), attention()];
  // Writing weights applies the constraints.
  mine.setWeights(mine.getWeights().map(weight => tf.clone(weight)));
  theirs.setWeights(mine.getWeights().map(weight => tf.clone(weight)));
  theirs.compile({optimizer: tf.train.momentum(0.1, 0.9), loss});
  const losses: number[] = [];
  for (let epoch = 0; epoch < 5; epoch++) {
    const {history} = await theirs.fit(
      [toTf(x.query), toTf(x.memory)],
      {value: toTf(y.value), kind: toTf(y.kind)},
      {epochs: 1, batchSize: 20, shuffle: false, verbose: 0},
    );
    losses.push(Number(history.loss?.[0]));
    // TF.js leaves constraints out after an update, where Keras applies them.
    theirs.setWeights(theirs.getWeights().map(weight => tf.clone(weight)));
  }
  const compiled = compileModel(mine, common);
  const results = await compiled.fit({x, y}, {epochs: 5, batchSize: 20});
  assertNear(
    results.map(({loss}) => loss),
    losses,
  );
  mine.getWeights().forEach((weight, i) => {
    assertNear(weight.dataSync(), theirs.getWeights()[i]?.dataSync() ?? []);
  });
  const outputs = await compiled.predictAll(x, 7);
  const wanted = theirs.predict([toTf(x.query), toTf(x.memory)]) as tf.Tensor[];
  assertNear(outputs.value?.data ?? [], wanted[0]?.dataSync() ?? []);
  assertNear(outputs.kind?.data ?? [], wanted[1]?.dataSync() ?? []);
  assert.deepEqual(outputs.kind?.shape, [20, 3]);
  await assert.rejects(compiled.predict(x), /one output/);
});

test('rules that cut batches and weigh losses take all inputs and labels along', async () => {
  const weighted = {...common, rate: 0.02, lossWeights: {kind: 0.5}};
  for (const rule of [
    compileModel(attention, {...weighted, rule: p => sam(p, {...defaultPerturbation, rho: 0.05})}),
    compileModel(attention, {...weighted, rule: p => mSam(p, {...defaultPerturbation, rho: 0.05, m: 5})}),
  ]) {
    const results = await rule.fit({x, y}, {epochs: 15, batchSize: 10});
    assert.ok((results.at(-1)?.loss ?? 9) < (results[0]?.loss ?? 0), JSON.stringify(results.at(-1)));
    const {loss: after, accuracy} = await rule.evaluate({x, y});
    assert.ok(Number.isFinite(after));
    assert.equal(accuracy, undefined);
  }
});

test('dropout that is used twice has masks of its own at each place', async () => {
  const shared = (): tf.LayersModel => {
    const [a, b] = [tf.input({shape: [8], name: 'a'}), tf.input({shape: [8], name: 'b'})];
    const drop = tf.layers.dropout({rate: 0.5});
    const both = tf.layers.concatenate().apply([symbolic(drop.apply(a)), symbolic(drop.apply(b))]);
    const out = tf.layers.dense({units: 1, name: 'out', kernelInitializer: glorot(4)}).apply(both);
    return tf.model({inputs: [a, b], outputs: symbolic(out)});
  };
  const data = {x: {a: random([12, 8], 5), b: random([12, 8], 6)}, y: random([12, 1], 7)};
  const run = async (seed: number) => {
    const compiled = compileModel(shared, {...common, loss: 'meanSquaredError', rate: 0.01, seed});
    return (await compiled.fit(data, {epochs: 3, batchSize: 6})).map(({loss}) => loss);
  };
  assert.deepEqual(await run(1), await run(1));
  assert.notDeepEqual(await run(1), await run(2));
});

test('rows and losses that do not fit are refused by name', async () => {
  const compiled = compileModel(attention, common);
  const refuse = (samples: Parameters<typeof compiled.fit>[0], message: RegExp) =>
    assert.rejects(compiled.fit(samples, {epochs: 1}), message);
  await refuse({x: x.query, y}, /expected x by name \(query, memory\), got one tensor/);
  await refuse({x: {query: x.query}, y}, /expected x for memory, got none/);
  await refuse({x: {...x, more: x.query}, y}, /expected x named query, memory, got more/);
  await refuse({x: {...x, memory: random([19, 6, 4], 8)}, y}, /expected as many rows of x of memory/);
  await refuse({x, y: {...y, kind: random([20, 3, 1], 1)}}, /./);
  assert.throws(
    () => compileModel(attention, {...common, loss: {value: 'meanSquaredError'}}),
    /expected a loss of the output kind, got none/,
  );
});
