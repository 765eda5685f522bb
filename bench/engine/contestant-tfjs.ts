// One contestant, in a process of its own: the same step, run eagerly by TF.js: `wasm`, its WebAssembly backend (one
// thread in Node), or `native`, TensorFlow's own kernels where `npm run native` has built them. Protocol as in
// contestant-engine.ts.

import {dirname} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import '@tensorflow/tfjs';
import * as wasm from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import type {HostTensors, TensorsNamed} from '../../src/engine/program.ts';
import {findTfjs} from '../../src/engine/run/tfjs.ts';
import {definition, indices, isRule} from './program.ts';
import {isWorkloadName, workload} from './workloads.ts';

const [name, rule, backend] = process.argv.slice(2);
if (!isWorkloadName(name) || !isRule(rule)) throw new RangeError(`no workload ${name} ${rule}`);
const measured = workload(name);
const {step, state, resident = {}} = definition(rule, measured);

if (backend === 'native') {
  // The package is loaded beside a backend that is ready.
  await tf.setBackend('cpu');
  const {backend} = await findTfjs();
  if (backend !== 'tensorflow') throw new RangeError('the native package is not built: npm run native');
  await tf.setBackend(backend);
} else {
  wasm.setWasmPaths(`${dirname(fileURLToPath(import.meta.resolve('@tensorflow/tfjs-backend-wasm')))}/`);
  await tf.setBackend('wasm');
}
await tf.ready();

const upload = (tensors: HostTensors): TensorsNamed =>
  Object.fromEntries(Object.entries(tensors).map(([key, t]) => [key, tf.tensor(t.data, [...t.shape])]));
let current = upload(state);
const kept = upload(resident);
const batch = indices(1, measured.batch, measured.samples).indices;
if (batch === undefined) throw new RangeError('no indices');
const scanned = {indices: tf.tensor1d(batch.data, 'int32')};

async function runStep(): Promise<void> {
  const before = Object.values(current);
  const {next, loss} = tf.tidy(() => {
    const outputs = step({state: current, resident: kept, scanned});
    return {next: outputs.state, loss: outputs.metrics.loss};
  });
  current = next;
  await loss?.data();
  tf.dispose([loss, ...before] as tf.Tensor[]);
}

const STEPS = backend === 'native' ? 20 : 2;
await runStep();
process.stdout.write('ready\n');
for await (const _ of createInterface({input: process.stdin})) {
  const start = performance.now();
  for (let i = 0; i < STEPS; i++) await runStep();
  process.stdout.write(`${(performance.now() - start) / STEPS}\n`);
}
