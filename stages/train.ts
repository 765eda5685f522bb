// Trains one model with one optimizer and one seed. The declaration is light; TF.js and ONNX Runtime are loaded
// when it runs.

import {defineStage} from '../src/stage/define.ts';
import {hyperparameters} from './learn/hyperparameters.ts';

export default defineStage({
  about:
    'Trains one model with one optimizer and one seed: weights, learning curve, predictions, ONNX model.',
  params: hyperparameters,
  inputs: {data: 'one', hyperparameters: 'optional', augmentation: 'optional'},
  outputs: {
    weights: {kind: 'file', name: 'weights.safetensors'},
    curve: {kind: 'file', name: 'curve.csv'},
    predictions: {kind: 'file', name: 'predictions.safetensors'},
    summary: {kind: 'file', name: 'summary.json'},
    model: {kind: 'file', name: 'model.onnx'},
  },
  usesDevice: true,
  async run({params, inputs, outputs, device, cpus, checkpoint, metric, progress, log, signal}) {
    const {runTraining} = await import('./learn/training-run.ts');
    const {data, hyperparameters: chosen, augmentation} = inputs;
    await runTraining({
      params,
      dataset: data.files.dataset ?? data.path,
      chosen: chosen && (chosen.files.best ?? chosen.path),
      policy: augmentation && (augmentation.files.policy ?? augmentation.path),
      outputs,
      device,
      cpus,
      checkpoint,
      metric,
      progress,
      log,
      signal,
    });
  },
});
