// Where a training begins, for another engine that is to do the same: initial weights, order of the batches, and what
// the first steps lose here.

import {defineStage, z} from '../src/stage/define.ts';
import {hyperparameters} from './learn/hyperparameters.ts';

export default defineStage({
  about:
    'Where a training begins: its initial weights, the order of its batches, the losses of its first steps.',
  params: hyperparameters.safeExtend({
    steps: z.int().positive().default(50).describe('steps to take; no more than the training has'),
  }),
  inputs: {data: 'one'},
  outputs: {
    start: {kind: 'file', name: 'start.safetensors'},
    losses: {kind: 'file', name: 'losses.csv'},
  },
  holds: {
    data: 'a data set file of preprocess',
    start:
      'safetensors: weights/NAME and statistics/NAME as float32, in the shapes that train writes; order as int32 ' +
      '[epochs, samples]: the samples of each epoch, to be cut into batches from the front',
    losses: 'CSV, one row per step: step (from 1), loss: the mean over the batch before the update',
  },
  usesDevice: true,
  fileParams: ['model'],
  async run({params, inputs, outputs, files, device, cpus, log, signal}) {
    const {takeFirstSteps} = await import('./learn/first-steps.ts');
    const {data} = inputs;
    await takeFirstSteps({
      params,
      steps: params.steps,
      files,
      dataset: data.files.dataset ?? data.path,
      outputs,
      device,
      cpus,
      log,
      signal,
    });
  },
});
