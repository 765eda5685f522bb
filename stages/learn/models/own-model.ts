// A model of one's own: a module of the project that makes a model of tf.layers for the images at hand. It is read where
// the training runs, from a file that the key holds the bytes of, and sees `@tensorflow/tfjs` and the files beside it.

import {basename} from 'node:path';
import {compileFunction} from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import type {BuildFailure} from 'esbuild';
import {StageError} from '../../../src/stage/define.ts';
import {functionOf, type LayersFunction, type Port} from '../layers/layers-model.ts';
import {seeded} from '../layers/seeded.ts';
import {type ImageShape, type Model, sizeOf} from './model.ts';

/** What the module exports as its default. */
export type ModelBuilder = (shape: ImageShape) => tf.LayersModel;

/**
 * @param file the module, absolute; `shown` is its path as people know it.
 * @throws StageError for a module that cannot be read, or that makes no model of these images.
 */
export async function ownModel(file: string, shown: string, shape: ImageShape, seed: number): Promise<Model> {
  const build = await builderOf(file, shown);
  const makes = (): tf.LayersModel => {
    const model: unknown = build(shape);
    if (!(model instanceof tf.LayersModel))
      throw new StageError(`${shown}: expected a model of tf.layers from the default export`, HINT);
    return model;
  };
  try {
    return modelOf(functionOf(seeded(seed, makes)), basename(shown).replace(/\.[^.]*$/, ''), shown, shape);
  } catch (error) {
    if (error instanceof RangeError) throw new StageError(`${shown}: ${error.message}`);
    throw error;
  }
}

const HINT = 'Such as: export default ({height, width, channels, classes}) => tf.sequential({layers: […]}).';

async function builderOf(file: string, shown: string): Promise<ModelBuilder> {
  const text = await commonText(file, shown);
  const module: {exports: unknown} = {exports: {}};
  // Its imports of TF.js are answered with the one of this training.
  compileFunction(text, ['module', 'require'], {filename: shown})(module, () => tf);
  const build: unknown = Reflect.get(Object(module.exports), 'default');
  if (!isBuilder(build))
    throw new StageError(`${shown}: expected a function as its default export, got ${typeof build}`, HINT);
  return build;
}

const isBuilder = (value: unknown): value is ModelBuilder => typeof value === 'function';

/** The module with what it imports, as one CommonJS text that requires TF.js alone. */
async function commonText(file: string, shown: string): Promise<string> {
  const {build} = await import('esbuild');
  try {
    const result = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      format: 'cjs',
      platform: 'node',
      target: 'node20',
      tsconfigRaw: {},
      logLevel: 'silent',
      external: ['@tensorflow/tfjs', '@tensorflow/tfjs-core', '@tensorflow/tfjs-layers'],
    });
    return result.outputFiles[0]?.text ?? '';
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const [first] = error.errors;
    throw new StageError(
      `${shown}: ${first?.text ?? error.message}`,
      'A model imports @tensorflow/tfjs, and files of the project that are listed under `files`.',
    );
  }
}

const isBuildFailure = (error: unknown): error is BuildFailure =>
  error instanceof Error && 'errors' in error && Array.isArray(error.errors);

function modelOf(layers: LayersFunction, name: string, shown: string, shape: ImageShape): Model {
  const {height, width, channels, classes} = shape;
  const expected = `[${height}, ${width}, ${channels}] to [${classes}]`;
  const shapes = (ports: readonly Port[]): string =>
    ports.map(({shape}) => `[${shape.join(', ')}]`).join(' and ');
  const got = `${shapes(layers.inputs)} to ${shapes(layers.outputs)}`;
  if (got !== expected) throw new StageError(`${shown}: expected a model of ${expected}, got ${got}`, HINT);
  if (layers.constrain !== undefined)
    throw new StageError(
      `${shown}: expected layers without constraints`,
      'They have no place in the rules of SAM.',
    );
  return {
    name,
    parameters: layers.parameters,
    statistics: layers.statistics,
    draws: layers.draws,
    // Each weight is used once at most for each pixel.
    multiplications: layers.parameters.reduce((sum, {shape}) => sum + usesOf(shape, height * width), 0),
    forward: (weights, statistics, images, mode) => {
      const {outputs, statistics: next, penalty} = layers.apply(weights, statistics, [images], mode);
      return {logits: outputs[0] as tf.Tensor2D, statistics: next, penalty};
    },
  };
}

const usesOf = (shape: readonly number[], pixels: number): number =>
  shape.length > 2 ? sizeOf(shape) * pixels : sizeOf(shape);
