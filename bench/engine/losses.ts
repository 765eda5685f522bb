// The loss of every step of SAM on real digits, here and in PyTorch, from the same weights and the same batches:
// `PYTHON=… node --import tsx bench/engine/losses.ts DIR` with MNIST's files in DIR/mnist. Prints how far they part.

import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {gunzipSync} from 'node:zlib';
import {compile} from '../../src/engine/compile.ts';
import {encodeSafetensors} from '../../src/engine/safetensors.ts';
import {definition, hyper, indices} from './program.ts';
import {workload} from './workloads.ts';

const [mirror] = process.argv.slice(2);
if (mirror === undefined) throw new RangeError('expected the folder that holds mnist/');
const python = process.env.PYTHON ?? 'python3';
const steps = 300;

/** The header of an IDX file is 4 bytes and 4 for each dimension. */
const idx = (name: string, dimensions: number): Uint8Array =>
  gunzipSync(readFileSync(join(mirror, 'mnist', name))).subarray(4 + 4 * dimensions);

const measured = workload('mlp');
const {samples, batch} = measured;
const pixels = idx('train-images-idx3-ubyte.gz', 3).subarray(0, samples * 784);
const images = {
  dtype: 'float32' as const,
  shape: [samples, 28, 28, 1],
  data: Float32Array.from(pixels, pixel => pixel / 255),
};
const labels = {
  dtype: 'int32' as const,
  shape: [samples],
  data: Int32Array.from(idx('train-labels-idx1-ubyte.gz', 1).subarray(0, samples)),
};
const plain = definition('sam', measured);
const scanned = indices(steps, batch, samples);
const program = await compile({...plain, resident: {images, labels}}, {device: 'cpu', threads: 1});
const metrics = await program.run(scanned);
await program.dispose();
const here = Array.from(metrics.loss?.data ?? []);

const folder = mkdtempSync(join(tmpdir(), 'pipe-losses-'));
try {
  const path = join(folder, 'start.safetensors');
  const weights = Object.fromEntries(
    Object.entries(plain.state).filter(([name]) => name.startsWith('weight.')),
  );
  const tensors = {...weights, images, labels, ...scanned};
  writeFileSync(path, encodeSafetensors({tensors, metadata: {}}));
  const settings = [hyper.learningRate, hyper.momentum, hyper.weightDecay, hyper.rho].map(String);
  const script = join(import.meta.dirname, 'losses_torch.py');
  const there = JSON.parse(execFileSync(python, [script, path, ...settings], {encoding: 'utf8'})) as number[];
  const apart = here.map((loss, i) => Math.abs(loss - (there[i] ?? Number.NaN)) / Math.max(loss, 1e-3));
  const upTo = (count: number): string => Math.max(...apart.slice(0, count)).toExponential(1);
  const at = (i: number): string => `${here[i]?.toFixed(5)} and ${there[i]?.toFixed(5)}`;
  console.log(`${steps} steps of SAM on MNIST, batch ${batch}: loss here and in PyTorch`);
  for (const i of [0, 9, 99, steps - 1]) console.log(`  step ${i + 1}: ${at(i)}`);
  console.log(
    `largest relative difference: ${upTo(10)} in 10 steps, ${upTo(100)} in 100, ${upTo(steps)} in all`,
  );
} finally {
  rmSync(folder, {recursive: true, force: true});
}
