// Sharpness against what can be computed densely: explicit matrices, the closed-form Hessian of softmax regression,
// differences of gradients.

import assert from 'node:assert/strict';
import {after, test} from 'node:test';
import {compile} from '../../src/engine/index.ts';
import type {Dataset} from '../../stages/learn/dataset-file.ts';
import {initialStatistics, initialWeights, type Model} from '../../stages/learn/models/model.ts';
import {wideResnet} from '../../stages/learn/models/wide-resnet.ts';
import {stream} from '../../stages/learn/random.ts';
import {filterNormalised} from '../../stages/sharpness/directions.ts';
import {lanczos, type Operator, powerIteration, symmetricEigen} from '../../stages/sharpness/eigenvalues.ts';
import {Surface} from '../../stages/sharpness/surface.ts';
import {addTo, dot, flatten, norm, randomUnit, scaled, unflatten} from '../../stages/sharpness/vectors.ts';
import {classes, smallModel, syntheticDataset} from './training-rig.ts';

const dataset = syntheticDataset({train: 21, validation: 2, test: 2}, {height: 3, width: 3, channels: 1});

const open: Surface[] = [];
after(async () => {
  for (const surface of open) await surface.dispose();
});

/** `batch` does not divide the samples, so that the filling of the last batch is tested too. */
function surfaceOf(model: Model, data: Dataset, weights?: Float32Array, batch = 8): Surface {
  const initial = initialWeights(model, 3);
  const surface = new Surface({
    trained: {
      model,
      weights: weights ? unflatten(weights, model.parameters) : initial,
      statistics: initialStatistics(model),
      normalisation: data.normalisation,
      isFinite: true,
    },
    dataset: data,
    samples: data.train,
    batch,
    compile: definition => compile(definition, {device: 'cpu'}),
    signal: new AbortController().signal,
  });
  open.push(surface);
  return surface;
}

const close = (actual: number, expected: number, relative: number, what = ''): void =>
  assert.ok(
    Math.abs(actual - expected) <= relative * Math.abs(expected),
    `${what}: expected ${expected}, got ${actual}`,
  );

/** A symmetric matrix with the given eigenvalues: H D H with the Householder reflection of a random vector. */
function withEigenvalues(eigenvalues: readonly number[]): readonly Float64Array[] {
  const n = eigenvalues.length;
  const u = randomUnit(n, 5, 0);
  const reflection = (i: number, j: number): number => (i === j ? 1 : 0) - 2 * (u[i] ?? 0) * (u[j] ?? 0);
  return Array.from({length: n}, (_, i) =>
    Float64Array.from({length: n}, (_, j) =>
      eigenvalues.reduce((sum, value, k) => sum + value * reflection(i, k) * reflection(k, j), 0),
    ),
  );
}

const operatorOf =
  (matrix: readonly Float64Array[]): Operator =>
  async v =>
    Float32Array.from(matrix, row => row.reduce((sum, value, j) => sum + value * (v[j] ?? 0), 0));

const spectrum = [9, 5, 4.5, 2, 1, 0.5, 0.1, 0, 0, -0.25, -3];

test('Jacobi finds all eigenvalues and orthonormal eigenvectors of a symmetric matrix', () => {
  const matrix = withEigenvalues(spectrum);
  const pairs = symmetricEigen(matrix.map(row => Float64Array.from(row)));
  pairs.forEach(({value, vector}, i) => {
    assert.ok(Math.abs(value - (spectrum[i] ?? 0)) < 1e-6);
    matrix.forEach((row, j) => {
      const product = row.reduce((sum, entry, k) => sum + entry * (vector[k] ?? 0), 0);
      assert.ok(Math.abs(product - value * (vector[j] ?? 0)) < 1e-6);
    });
    pairs.forEach((other, j) => {
      const product = vector.reduce((sum, entry, k) => sum + entry * (other.vector[k] ?? 0), 0);
      assert.ok(Math.abs(product - (i === j ? 1 : 0)) < 1e-9);
    });
  });
});

test('power iteration finds the eigenvalues of largest magnitude, Lanczos the largest and the smallest', async () => {
  const operator = operatorOf(withEigenvalues(spectrum));
  const power = await powerIteration(operator, 11, {count: 4, iterations: 2000, tolerance: 1e-7, seed: 0});
  [9, 5, 4.5, -3].forEach((value, i) => {
    close(power[i]?.value ?? 0, value, 1e-4, `power ${i}`);
  });
  const {largest, smallest} = await lanczos(operator, 11, {count: 4, steps: 11, tolerance: 1e-3, seed: 0});
  [9, 5, 4.5, 2].forEach((value, i) => {
    close(largest[i]?.value ?? 0, value, 1e-4, `lanczos ${i}`);
  });
  close(smallest.value, -3, 1e-4, 'smallest');
  assert.ok([...power, ...largest].every(({isConverged}) => isConverged));
});

test('the residual bounds the distance to a true eigenvalue, converged or not', async () => {
  const matrix = withEigenvalues(spectrum);
  const operator = operatorOf(matrix);
  for (const seed of [1, 2, 3]) {
    const found = [
      ...(await powerIteration(operator, 11, {count: 2, iterations: 3, tolerance: 0, seed})),
      ...(await lanczos(operator, 11, {count: 3, steps: 4, tolerance: 1e-6, seed})).largest,
    ];
    for (const {value, residual} of found) {
      const distance = Math.min(...spectrum.map(true_ => Math.abs(true_ - value)));
      assert.ok(distance <= residual + 1e-5, `${value} ± ${residual}`);
    }
    assert.ok(found.some(({isConverged}) => !isConverged));
  }
});

test('an operator that is zero has eigenvalues zero and needs no division', async () => {
  const zero: Operator = async v => new Float32Array(v.length);
  const power = await powerIteration(zero, 4, {count: 2, iterations: 9, tolerance: 1e-3, seed: 0});
  assert.deepEqual(
    power.map(({value}) => value),
    [0, 0],
  );
  const {largest} = await lanczos(zero, 4, {count: 1, steps: 3, tolerance: 1e-3, seed: 0});
  assert.equal(largest[0]?.value, 0);
});

/** Softmax regression: H = 1/n Σ (x̃ x̃ᵀ) ⊗ (diag p - p pᵀ), densely, with x̃ = (x, 1) in the order weight, bias. */
function denseHessian(data: Dataset, centre: Float32Array): readonly Float64Array[] {
  const inputs = 9;
  const size = (inputs + 1) * classes;
  const hessian = Array.from({length: size}, () => new Float64Array(size));
  const {count, images} = data.train;
  const {mean, std} = data.normalisation;
  for (let sample = 0; sample < count; sample++) {
    const x = Array.from(
      {length: inputs},
      (_, i) => ((images[sample * inputs + i] ?? 0) / 255 - (mean[0] ?? 0)) / (std[0] ?? 1),
    );
    x.push(1);
    const logits = Array.from({length: classes}, (_, k) =>
      x.reduce((sum, value, i) => sum + value * (centre[i * classes + k] ?? 0), 0),
    );
    const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
    const p = logits.map(z => Math.exp(z) / total);
    hessian.forEach((row, a) => {
      for (let b = 0; b < size; b++) {
        const [i, k, j, l] = [Math.floor(a / classes), a % classes, Math.floor(b / classes), b % classes];
        const curvature = (k === l ? (p[k] ?? 0) : 0) - (p[k] ?? 0) * (p[l] ?? 0);
        row[b] = (row[b] ?? 0) + ((x[i] ?? 0) * (x[j] ?? 0) * curvature) / count;
      }
    });
  }
  return hessian;
}

test('softmax regression: products and eigenvalues are those of the dense Hessian', async () => {
  const surface = surfaceOf(smallModel(dataset, []), dataset);
  const hessian = denseHessian(dataset, surface.centre);
  const size = surface.centre.length;
  for (const place of [0, 7, 20, size - 1]) {
    const column = await surface.product(new Float32Array(size).fill(1, place, place + 1));
    column.forEach((value, i) => {
      assert.ok(Math.abs(value - (hessian[i]?.[place] ?? 0)) < 1e-5, `entry ${i}, ${place}`);
    });
  }
  const product: Operator = v => surface.product(v);
  const exact = symmetricEigen(hessian.map(row => Float64Array.from(row))).map(({value}) => value);
  const power = await powerIteration(product, size, {count: 3, iterations: 500, tolerance: 1e-7, seed: 0});
  const {largest} = await lanczos(product, size, {count: 3, steps: size, tolerance: 1e-3, seed: 0});
  for (let i = 0; i < 3; i++) {
    close(power[i]?.value ?? 0, exact[i] ?? 0, 1e-3, `power ${i}`);
    close(largest[i]?.value ?? 0, exact[i] ?? 0, 1e-3, `lanczos ${i}`);
  }
});

test('multi-layer network: Lanczos and power iteration agree with the matrix of all products', async () => {
  const surface = surfaceOf(smallModel(dataset, [4]), dataset);
  const size = surface.centre.length;
  const columns: Float64Array[] = [];
  for (let i = 0; i < size; i++) {
    columns.push(Float64Array.from(await surface.product(new Float32Array(size).fill(1, i, i + 1))));
  }
  columns.forEach((column, i) => {
    column.forEach((value, j) => {
      assert.ok(Math.abs(value - (columns[j]?.[i] ?? 0)) < 1e-5, 'the Hessian is symmetric');
    });
  });
  const exact = symmetricEigen(columns.map(row => Float64Array.from(row))).map(({value}) => value);
  const product: Operator = v => surface.product(v);
  const [power] = await powerIteration(product, size, {count: 1, iterations: 500, tolerance: 1e-7, seed: 0});
  const {largest, smallest} = await lanczos(product, size, {count: 5, steps: size, tolerance: 1e-3, seed: 0});
  close(power?.value ?? 0, exact[0] ?? 0, 1e-3);
  for (let i = 0; i < 5; i++) close(largest[i]?.value ?? 0, exact[i] ?? 0, 2e-3, `lanczos ${i}`);
  close(smallest.value, exact.at(-1) ?? 0, 1e-2, 'smallest');
});

test('Wide ResNet: a product is the difference of gradients at both sides, batch norm and convolutions included', async () => {
  const images = syntheticDataset({train: 5, validation: 1, test: 1}, {height: 8, width: 8, channels: 3});
  const model = wideResnet(
    {...images, classes},
    {depth: 10, width: 1, shortcut: 'projection', dropout: 0, init: 'zagoruyko'},
  );
  // Away from the initial weights: there, units that see only zeros sit exactly on the kink of their ReLU.
  const centre = flatten(initialWeights(model, 3), model.parameters);
  const noise = stream(4, 'noise');
  for (let i = 0; i < centre.length; i++) centre[i] = (centre[i] ?? 0) + 0.1 * noise.normal();
  const surface = surfaceOf(model, images, centre, 4);
  const v = randomUnit(surface.centre.length, 1, 0);
  const step = 1e-3; // small enough that no ReLU switches, large enough for float32
  const gradientAt = (factor: number): Promise<Float32Array> => {
    const weights = Float32Array.from(surface.centre);
    addTo(weights, v, factor);
    return surfaceOf(model, images, weights, 4).gradient();
  };
  const difference = await gradientAt(step);
  addTo(difference, await gradientAt(-step), -1);
  const expected = scaled(difference, 1 / (2 * step));
  const product = await surface.product(v);
  assert.ok(norm(product) > 0.01);
  close(dot(product, expected) / (norm(product) * norm(expected)), 1, 1e-3, 'direction');
  close(norm(product), norm(expected), 1e-2, 'length');
});

test('the gradient predicts the loss nearby, whatever the batch', async () => {
  const model = smallModel(dataset, [4]);
  const surface = surfaceOf(model, dataset);
  const gradient = await surface.gradient();
  const whole = await surfaceOf(model, dataset, undefined, 21).gradient();
  gradient.forEach((value, i) => {
    assert.ok(Math.abs(value - (whole[i] ?? 0)) < 1e-6);
  });
  const up = Float32Array.from(surface.centre);
  addTo(up, gradient, 0.01 / norm(gradient));
  const rise = (await surface.measure(up)).loss - (await surface.measure(surface.centre)).loss;
  close(rise, 0.01 * norm(gradient), 0.05);
});

test('m-sharpness with one group of all samples is SAM’s own sharpness; smaller groups are sharper', async () => {
  const surface = surfaceOf(smallModel(dataset, [4]), dataset);
  const rho = 0.1;
  const gradient = await surface.gradient();
  const up = Float32Array.from(surface.centre);
  addTo(up, gradient, rho / norm(gradient));
  const whole = (await surface.measure(up)).loss - (await surface.measure(surface.centre)).loss;
  close(await surface.groupRise(21, rho), whole, 1e-3);
  const [seven, one] = [await surface.groupRise(7, rho), await surface.groupRise(1, rho)];
  assert.ok(whole < seven && seven < one, `${whole} < ${seven} < ${one}`);
});

test('filter normalisation: each filter is as long as the weights’, biases and norms stay, scale goes along', () => {
  const model = wideResnet(
    {height: 8, width: 8, channels: 3, classes},
    {depth: 10, width: 1, shortcut: 'projection', dropout: 0, init: 'zagoruyko'},
  );
  const size = model.parameters.reduce((sum, {shape}) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const draws = stream(2, 'noise');
  const centre = Float32Array.from({length: size}, () => draws.normal());
  const direction = filterNormalised(centre, model.parameters, 7, 0);
  const tripled = filterNormalised(scaled(centre, 3), model.parameters, 7, 0);
  tripled.forEach((value, i) => {
    assert.ok(Math.abs(value - 3 * (direction[i] ?? 0)) < 1e-4);
  });
  let at = 0;
  for (const {name, shape, kind} of model.parameters) {
    const length = shape.reduce((a, b) => a * b, 1);
    const own = direction.subarray(at, at + length);
    const weights = centre.subarray(at, at + length);
    at += length;
    if (kind !== 'weight') {
      assert.ok(
        own.every(value => value === 0),
        name,
      );
      continue;
    }
    const filters = shape.at(-1) ?? 1;
    for (let filter = 0; filter < filters; filter++) {
      const pickFilter = (vector: Float32Array): Float32Array =>
        vector.filter((_, i) => i % filters === filter);
      close(norm(pickFilter(own)), norm(pickFilter(weights)), 1e-4, `${name}, filter ${filter}`);
    }
  }
  const second = filterNormalised(centre, model.parameters, 7, 1);
  assert.ok(Math.abs(dot(direction, second)) < 0.1 * norm(direction) * norm(second), 'two directions differ');
});

test('no residual is finer than float32 products are', async () => {
  const operator = operatorOf(withEigenvalues(spectrum));
  const {largest, smallest} = await lanczos(operator, 11, {count: 5, steps: 11, tolerance: 1e-6, seed: 1});
  const power = await powerIteration(operator, 11, {count: 2, iterations: 2000, tolerance: 0, seed: 1});
  const finest = 2 ** -23 * Math.max(...spectrum.map(Math.abs));
  for (const {residual} of [...largest, smallest, ...power])
    assert.ok(residual >= 0.99 * finest, `${residual}`);
});
