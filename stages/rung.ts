// One rung of a search by successive halving: a training that goes on from the state of the rung before. The
// declaration is light; TF.js and ONNX Runtime are loaded when it runs.

import {defineStage} from '../src/stage/define.ts';
import {hyperparameters} from './learn/hyperparameters.ts';
import train from './train.ts';

export default defineStage({
  about:
    'Trains on from the state of the rung before, up to `epochs` in all: as one training that never stopped.',
  params: hyperparameters.superRefine(({schedule}, context) => {
    if (schedule === 'constant') return;
    const message = `expected constant, since other schedules depend on the number of epochs, got ${schedule}`;
    context.addIssue({code: 'custom', path: ['schedule'], message});
  }),
  inputs: {data: 'one', before: 'optional'},
  outputs: train.outputs,
  holds: {
    ...train.holds,
    before: 'the state of the rung before; none for the first',
  },
  usesDevice: true,
  fileParams: ['model'],
  async run(context) {
    const {runTraining} = await import('./learn/training-run.ts');
    const {inputs, outputs} = context;
    const {data, before} = inputs;
    await runTraining({
      ...context,
      dataset: data.files.dataset ?? data.path,
      before: before && (before.files.state ?? before.path),
      keep: outputs.state,
    });
  },
});
