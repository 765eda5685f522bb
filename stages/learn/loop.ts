// The training loop: epochs over compiled programs, evaluation, curve, divergence, checkpoints.
// The same training gives the same result, however often it was interrupted and however steps are cut into calls.

import type {HostTensors, Program} from '../../src/engine/program.ts';
import {type BatchPlan, batchesOf, stepsPerEpoch} from './batches.ts';
import type {Checkpoint} from './checkpoint.ts';
import {type EpochRow, finiteOrNull} from './curve.ts';
import type {Split} from './dataset-file.ts';
import {evaluationDefinition, predict} from './evaluation-program.ts';
import type {Segment} from './feed.ts';
import {type Predictions, scorePredictions} from './metrics.ts';
import {type Recipe, type Training, trainingDefinition} from './training-program.ts';
import {type Compile, TrainingPrograms} from './training-programs.ts';

export interface LoopOptions {
  readonly training: Training;
  readonly epochs: number;
  readonly batches: BatchPlan;
  /** Samples per evaluation step; changes nothing but speed. */
  readonly evaluationBatch: number;
  /** Evaluate every so many epochs; the last one always is. */
  readonly evaluateEvery: number;
  /** Steps per call of a program; changes nothing but speed and how often the signal is looked at. */
  readonly stepsPerCall: number;
  readonly compile: Compile;
  /** Where to continue from. */
  readonly resumed: Checkpoint | undefined;
  /** Called after each epoch, and awaited. */
  readonly onEpoch: (checkpoint: () => Promise<Checkpoint>) => Promise<void>;
  /** Called after each call of a program. */
  readonly onProgress: (progress: {
    readonly done: number;
    readonly total: number;
    readonly loss: number;
  }) => void;
  readonly signal: AbortSignal;
}

export interface TrainingResult {
  readonly state: HostTensors;
  readonly curve: readonly EpochRow[];
  /** A loss was not finite: training stopped in that epoch. */
  readonly diverged: boolean;
  /** Predictions with the last weights, for each split that has samples. */
  readonly validation: Predictions | undefined;
  readonly test: Predictions | undefined;
}

/** @throws the signal's reason when it is aborted. */
export async function train(options: LoopOptions): Promise<TrainingResult> {
  const {training, epochs, batches, resumed, signal} = options;
  const programs = new TrainingPrograms(training, options.compile, (phase, batch) =>
    trainingDefinition(training, phase, batch),
  );
  const evaluate = evaluatorOf(options);
  const perEpoch = stepsPerEpoch(batches);
  const curve = (resumed?.curve ?? []).map(row => asOfOneTraining(row, options));
  if (resumed) programs.writeState(resumed.state);
  try {
    let evaluated: Evaluated | undefined;
    for (let epoch = curve.length; epoch < epochs && !hasDiverged(curve); epoch++) {
      const trained = await runEpoch(options, programs, epoch);
      evaluated = undefined;
      const isLast = epoch === epochs - 1 || trained.diverged;
      if (isLast || (epoch + 1) % options.evaluateEvery === 0)
        evaluated = await evaluate(await programs.readState());
      curve.push({
        epoch: epoch + 1,
        lr: training.learningRate((epoch + 1) * perEpoch - 1),
        train_loss: finiteOrNull(trained.loss),
        train_accuracy: finiteOrNull(trained.accuracy),
        ...(evaluated?.scores ?? noScores),
      });
      await options.onEpoch(async () => ({state: await programs.readState(), curve: [...curve]}));
    }
    signal.throwIfAborted();
    const state = await programs.readState();
    const {validation, test} = evaluated ?? (await evaluate(state));
    const areFinite = [validation, test].every(split => split?.losses.every(Number.isFinite) ?? true);
    return {state, curve, diverged: hasDiverged(curve) || !areFinite, validation, test};
  } finally {
    await programs.dispose();
    await evaluate.dispose();
  }
}

/** A shorter training has evaluated its last epoch, which one that never stopped would not have. */
function asOfOneTraining(row: EpochRow, {epochs, evaluateEvery}: LoopOptions): EpochRow {
  const isEvaluated = row.epoch % evaluateEvery === 0 || row.epoch === epochs || row.train_loss === null;
  return isEvaluated ? row : {...row, ...noScores};
}

const hasDiverged = (curve: readonly EpochRow[]): boolean => curve.at(-1)?.train_loss === null;

/** Runs the steps of one epoch; stops after the call in which a loss was not finite. */
async function runEpoch(options: LoopOptions, programs: TrainingPrograms, epoch: number) {
  const {training, batches, epochs} = options;
  const perEpoch = stepsPerEpoch(batches);
  let loss = 0;
  let correct = 0;
  let samples = 0;
  for (const {phase, segment} of segmentsOf(options, epoch)) {
    options.signal.throwIfAborted();
    const rulePhase = training.rule.phases[phase];
    if (rulePhase === undefined)
      throw new Error(`expected a phase ${phase} in the rule ${training.rule.name}`);
    const metrics = await programs.run(rulePhase, segment);
    segment.batches.forEach((batch, i) => {
      loss += (metrics.losses[i] ?? Number.NaN) * batch.length;
      correct += metrics.correct[i] ?? Number.NaN;
      samples += batch.length;
    });
    const done = segment.firstStep + segment.batches.length;
    options.onProgress({done, total: epochs * perEpoch, loss: loss / samples});
    if (!Number.isFinite(loss)) return {loss, accuracy: correct / samples, diverged: true};
  }
  return {loss: loss / samples, accuracy: correct / samples, diverged: false};
}

/** The steps of an epoch, which starts at a step of its own where batch sizes have changed, cut where the phase or the batch size changes, and after `stepsPerCall`. */
export function* segmentsOf(
  {
    training,
    batches,
    stepsPerCall,
  }: {readonly training: Recipe} & Pick<LoopOptions, 'batches' | 'stepsPerCall'>,
  epoch: number,
  firstOfEpoch?: number,
): Generator<{readonly phase: number; readonly segment: Segment}> {
  const all = batchesOf(batches, epoch);
  const firstStep = firstOfEpoch ?? epoch * all.length;
  let start = 0;
  while (start < all.length) {
    const phase = training.rule.phaseAt(firstStep + start);
    let end = start + 1;
    while (
      end < all.length &&
      end - start < stepsPerCall &&
      training.rule.phaseAt(firstStep + end) === phase &&
      all[end]?.length === all[start]?.length
    ) {
      end += 1;
    }
    const segment = {epoch, firstBatch: start, firstStep: firstStep + start, batches: all.slice(start, end)};
    yield {phase, segment};
    start = end;
  }
}

type Scores = Pick<EpochRow, 'validation_loss' | 'validation_accuracy' | 'test_loss' | 'test_accuracy'>;
const noScores: Scores = {
  validation_loss: null,
  validation_accuracy: null,
  test_loss: null,
  test_accuracy: null,
};

interface Evaluated {
  readonly validation: Predictions | undefined;
  readonly test: Predictions | undefined;
  readonly scores: Scores;
}

interface Evaluator {
  (state: HostTensors): Promise<Evaluated>;
  readonly dispose: () => Promise<void>;
}

/** Evaluates the splits that have samples; their programs are compiled at first use. */
function evaluatorOf({training, evaluationBatch, stepsPerCall, compile, signal}: LoopOptions): Evaluator {
  const {model, dataset} = training;
  const programs = new Map<Split, Program>();
  const predictionsOf = async (split: Split, state: HostTensors): Promise<Predictions | undefined> => {
    if (split.count === 0) return undefined;
    const batch = Math.min(evaluationBatch, split.count);
    const program =
      programs.get(split) ?? (await compile(evaluationDefinition(model, dataset, split, batch)));
    programs.set(split, program);
    return predict(program, state, split.count, batch, stepsPerCall, signal);
  };
  const score = (predictions: Predictions | undefined, split: Split) => {
    const {loss, accuracy} = predictions
      ? scorePredictions(predictions, split.labels)
      : {loss: Number.NaN, accuracy: Number.NaN};
    return {loss: finiteOrNull(loss), accuracy: finiteOrNull(accuracy)};
  };
  const evaluate = async (state: HostTensors): Promise<Evaluated> => {
    const validation = await predictionsOf(dataset.validation, state);
    const test = await predictionsOf(dataset.test, state);
    const ofValidation = score(validation, dataset.validation);
    const ofTest = score(test, dataset.test);
    return {
      validation,
      test,
      scores: {
        validation_loss: ofValidation.loss,
        validation_accuracy: ofValidation.accuracy,
        test_loss: ofTest.loss,
        test_accuracy: ofTest.accuracy,
      },
    };
  };
  const dispose = async (): Promise<void> => {
    for (const program of programs.values()) await program.dispose();
  };
  return Object.assign(evaluate, {dispose});
}
