// The model that a module of the project makes, where the parameters name one.

import type {Dataset} from '../dataset-file.ts';
import {type Hyperparameters, isOwnModel} from '../hyperparameters.ts';
import type {Model} from './model.ts';

/**
 * @param files the declared files of the stage by their paths in the project.
 * @throws StageError for a module that makes no model of these images.
 */
export async function modelNamed(
  {model, seed}: Pick<Hyperparameters, 'model' | 'seed'>,
  files: Readonly<Record<string, string>>,
  dataset: Dataset,
): Promise<Model | undefined> {
  if (!isOwnModel(model)) return undefined;
  const file = files[model.slice(2)];
  if (file === undefined) throw new Error(`expected ${model} among the declared files`);
  // TF.js's layers and esbuild are loaded for those who need them.
  const {ownModel} = await import('./own-model.ts');
  return ownModel(file, model, {...dataset, classes: dataset.classNames.length}, seed);
}
