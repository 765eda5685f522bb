// The beginning of a training as files: from a data set and parameters to its initial state, the order of its batches
// and the losses of its first steps. What `train` computes with the same parameters begins exactly so.

import {readFile, writeFile} from 'node:fs/promises';
import {compile} from '../../src/engine/index.ts';
import {encodeSafetensors} from '../../src/engine/safetensors.ts';
import {StageError} from '../../src/stage/define.ts';
import {toCsvText} from '../tables/csv-text.ts';
import {type Assembly, assemble, policyOf} from './assembly.ts';
import {batchesOf, stepsPerEpoch} from './batches.ts';
import {decodeDataset} from './dataset-file.ts';
import {engineDevice} from './device.ts';
import {segmentsOf} from './loop.ts';
import {modelNamed} from './models/named-model.ts';
import {resolvePublished} from './presets.ts';
import {initialState, pick, prefixed, trainingDefinition} from './training-program.ts';
import {TrainingPrograms} from './training-programs.ts';
import type {TrainingRun} from './training-run.ts';

export interface FirstStepsRun
  extends Pick<TrainingRun, 'params' | 'files' | 'dataset' | 'device' | 'cpus' | 'log' | 'signal'> {
  readonly steps: number;
  readonly outputs: {readonly start: string; readonly losses: string};
}

/** @throws StageError for a data set that is none, and for parameters that do not fit it. */
export async function takeFirstSteps(run: FirstStepsRun): Promise<void> {
  const {params, outputs} = run;
  const dataset = decodeDataset(await readFile(run.dataset), run.dataset);
  const assembly = assemble(
    params,
    resolvePublished(params, dataset.name),
    policyOf(params.augmentation),
    dataset,
    await modelNamed(params, run.files, dataset),
  );
  const perEpoch = stepsPerEpoch(assembly.batches);
  if (run.steps > params.epochs * perEpoch) {
    throw new StageError(
      `expected at most the ${params.epochs * perEpoch} steps of the training, got ${run.steps}`,
      'Set steps lower, or epochs higher.',
    );
  }
  await writeFile(outputs.start, encodeStart(assembly, params.epochs));
  const losses = await lossesOf(run, assembly, perEpoch);
  await writeFile(
    outputs.losses,
    toCsvText(
      ['step', 'loss'],
      losses.map((loss, index) => [index + 1, loss]),
    ),
  );
}

function encodeStart({training, batches}: Assembly, epochs: number): Uint8Array {
  const state = initialState(training);
  const orders = Array.from({length: epochs}, (_, epoch) =>
    batchesOf(batches, epoch).flatMap(batch => [...batch]),
  );
  const perEpoch = orders[0]?.length ?? 0;
  return encodeSafetensors({
    tensors: {
      ...prefixed('weights', pick(state, 'weights')),
      ...prefixed('statistics', pick(state, 'statistics')),
      order: {dtype: 'int32', shape: [epochs, perEpoch], data: Int32Array.from(orders.flat())},
    },
    metadata: {format: 'pipe-start-1'},
  });
}

async function lossesOf(run: FirstStepsRun, {training, batches}: Assembly, perEpoch: number) {
  const programs = new TrainingPrograms(
    training,
    async definition => {
      const program = await compile(definition, {device: engineDevice(run.device), threads: run.cpus});
      run.device.computed(program.device.kind);
      return program;
    },
    (phase, batch) => trainingDefinition(training, phase, batch),
  );
  const losses: number[] = [];
  try {
    for (let epoch = 0; losses.length < run.steps; epoch++) {
      for (const {phase, segment} of segmentsOf({training, batches, stepsPerCall: perEpoch}, epoch)) {
        run.signal.throwIfAborted();
        const left = run.steps - losses.length;
        if (left <= 0) break;
        const rulePhase = training.rule.phases[phase];
        if (rulePhase === undefined) throw new Error(`expected a phase ${phase} in ${training.rule.name}`);
        const cut = {...segment, batches: segment.batches.slice(0, left)};
        losses.push(...(await programs.run(rulePhase, cut)).losses);
      }
    }
  } finally {
    await programs.dispose();
  }
  return losses;
}
