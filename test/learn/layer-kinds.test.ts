// Kinds of layers beside TF.js's own `fit`, from the same weights; and those that draw random numbers, whose results are
// known on average.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type {HostTensor} from '../../src/engine/index.ts';
import {compileModel, sgd} from '../../stages/learn/index.ts';
import {stream} from '../../stages/learn/random.ts';

await tf.setBackend('cpu');

const {layers} = tf;
const samples = 12;

function random(shape: readonly number[], seed: number): HostTensor {
  const draws = stream(seed, 'init', 0);
  const size = shape.reduce((product, d) => product * d, 1);
  return {dtype: 'float32', shape, data: Float32Array.from({length: size}, () => draws.normal())};
}
const toTf = ({data, shape}: HostTensor): tf.Tensor => tf.tensor(data, [...shape], 'float32');
const symbolic = (x: unknown): tf.SymbolicTensor => x as tf.SymbolicTensor;
const common = {
  loss: 'meanSquaredError',
  optimizer: sgd({momentum: 0.9}),
  rate: 0.05,
  device: 'cpu',
} as const;

/** Sequences of five steps, of which the last ones are zeros. */
function padded(): HostTensor {
  const x = random([samples, 5, 3], 6);
  const isPadding = (i: number): boolean => Math.floor(i / 3) % 5 >= 3 + (Math.floor(i / 15) % 2);
  return {
    dtype: 'float32',
    shape: x.shape,
    data: Float32Array.from(x.data, (v, i) => (isPadding(i) ? 0 : v)),
  };
}

interface Kind {
  readonly x: HostTensor;
  readonly layers: () => tf.layers.Layer[];
}

const sequences = random([samples, 5, 3], 5);
const first = {inputShape: [5, 3]};
const kinds: Readonly<Record<string, Kind>> = {
  gru: {x: sequences, layers: () => [layers.gru({units: 4, recurrentActivation: 'hardSigmoid', ...first})]},
  'lstm of lstm, backwards': {
    x: sequences,
    layers: () => [
      layers.lstm({units: 4, returnSequences: true, ...first}),
      layers.lstm({units: 3, goBackwards: true}),
    ],
  },
  bidirectional: {
    x: sequences,
    layers: () => [
      layers.bidirectional({
        layer: layers.lstm({units: 3, returnSequences: true}) as tf.RNN,
        mergeMode: 'concat',
        ...first,
      }),
      layers.globalMaxPooling1d(),
    ],
  },
  'masked lstm': {
    x: padded(),
    layers: () => [layers.masking({maskValue: 0, ...first}), layers.lstm({units: 4})],
  },
  'stacked cells': {
    x: sequences,
    layers: () => [layers.rnn({cell: [layers.lstmCell({units: 4}), layers.gruCell({units: 3})], ...first})],
  },
  'a network at each time': {
    x: random([samples, 3, 5, 5, 1], 8),
    layers: () => [
      layers.timeDistributed({layer: layers.conv2d({filters: 2, kernelSize: 3}), inputShape: [3, 5, 5, 1]}),
      layers.timeDistributed({layer: layers.flatten()}),
      layers.simpleRNN({units: 3}),
    ],
  },
  'recurrent convolution': {
    x: random([samples, 2, 4, 4, 1], 9),
    layers: () => [
      layers.convLstm2d({filters: 2, kernelSize: 3, inputShape: [2, 4, 4, 1]}) as tf.layers.Layer,
      layers.flatten(),
    ],
  },
  volumes: {
    x: random([samples, 4, 4, 4, 1], 10),
    layers: () => [
      layers.conv3d({filters: 2, kernelSize: 2, activation: 'softplus', inputShape: [4, 4, 4, 1]}),
      layers.averagePooling3d({poolSize: 2, strides: 1}),
      layers.flatten(),
    ],
  },
};

test('recurrent layers, wrappers and volumes train as TF.js trains them', async () => {
  const y = random([samples, 2], 99);
  for (const [name, kind] of Object.entries(kinds)) {
    const build = (): tf.LayersModel => tf.sequential({layers: [...kind.layers(), layers.dense({units: 2})]});
    const [mine, theirs] = [build(), build()];
    theirs.setWeights(mine.getWeights());
    theirs.compile({optimizer: tf.train.momentum(0.05, 0.9), loss: 'meanSquaredError'});
    const fit = {epochs: 2, batchSize: samples, shuffle: false, verbose: 0} as const;
    const {history} = await theirs.fit(toTf(kind.x), toTf(y), fit);
    const results = await compileModel(mine, common).fit({x: kind.x, y}, {epochs: 2, batchSize: samples});
    const near = (got: number, wanted: number, what: string): void =>
      assert.ok(
        Math.abs(got - wanted) < 1e-4 * (1 + Math.abs(wanted)),
        `${name}, ${what}: ${got}, not ${wanted}`,
      );
    results.forEach(({loss}, i) => {
      near(loss, Number(history.loss?.[i]), `loss ${i}`);
    });
    mine.getWeights().forEach((weight, i) => {
      const wanted = theirs.getWeights()[i]?.dataSync() ?? [];
      weight.dataSync().forEach((value, j) => {
        near(value, wanted[j] ?? Number.NaN, `weight ${i}`);
      });
    });
  }
});

test('a batch norm that is used twice keeps the statistics of both uses', async () => {
  const build = (): tf.LayersModel => {
    const input = tf.input({shape: [3]});
    const norm = layers.batchNormalization({momentum: 0.5});
    const twice = norm.apply(layers.reLU().apply(norm.apply(input)));
    return tf.model({inputs: input, outputs: symbolic(twice)});
  };
  const [x, y] = [random([samples, 3], 1), random([samples, 3], 2)];
  const [mine, theirs] = [build(), build()];
  theirs.compile({optimizer: tf.train.momentum(0.05, 0.9), loss: 'meanSquaredError'});
  await theirs.fit(toTf(x), toTf(y), {epochs: 2, batchSize: samples, shuffle: false, verbose: 0});
  await compileModel(mine, common).fit({x, y}, {epochs: 2, batchSize: samples});
  mine.getWeights().forEach((weight, i) => {
    const wanted = theirs.getWeights()[i]?.dataSync() ?? [];
    weight.dataSync().forEach((value, j) => {
      assert.ok(Math.abs(value - (wanted[j] ?? Number.NaN)) < 1e-5, `${i}: ${value}, not ${wanted[j]}`);
    });
  });
});

/** The mean squared error in training of what the layers make of ones. */
async function errorOf(shape: readonly number[], y: number, ...list: tf.layers.Layer[]): Promise<number> {
  const count = 2000;
  const ones = (lengths: readonly number[], value: number): HostTensor => {
    const size = lengths.reduce((product, d) => product * d, 1);
    return {dtype: 'float32', shape: lengths, data: new Float32Array(size).fill(value)};
  };
  const model = tf.sequential({layers: [layers.inputLayer({inputShape: [...shape]}), ...list]});
  const output = model.outputs[0]?.shape.slice(1).map(Number) ?? [];
  const compiled = compileModel(model, {...common, rate: 0});
  const data = {x: ones([count, ...shape], 1), y: ones([count, ...output], y)};
  const [result] = await compiled.fit(data, {epochs: 1, batchSize: 500});
  return result?.loss ?? Number.NaN;
}

test('layers that draw have the noise that they ask for', async () => {
  const near = (got: number, wanted: number): void =>
    assert.ok(Math.abs(got - wanted) < 0.06 * wanted, `${got}, not about ${wanted}`);
  // A weight that training needs and that changes nothing.
  const bias = () => layers.dense({units: 1, kernelInitializer: 'ones'});
  near(await errorOf([4], 1, layers.gaussianNoise({stddev: 0.5}), layers.prelu()), 0.25);
  near(
    await errorOf([4], 1, layers.gaussianDropout({rate: 0.2}), layers.prelu({alphaInitializer: 'ones'})),
    0.25,
  );
  near(await errorOf([4], 1, layers.dropout({rate: 0.5}), layers.prelu()), 1);
  // Means and variances stay: ones become two values with the mean of a SELU's input 0 scaled, and variance below 1.
  const alpha = await errorOf(
    [4],
    0,
    layers.alphaDropout({rate: 0.1}),
    layers.prelu({alphaInitializer: 'ones'}),
  );
  const limit = -1.7580993408473766;
  const scale = (0.9 * (1 + 0.1 * limit ** 2)) ** -0.5;
  const [kept, dropped] = [scale * (1 - limit * 0.1), scale * limit * 0.9];
  near(alpha, 0.9 * kept ** 2 + 0.1 * dropped ** 2);
  // Each time has draws of its own; a recurrent cell has one mask for a whole sequence.
  near(
    await errorOf([3, 1], 1, layers.timeDistributed({layer: layers.dropout({rate: 0.5})}), layers.prelu()),
    1,
  );
  const cell = {
    units: 1,
    activation: 'linear',
    kernelInitializer: 'ones',
    recurrentInitializer: 'ones',
  } as const;
  near(await errorOf([3, 1], 3, layers.simpleRNN({...cell, dropout: 0.5})), 9);
  const stacked = [layers.simpleRNNCell({...cell, dropout: 0.5})];
  near(await errorOf([3, 1], 3, layers.rnn({cell: stacked})), 9);
  // All units of a sample share one draw: their sum is 0 or 4.
  near(
    await errorOf([2], 2, layers.dropout({rate: 0.5, noiseShape: [null, 1] as unknown as number[]}), bias()),
    4,
  );
});

test('what cannot be compiled is refused with the name of the layer', () => {
  const refuse = (layer: tf.layers.Layer, message: RegExp): void => {
    const model = tf.sequential({layers: [layer, layers.dense({units: 1})]});
    assert.throws(() => compileModel(model, common), message);
  };
  const stateful = {units: 2, stateful: true, batchInputShape: [4, 5, 3]};
  refuse(
    layers.gru({...stateful, name: 'kept'}),
    /the layer kept \(GRU\) cannot be compiled: it is stateful/,
  );
  const noiseShape = [1, 3];
  refuse(
    layers.dropout({rate: 0.5, noiseShape, name: 'same', inputShape: [3]}),
    /the layer same \(Dropout\) cannot be compiled: its noiseShape has one draw for a whole batch/,
  );
});
