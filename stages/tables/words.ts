// How axes, parameters and their values are called in tables and plots: one word per thing in both.

import type {Cell, Scalar} from '../../src/stage/define.ts';

/** From a name or value of the pipeline to what readers see. */
export type Words = (name: string) => string;

const spelt: Readonly<Record<string, string>> = {
  sgd: 'SGD',
  sam: 'SAM',
  asam: 'ASAM',
  msam: 'm-SAM',
  gsam: 'GSAM',
  esam: 'ESAM',
  looksam: 'LookSAM',
  fsam: 'Friendly-SAM',
  gnp: 'GNP',
  adam: 'Adam',
  adamw: 'AdamW',
  mnist: 'MNIST',
  'fashion-mnist': 'Fashion-MNIST',
  cifar10: 'CIFAR-10',
  cifar100: 'CIFAR-100',
  lr: 'learning rate',
  rho: 'ρ',
};

/** A pipeline's own labels come first: `{sam: Ours, lr: step size}`. */
export const wordsWith =
  (labels: Readonly<Record<string, string>>): Words =>
  name =>
    Object.hasOwn(labels, name) ? (labels[name] ?? name) : (spelt[name] ?? name);

/** Names as they are in the pipeline, apart from those that it labels itself. */
export const namesWith =
  (labels: Readonly<Record<string, string>>): Words =>
  name =>
    Object.hasOwn(labels, name) ? (labels[name] ?? name) : name;

/** `SAM, ρ 0.1`, `all runs`: a cell in a legend. */
export function cellWords(cell: Cell, words: Words): string {
  const parts = Object.entries(cell).map(([axis, value]) =>
    axis === 'optimizer' || typeof value === 'string'
      ? valueWord(value, words)
      : `${words(axis)} ${String(value)}`,
  );
  return parts.join(', ') || 'all runs';
}

export const valueWord = (value: Scalar, words: Words): string => words(String(value));
