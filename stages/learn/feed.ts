// What a training program scans for a run of steps: sample numbers, augmentation draws, schedules, dropout masks.
// All of it is a function of (training, epoch, step): no generator has a state that would have to be saved.

import type {HostTensor, HostTensors} from '../../src/engine/program.ts';
import {drawAugmentation, drawLength, isNoAugmentation} from './augmentation.ts';
import type {RulePhase} from './gradients/rule.ts';
import {drawSteps} from './models/dropout.ts';
import {sizeOf} from './models/model.ts';
import {maskNamesOf, type Recipe, scannedNumbersOf, type Training} from './training-program.ts';

/** Consecutive steps of one epoch that one program runs in one call. */
export interface Segment {
  readonly epoch: number;
  /** Number of the first step in its epoch, and over all epochs. */
  readonly firstBatch: number;
  readonly firstStep: number;
  /** Sample numbers per step; all of the same length. */
  readonly batches: readonly Int32Array[];
}

/** What draws are of, where images are augmented. */
type Augmented = Pick<Training, 'policy' | 'dataset'>;

/** The scanned inputs of a segment: each with the steps as its leading axis. */
export function feedOf(
  training: Recipe & Partial<Augmented>,
  phase: RulePhase,
  segment: Segment,
): HostTensors {
  const {policy, dataset, seed} = training;
  const {epoch, firstBatch, firstStep, batches} = segment;
  const steps = batches.length;
  const batch = batches[0]?.length ?? 0;
  const indices = new Int32Array(steps * batch);
  batches.forEach((samples, i) => {
    indices.set(samples, i * batch);
  });
  const feed: Record<string, HostTensor> = {indices: {dtype: 'int32', shape: [steps, batch], data: indices}};
  if (policy !== undefined && dataset !== undefined && !isNoAugmentation(policy)) {
    const data = new Int32Array(steps * batch * drawLength);
    batches.forEach((samples, i) => {
      const out = data.subarray(i * batch * drawLength, (i + 1) * batch * drawLength);
      drawAugmentation(policy, dataset, seed, epoch, firstBatch + i, samples, out);
    });
    feed.draws = {dtype: 'int32', shape: [steps, batch, drawLength], data};
  }
  for (const [name, {shape, at}] of Object.entries(scannedNumbersOf(training, phase))) {
    const size = sizeOf(shape);
    const data = new Float32Array(steps * size);
    for (let i = 0; i < steps; i++) data.set(at(firstStep + i), i * size);
    feed[name] = {dtype: 'float32', shape: [steps, ...shape], data};
  }
  for (const {name, place, pass} of maskNamesOf(training)) {
    const spec = training.model.draws[place];
    if (spec === undefined) throw new Error(`expected a place ${place} of draws in ${training.model.name}`);
    feed[name] = drawSteps(spec, steps, batch, {seed, firstStep, place, pass});
  }
  return feed;
}
