// Where the time of `train` goes: the whole stage, from files to files, on images of MNIST's sizes. What a session
// computes is measured around ONNX Runtime's own call; the rest is everything that is neither a step nor an evaluation.

import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as ort from 'onnxruntime-node';
import {type Dataset, encodeDataset, type Split} from '../../stages/learn/dataset-file.ts';
import {stream} from '../../stages/learn/random.ts';
import train from '../../stages/train.ts';
import type {Rule} from './program.ts';

/** Milliseconds. */
export interface StudyTimes {
  readonly step: number;
  readonly steps: number;
  readonly evaluation: number;
  readonly rest: number;
}

const BATCH = 128;
const [HEIGHT, WIDTH, CLASSES] = [28, 28, 10];

function split(count: number, seed: number): Split {
  const draws = stream(seed, 'noise');
  const labels = Int32Array.from({length: count}, () => draws.below(CLASSES));
  const images = new Uint8Array(count * HEIGHT * WIDTH);
  for (let i = 0; i < images.length; i++)
    images[i] = (i * 37 + (labels[Math.floor(i / 784)] ?? 0) * 20) % 256;
  return {count, images, labels};
}

export async function measureStudy(optimizer: Rule, epochs: number): Promise<StudyTimes> {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-study-'));
  const sizes = {train: split(50_000, 1), validation: split(10_000, 2), test: split(10_000, 3)};
  const dataset: Dataset = {
    name: 'mnist',
    classNames: Array.from({length: CLASSES}, (_, i) => String(i)),
    height: HEIGHT,
    width: WIDTH,
    channels: 1,
    normalisation: {mean: [0.13], std: [0.31]},
    provenance: {},
    ...sizes,
  };
  const data = join(folder, 'dataset.safetensors');
  writeFileSync(data, encodeDataset(dataset));
  const spent = {train: 0, evaluate: 0};
  const {create} = ort.InferenceSession;
  const timed = async (...given: Parameters<typeof create>): Promise<ort.InferenceSession> => {
    const session = await Reflect.apply(create, ort.InferenceSession, given);
    const run = session.run.bind(session);
    const measured = async (...call: Parameters<typeof run>): ReturnType<typeof run> => {
      const start = performance.now();
      const results = await run(...call);
      spent['scanned.rate' in call[0] ? 'train' : 'evaluate'] += performance.now() - start;
      return results;
    };
    return Object.assign(session, {run: measured});
  };
  Object.assign(ort.InferenceSession, {create: timed});
  try {
    const names = ['weights', 'curve', 'predictions', 'summary', 'model', 'state'] as const;
    const place = (name: string): string => join(folder, name);
    const outputs = {
      weights: place('weights'),
      curve: place('curve'),
      predictions: place('predictions'),
      summary: place('summary'),
      model: place('model'),
      state: folder,
    } satisfies Record<(typeof names)[number], string>;
    const start = performance.now();
    await train.run({
      params: train.params.parse({
        optimizer,
        epochs,
        batch_size: BATCH,
        momentum: 0,
        weight_decay: 5e-4,
        lr: 0.1,
      }),
      inputs: {data: {path: data, files: {}, metrics: {}, cell: {}}, augmentation: undefined},
      outputs,
      files: {},
      metric: () => {},
      progress: () => {},
      log: () => {},
      checkpoint: folder,
      device: {choice: 'cpu', gpus: [], computed: () => {}},
      platform: null,
      cpus: 1,
      mirror: undefined,
      signal: new AbortController().signal,
    });
    const whole = performance.now() - start;
    return {
      step: spent.train / (epochs * Math.floor(50_000 / BATCH)),
      steps: spent.train,
      evaluation: spent.evaluate,
      rest: whole - spent.train - spent.evaluate,
    };
  } finally {
    Object.assign(ort.InferenceSession, {create});
    rmSync(folder, {recursive: true, force: true});
  }
}
