// From parameters and a data set to a training: the model, the gradient rule, the optimizer, the schedule.

import {type AugmentationPolicy, augmentationPolicy, noAugmentation} from './augmentation.ts';
import {type BatchPlan, stepsPerEpoch} from './batches.ts';
import type {Dataset} from './dataset-file.ts';
import {esam} from './gradients/esam.ts';
import {friendlySam} from './gradients/friendly-sam.ts';
import {gsam, radiusFollowing} from './gradients/gsam.ts';
import {lookSam} from './gradients/look-sam.ts';
import {mSam} from './gradients/m-sam.ts';
import {type GradientRule, plainGradient, type Radius} from './gradients/rule.ts';
import {gradientNormPenalty, sam} from './gradients/sam.ts';
import type {Hyperparameters} from './hyperparameters.ts';
import {buildModel, type ModelSpec, type OwnModelSpec} from './models/catalogue.ts';
import type {Model} from './models/model.ts';
import {adam} from './optimizers/adam.ts';
import {decayed, type Optimizer} from './optimizers/optimizer.ts';
import {sgd} from './optimizers/sgd.ts';
import type {Resolved} from './presets.ts';
import {learningRate, type Schedule} from './schedules.ts';
import type {Training} from './training-program.ts';

export interface Assembly {
  readonly training: Training;
  readonly batches: BatchPlan;
  readonly spec: ModelSpec | OwnModelSpec;
}

/**
 * @param resolved the parameters that depend on the data set.
 * @param own the model that a module of the project makes, where the parameters name one.
 */
export function assemble(
  params: Hyperparameters,
  resolved: Resolved,
  policy: AugmentationPolicy,
  dataset: Dataset,
  own: Model | undefined,
): Assembly {
  const {spec, model} = modelOf(params, dataset, own);
  const batches = {
    count: dataset.train.count,
    size: params.batch_size,
    dropLast: params.drop_last,
    seed: params.seed,
  };
  const perEpoch = stepsPerEpoch(batches);
  const rate = learningRate({
    rate: params.lr,
    schedule: scheduleOf(params),
    warmup: Math.round(params.warmup_epochs * perEpoch),
    steps: params.epochs * perEpoch,
  });
  const decays = decayed(model.parameters, params.weight_decay_on);
  const inLoss = params.weight_decay_mode === 'loss';
  return {
    spec,
    batches,
    training: {
      model,
      dataset,
      policy,
      objective: {
        smoothing: {amount: params.label_smoothing, over: params.smoothing_over},
        decay: inLoss ? params.weight_decay : 0,
        decays: kind => params.weight_decay_on === 'all' || kind === 'weight',
      },
      rule: ruleOf(params, resolved, model, radiusOf(params, resolved, rate, perEpoch)),
      optimizer: optimizerOf(params, decays),
      clip: params.clip ?? undefined,
      freshMasks: params.dropout_masks === 'fresh',
      learningRate: rate,
      seed: params.seed,
    },
  };
}

/** The policy that a name stands for, or the policy given. */
export function policyOf(augmentation: Hyperparameters['augmentation']): AugmentationPolicy {
  if (augmentation === 'none') return noAugmentation;
  if (augmentation === 'basic') return augmentationPolicy.parse({flip: 0.5, crop: {}});
  if (augmentation === 'cutout') return augmentationPolicy.parse({flip: 0.5, crop: {}, cutout: {length: 16}});
  return augmentation;
}

function modelOf(
  params: Hyperparameters,
  dataset: Dataset,
  own: Model | undefined,
): Pick<Assembly, 'spec'> & {readonly model: Model} {
  if (own !== undefined) return {spec: {kind: 'own', module: params.model}, model: own};
  const spec = specOf(params);
  return {spec, model: buildModel(spec, {...dataset, classes: dataset.classNames.length})};
}

function specOf({model, hidden, depth, width, shortcut, init, dropout}: Hyperparameters): ModelSpec {
  if (model === 'simple-nn')
    return {kind: 'simple-nn', hidden, dropout, init: init === 'torch' ? 'torch' : 'he'};
  const published = shortcut === 'zero-pad' ? 'google' : 'zagoruyko';
  const isOwn = init === 'google' || init === 'zagoruyko' || init === 'davda54';
  return {kind: 'wide-resnet', depth, width, shortcut, dropout, init: isOwn ? init : published};
}

function scheduleOf(params: Hyperparameters): Schedule {
  switch (params.schedule) {
    case 'constant':
      return {kind: 'constant'};
    case 'step':
      return {kind: 'step', factor: params.schedule_factor, at: params.schedule_at};
    case 'cosine':
    case 'linear':
      return {kind: params.schedule, end: params.schedule_end};
  }
}

/** The optimizer that gets the gradient. */
export const baseOf = ({optimizer, base}: Hyperparameters): Hyperparameters['base'] =>
  optimizer === 'sgd' || optimizer === 'adam' || optimizer === 'adamw' ? optimizer : base;

function optimizerOf(params: Hyperparameters, decays: (name: string) => boolean): Optimizer {
  const {momentum, nesterov, beta1, beta2, adam_epsilon: epsilon} = params;
  const base = baseOf(params);
  const inLoss = params.weight_decay_mode === 'loss';
  const isDecoupled = params.weight_decay_mode === 'decoupled' || (base === 'adamw' && !inLoss);
  const decay = {
    mode: isDecoupled ? ('decoupled' as const) : ('coupled' as const),
    rate: inLoss ? 0 : params.weight_decay,
    decays,
  };
  return base === 'sgd' ? sgd({momentum, nesterov, decay}) : adam({beta1, beta2, epsilon, decay});
}

/** The radius: constant, following the learning rate (GSAM), or rising over the first epochs. */
function radiusOf(
  params: Hyperparameters,
  {rho}: Resolved,
  rate: (step: number) => number,
  perEpoch: number,
): Radius {
  const warmup = Math.round(params.rho_warmup_epochs * perEpoch);
  if (rho === 0 || (warmup === 0 && params.rho_min === null)) return rho;
  const follows =
    params.rho_min === null
      ? () => rho
      : radiusFollowing(rate, {
          lowest: lowestRate(params),
          highest: params.lr,
          min: params.rho_min,
          max: rho,
        });
  return step => follows(step) * Math.min(1, warmup === 0 ? 1 : step / warmup);
}

/** The learning rate that a schedule falls to. */
function lowestRate({lr, schedule, schedule_factor, schedule_at, schedule_end}: Hyperparameters): number {
  if (schedule === 'constant') return lr;
  return schedule === 'step' ? lr * schedule_factor ** schedule_at.length : lr * schedule_end;
}

function ruleOf(params: Hyperparameters, resolved: Resolved, {parameters}: Model, rho: Radius): GradientRule {
  const {adaptive, alpha, lambda, beta} = resolved;
  const {eta, norm_epsilon: epsilon, perturbs, m, k, sigma, gamma, seed} = params;
  const options = {rho, adaptive, eta, epsilon, perturbs};
  switch (params.optimizer) {
    case 'sgd':
    case 'adam':
    case 'adamw':
      return plainGradient;
    case 'sam':
    case 'asam':
      return sam(parameters, options);
    case 'msam':
      return mSam(parameters, {...options, m});
    case 'gsam':
      return gsam(parameters, {...options, alpha});
    case 'esam':
      return esam(parameters, {...options, beta, gamma, seed});
    case 'looksam':
      return lookSam(parameters, {...options, k, alpha});
    case 'fsam':
      return friendlySam(parameters, {...options, sigma, lambda});
    case 'gnp':
      return gradientNormPenalty(parameters, {...options, alpha});
  }
}
