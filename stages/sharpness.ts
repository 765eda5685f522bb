// How sharp the minimum is that a training found: Hessian eigenvalues, SAM's own sharpness, m-sharpness, and slices
// of the loss landscape along filter-normalised directions, all over a fixed subset of the data.

import {readFile, writeFile} from 'node:fs/promises';
import {defineStage, StageError, z} from '../src/stage/define.ts';
import type {Measurement} from './sharpness/measurement.ts';

const points = z.int().min(0).max(201);

export default defineStage({
  about:
    'Measures the sharpness of trained weights: Hessian eigenvalues, SAM’s sharpness, loss-landscape slices.',
  params: z.object({
    split: z.enum(['train', 'validation', 'test']).default('train'),
    samples: z.int().positive().default(1000).describe('a fixed subset of the split, chosen by the seed'),
    batch_size: z.int().positive().default(250).describe('samples at once; no result depends on it'),
    eigenvalues: z.int().min(1).max(50).default(5).describe('how many of the largest'),
    power_iterations: z
      .int()
      .min(0)
      .default(100)
      .describe('at most so many for each eigenvalue; 0 leaves power iteration out'),
    lanczos_steps: z
      .int()
      .min(0)
      .max(500)
      .default(40)
      .describe('0 leaves it out; each step keeps one vector as long as the weights'),
    tolerance: z.number().positive().default(1e-3).describe('relative, of an eigenvalue'),
    rho: z.number().positive().default(0.05).describe('radius of SAM’s sharpness and of m-sharpness'),
    m: z.array(z.int().positive()).default([16, 128]).describe('group sizes of m-sharpness'),
    line_points: points.default(41).describe('of the slice along one direction; 0 leaves it out'),
    grid_points: points.default(21).describe('per side, of the slice along two; 0 leaves it out'),
    reach: z.number().positive().default(1).describe('slices go from -reach to reach'),
    seed: z.int().min(0).default(0).describe('of subset, start vectors and directions: one for all models'),
  }),
  inputs: {model: 'one', data: 'one'},
  outputs: {
    sharpness: {kind: 'file', name: 'sharpness.json'},
    eigenvalues: {kind: 'file', name: 'eigenvalues.csv'},
    line: {kind: 'file', name: 'line.csv'},
    landscape: {kind: 'file', name: 'landscape.csv'},
  },
  holds: {
    model: 'weights of train',
    data: 'a data set file of preprocess',
    sharpness: 'JSON: eigenvalues with residuals, sharpness at rho, m-sharpness, and how they were measured',
    eigenvalues:
      'CSV: method, rank, eigenvalue, residual, products (of the Hessian with a vector), converged',
    line: 'CSV, along one direction: x, y (0), loss, accuracy',
    landscape: 'CSV, along two directions: x, y, loss, accuracy',
  },
  usesDevice: true,
  async run({params, inputs, outputs, device, cpus, metric, progress, log, signal}) {
    const {compile} = await import('../src/engine/index.ts');
    const {decodeDataset} = await import('./learn/dataset-file.ts');
    const {checkFits, decodeTrainedModel} = await import('./sharpness/trained-model.ts');
    const {chooseSamples} = await import('./sharpness/samples.ts');
    const {Surface} = await import('./sharpness/surface.ts');
    const {measureSharpness, nothingMeasured} = await import('./sharpness/measurement.ts');
    const {eigenvaluesToCsv, metricsOf, slicesToCsv, toJson} = await import('./sharpness/record.ts');

    const weightsPath = inputs.model.files.weights ?? inputs.model.path;
    const dataPath = inputs.data.files.dataset ?? inputs.data.path;
    const trained = decodeTrainedModel(await readFile(weightsPath), weightsPath);
    const dataset = decodeDataset(await readFile(dataPath), dataPath);
    checkFits(trained, dataset, dataPath);
    if (dataset[params.split].count === 0) {
      throw new StageError(`split: expected one that has samples, got ${params.split}, which is empty`);
    }
    const samples = chooseSamples(dataset, params.split, params.samples, params.seed);
    const groups = params.m.filter(m => m <= samples.count);
    const isGranted = device.gpus.length > 0;
    const choice = (['cpu', 'webgpu', 'cuda', 'tfjs'] as const).find(name => name === device.choice);
    const surface = new Surface({
      trained,
      dataset,
      samples,
      batch: Math.min(params.batch_size, samples.count),
      async compile(definition) {
        const program = await compile(definition, {
          device: choice ?? (isGranted ? 'auto' : 'cpu'),
          threads: cpus,
        });
        device.computed(program.device.kind);
        return program;
      },
      signal,
    });
    let done = 0;
    const total =
      params.eigenvalues * params.power_iterations +
      params.lanczos_steps +
      params.line_points +
      params.grid_points ** 2;
    const measure = (): Promise<Measurement> =>
      measureSharpness(surface, {
        eigenvalues: params.eigenvalues,
        powerIterations: params.power_iterations,
        lanczosSteps: params.lanczos_steps,
        tolerance: params.tolerance,
        rho: params.rho,
        groups,
        linePoints: params.line_points,
        gridPoints: params.grid_points,
        reach: params.reach,
        seed: params.seed,
        onStep: detail => {
          signal.throwIfAborted();
          // Power iteration usually stops before its last iteration, so this ends below the total.
          progress({done: ++done, total: Math.max(done, total), unit: 'evaluations', detail});
        },
      });
    const measurement = trained.isFinite ? await measure() : nothingMeasured;
    await surface.dispose();
    const about = {
      model: trained.model.name,
      dataset: dataset.name,
      split: params.split,
      samples: samples.count,
      rho: params.rho,
      seed: params.seed,
    };
    await writeFile(outputs.sharpness, `${JSON.stringify(toJson(about, measurement), null, 2)}\n`);
    await writeFile(outputs.eigenvalues, eigenvaluesToCsv(measurement));
    await writeFile(outputs.line, slicesToCsv(measurement.line));
    await writeFile(outputs.landscape, slicesToCsv(measurement.grid));
    // Divergence is a result: a study goes on with the runs that are left.
    if (trained.isFinite) {
      for (const [name, value] of Object.entries(metricsOf(measurement))) metric(name, value);
    }
    metric('diverged', trained.isFinite ? 0 : 1);
    if (!trained.isFinite)
      log('the training diverged: its weights are not finite, so there is nothing to measure');
    const open = [...measurement.power, ...measurement.lanczos].filter(({isConverged}) => !isConverged);
    if (open.length > 0) {
      log(`${open.length} eigenvalues have not converged: more power_iterations or lanczos_steps would help`);
    }
    for (const m of params.m)
      if (!groups.includes(m)) log(`m ${m} is left out: there are ${samples.count} samples`);
  },
});
