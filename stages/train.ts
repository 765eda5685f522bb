// Trains one model with one optimizer and one seed. The declaration is light; TF.js and ONNX Runtime are loaded
// when it runs.

import {defineStage} from '../src/stage/define.ts';
import {hyperparameters} from './learn/hyperparameters.ts';

export default defineStage({
  about:
    'Trains one model with one optimizer and one seed: weights, learning curve, predictions, ONNX model.',
  params: hyperparameters,
  inputs: {data: 'one', augmentation: 'optional'},
  outputs: {
    weights: {kind: 'file', name: 'weights.safetensors'},
    curve: {kind: 'file', name: 'curve.csv'},
    predictions: {kind: 'file', name: 'predictions.safetensors'},
    summary: {kind: 'file', name: 'summary.json'},
    model: {kind: 'file', name: 'model.onnx'},
    state: {kind: 'folder', name: 'state'},
  },
  holds: {
    data: 'a data set file of preprocess',
    augmentation: 'a policy of augment, in place of the parameter',
    weights: 'safetensors: one float32 tensor per parameter and running statistic; metadata: the model',
    curve:
      'CSV, one row per epoch: epoch, lr, train_loss, train_accuracy, validation_loss, validation_accuracy, test_loss, ' +
      'test_accuracy; shares from 0 to 1; an empty field where nothing was measured',
    predictions:
      'safetensors, of the test split in its order: predictions and labels as int32 [count], losses as float32 [count]; ' +
      'the same with the prefix validation_',
    summary: 'JSON: effective parameters, metrics, digests of the final weights, what computed it',
    state:
      'what a training of more epochs goes on from: safetensors and curve; empty where the schedule depends on the end',
    model: 'ONNX: images as float32 [batch, height, width, channels], normalised, to logits [batch, classes]',
  },
  usesDevice: true,
  continues: {parameter: 'epochs', from: 'state', when: {schedule: 'constant'}},
  fileParams: ['model'],
  async run(context) {
    const {runTraining} = await import('./learn/training-run.ts');
    const {params, inputs, outputs} = context;
    const {data, augmentation} = inputs;
    await runTraining({
      ...context,
      dataset: data.files.dataset ?? data.path,
      policy: augmentation && (augmentation.files.policy ?? augmentation.path),
      keep: params.schedule === 'constant' ? outputs.state : undefined,
    });
  },
});
