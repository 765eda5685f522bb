// One training from files to files: a data set and perhaps an augmentation policy, to weights, curve, predictions and
// summary. The heavy packages are loaded here, so this file is only imported when it runs.

import {createHash} from 'node:crypto';
import {readFile, writeFile} from 'node:fs/promises';
import {compile, type Program} from '../../src/engine/index.ts';
import {encodeSafetensors} from '../../src/engine/safetensors.ts';
import {type OutputDeclaration, type StageContext, StageError, z} from '../../src/stage/define.ts';
import {type Assembly, assemble, baseOf, policyOf} from './assembly.ts';
import {type AugmentationPolicy, augmentationPolicy, isNoAugmentation} from './augmentation.ts';
import {stepsPerEpoch} from './batches.ts';
import {type Checkpoint, readCheckpoint, writeCheckpoint} from './checkpoint.ts';
import {bestEpoch, curveToCsv} from './curve.ts';
import {type Dataset, decodeDataset} from './dataset-file.ts';
import {engineDevice} from './device.ts';
import {plainGradient} from './gradients/rule.ts';
import type {Hyperparameters} from './hyperparameters.ts';
import {inferenceModel} from './inference-model.ts';
import {type TrainingResult, train} from './loop.ts';
import type {Predictions} from './metrics.ts';
import {countParameters} from './models/model.ts';
import {modelNamed} from './models/named-model.ts';
import {resolvePublished} from './presets.ts';
import {pick} from './training-program.ts';

type Outputs = Readonly<Record<'weights' | 'curve' | 'predictions' | 'summary' | 'model', OutputDeclaration>>;

/** What the stages that train have in common, and what each gives of its own: paths, or nothing. */
export interface TrainingRun
  extends Pick<
    StageContext<Hyperparameters, Record<never, never>, Outputs>,
    | 'params'
    | 'files'
    | 'outputs'
    | 'device'
    | 'platform'
    | 'cpus'
    | 'checkpoint'
    | 'metric'
    | 'progress'
    | 'log'
    | 'signal'
  > {
  readonly dataset: string;
  /** An augmentation policy, in place of the parameter. */
  readonly policy?: string | undefined;
  /** A folder with the state to continue from, where there is none of an interrupted try. */
  readonly before?: string | undefined;
  /** A folder for the state in the end. */
  readonly keep?: string | undefined;
}

/** @throws StageError for mistakes in the inputs; RangeError for parameters that do not fit them. */
export async function runTraining(run: TrainingRun): Promise<void> {
  const {params, metric, log, outputs, signal} = run;
  const dataset = decodeDataset(await readFile(run.dataset), run.dataset);
  const policy = await policyFrom(params, run.policy);
  const resolved = resolvePublished(params, dataset.name);
  const own = await modelNamed(params, run.files, dataset);
  const assembly = fitted(() => assemble(params, resolved, policy, dataset, own));
  const {training, batches} = assembly;
  log(`${training.model.name}: ${countParameters(training.model)} parameters`);
  const device: {used: Program['device'] | undefined} = {used: undefined};
  const {checkpoint, keep} = run;
  const resumed = await stateToContinue(run);
  if (resumed) log(`continues after epoch ${resumed.curve.length}`);
  const result = await train({
    training,
    epochs: params.epochs,
    batches,
    evaluationBatch: params.evaluation_batch,
    evaluateEvery: params.evaluate_every,
    stepsPerCall: stepsPerCall(assembly),
    resumed,
    compile: async definition => {
      const program = await compile(definition, {device: engineDevice(run.device), threads: run.cpus});
      if (device.used === undefined) log(`${program.device.name} (${program.device.reason})`);
      device.used = program.device;
      run.device.computed(program.device.kind);
      return program;
    },
    onEpoch: async state => {
      if (checkpoint !== undefined) await writeCheckpoint(checkpoint, await state());
    },
    onProgress: ({done, total, loss}) =>
      run.progress({done, total, unit: 'steps', detail: `loss ${loss.toFixed(4)}`}),
    signal,
  });
  if (keep !== undefined) await writeCheckpoint(keep, result);
  const weights = encodeWeights(assembly, dataset, result);
  await writeFile(outputs.weights, weights);
  await writeFile(outputs.curve, curveToCsv(result.curve));
  await writeFile(outputs.model, inferenceModel(training.model, dataset, result.state));
  await writeFile(outputs.predictions, encodePredictions(dataset, result));
  const metrics = metricsOf(assembly, result);
  for (const [name, value] of Object.entries(metrics)) metric(name, value);
  const summary = {
    format: 'pipe-training-1',
    dataset: {
      name: dataset.name,
      is_subset: dataset.provenance.is_subset === true,
      provenance: dataset.provenance,
    },
    parameters: inNameOrder({
      ...params,
      ...resolved,
      ...(run.policy === undefined ? {} : {augmentation: policy}),
    }),
    augmentation: policy,
    model: training.model.name,
    // What this was in the end: with a radius of 0, every variant of SAM is its base optimizer.
    method: training.rule === plainGradient ? baseOf(params) : params.optimizer,
    device: device.used?.kind ?? null,
    platform: run.platform,
    weights_sha256: createHash('sha256').update(weights).digest('hex'),
    metrics,
  };
  await writeFile(outputs.summary, `${JSON.stringify(summary, null, 2)}\n`);
  if (result.diverged) log(`diverged in epoch ${result.curve.length}: a loss was not finite`);
}

/** What an interrupted try left, else the state that was given. */
async function stateToContinue({checkpoint, before}: TrainingRun): Promise<Checkpoint | undefined> {
  const interrupted = checkpoint === undefined ? undefined : await readCheckpoint(checkpoint);
  if (before === undefined) return interrupted;
  const given = await readCheckpoint(before);
  if (given === undefined)
    throw new StageError(`${before}: expected the state of a training, got something else`);
  return interrupted ?? given;
}

/** Whoever runs a stage hands its parameters over in an order of its own, which is in no key. */
const inNameOrder = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

async function policyFrom(params: Hyperparameters, path: string | undefined): Promise<AugmentationPolicy> {
  const own = policyOf(params.augmentation);
  if (path === undefined) return own;
  if (!isNoAugmentation(own)) {
    throw new StageError(
      'expected one augmentation, got the input and the parameter',
      'Leave one of them out.',
    );
  }
  const file = z.object({policy: augmentationPolicy}).safeParse(await readJson(path));
  if (!file.success) {
    throw new StageError(`${path}: expected {"policy": {…}}`, 'Give the output of the stage augment.');
  }
  return file.data.policy;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new StageError(`${path}: ${error.message}`, 'Expected a JSON file.');
    throw error;
  }
}

/** Parameters that do not fit the data are the user's to mend. */
function fitted<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) throw new StageError(error.message);
    throw error;
  }
}

/** About 2·10¹¹ floating-point operations per call: seconds, between which progress and the signal are looked at. */
function stepsPerCall({training, batches}: Assembly): number {
  const perStep = 6 * training.model.multiplications * batches.size;
  return Math.max(1, Math.min(400, Math.floor(2e11 / perStep)));
}

/** Weights and running statistics by name; beside them, what is needed to build the model again. */
function encodeWeights({spec}: Assembly, dataset: Dataset, {state}: TrainingResult): Uint8Array {
  const {height, width, channels, classNames, normalisation} = dataset;
  return encodeSafetensors({
    tensors: {...pick(state, 'weights'), ...pick(state, 'statistics')},
    metadata: {
      format: 'pipe-weights-1',
      model: JSON.stringify(spec),
      shape: JSON.stringify({height, width, channels, classes: classNames.length}),
      normalisation: JSON.stringify(normalisation),
      class_names: JSON.stringify(classNames),
    },
  });
}

/** Predicted and true class and loss per sample, in the order of the split; -1 where a loss is not finite. */
function encodePredictions(dataset: Dataset, {test, validation}: TrainingResult): Uint8Array {
  const tensorsOf = (prefix: string, predictions: Predictions | undefined, labels: Int32Array) =>
    predictions && {
      [`${prefix}predictions`]: {dtype: 'int32' as const, shape: [labels.length], data: predictions.classes},
      [`${prefix}labels`]: {dtype: 'int32' as const, shape: [labels.length], data: labels},
      [`${prefix}losses`]: {dtype: 'float32' as const, shape: [labels.length], data: predictions.losses},
    };
  return encodeSafetensors({
    tensors: {
      ...tensorsOf('', test, dataset.test.labels),
      ...tensorsOf('validation_', validation, dataset.validation.labels),
    },
    metadata: {format: 'pipe-predictions-1'},
  });
}

/** Gradients of a whole batch that so many epochs took. */
function gradientEvaluations({training: {rule}, batches}: Assembly, epochs: number): number {
  let sum = 0;
  for (let step = 0; step < epochs * stepsPerEpoch(batches); step++)
    sum += rule.phases[rule.phaseAt(step)]?.cost ?? 0;
  return sum;
}

function metricsOf(assembly: Assembly, {curve, diverged}: TrainingResult): Readonly<Record<string, number>> {
  const facts = {
    diverged: diverged ? 1 : 0,
    epochs: curve.length,
    gradient_evaluations: gradientEvaluations(assembly, curve.length),
    parameter_count: countParameters(assembly.training.model),
  };
  // A diverged run has no result: the accuracy of weights that are not numbers would spoil a mean.
  if (diverged) return facts;
  const last = curve.at(-1);
  const validation = bestEpoch(curve, 'validation_accuracy');
  const test = bestEpoch(curve, 'test_accuracy');
  const best = validation ?? test;
  const all: Readonly<Record<string, number | null | undefined>> = {
    test_accuracy: last?.test_accuracy,
    test_loss: last?.test_loss,
    validation_accuracy: last?.validation_accuracy,
    validation_loss: last?.validation_loss,
    train_accuracy: last?.train_accuracy,
    train_loss: last?.train_loss,
    // The best epoch is chosen on the validation split where there is one; the largest test accuracy is not a
    // result, but some publications report it.
    best_epoch: best?.epoch,
    best_validation_accuracy: validation?.accuracy,
    test_accuracy_at_best: curve.find(({epoch}) => epoch === best?.epoch)?.test_accuracy,
    best_test_accuracy: test?.accuracy,
    ...facts,
  };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value]] : [])),
  );
}
