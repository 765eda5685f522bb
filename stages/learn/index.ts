// What learning is made of, for stages of one's own: models of tf.layers compiled, gradient rules, optimizers, schedules.

/** TF.js as the engine has it: one copy, whatever the project has installed. */
export * as tf from '@tensorflow/tfjs';
export {type Dataset, decodeDataset} from './dataset-file.ts';
export {engineDevice, type GrantedDevice} from './device.ts';
export {esam} from './gradients/esam.ts';
export {friendlySam} from './gradients/friendly-sam.ts';
export {gsam, radiusFollowing} from './gradients/gsam.ts';
export {lookSam} from './gradients/look-sam.ts';
export {mSam} from './gradients/m-sam.ts';
export {defaultPerturbation} from './gradients/perturbation.ts';
export {type GradientRule, plainGradient} from './gradients/rule.ts';
export {gradientNormPenalty, sam} from './gradients/sam.ts';
export {
  type CompiledModel,
  compileModel,
  type EpochResult,
  type FitOptions,
  type ModelOptions,
  type Scores,
} from './layers/compile-model.ts';
export type {Loss, LossName} from './layers/losses.ts';
export {type ReadSamples, readSamples, type Samples, samplesOf} from './layers/samples.ts';
export type {ImageShape} from './models/model.ts';
export {adam} from './optimizers/adam.ts';
export type {Optimizer, UpdateDecay} from './optimizers/optimizer.ts';
export {sgd} from './optimizers/sgd.ts';
export {learningRate, type Schedule} from './schedules.ts';
