// What `published` stands for: hyper-parameters of the methods' authors, by data set. A value that depends on the
// data set is found when training begins, and is written into the run's summary.

import {baseOptimizers, type Hyperparameters} from './hyperparameters.ts';

export interface Resolved {
  readonly rho: number;
  readonly adaptive: 'none' | 'asam' | 'abs';
  readonly alpha: number;
  readonly lambda: number;
  readonly beta: number;
}

/** SAM's radius (Foret et al. 2021, tables 6 and 7, Wide ResNets). */
const samRadius: Readonly<Record<string, number>> = {
  cifar10: 0.05,
  cifar100: 0.1,
  'fashion-mnist': 0.05,
  svhn: 0.01,
};
const usualRadius = 0.05;

/**
 * Replaces every `published` by its value for a data set, named as `download` names it. Base optimizers have the
 * radius 0, whatever is given: so a run's record does not show a radius that nothing used.
 */
export function resolvePublished(params: Hyperparameters, dataset: string): Resolved {
  const isCifar100 = dataset === 'cifar100';
  const {optimizer} = params;
  const isBase = baseOptimizers.some(name => name === optimizer);
  // GSAM's example for CIFAR is adaptive in davda54's sense.
  const adaptive = given(
    params.adaptive,
    optimizer === 'asam' ? 'asam' : optimizer === 'gsam' ? 'abs' : 'none',
  );
  return {
    adaptive: isBase ? 'none' : adaptive,
    rho: isBase ? 0 : given(params.rho, publishedRadius(optimizer, adaptive, dataset)),
    // GSAM: its CIFAR example. LookSAM: the paper. GNP: its recipe for WRN-28-10.
    alpha: given(params.alpha, optimizer === 'gsam' ? 0.4 : optimizer === 'looksam' ? 0.7 : 0.8),
    // Friendly-SAM: 0.9, and 0.6 in its script for CIFAR-100.
    lambda: given(params.lambda, isCifar100 ? 0.6 : 0.9),
    // ESAM: 0.5 for Wide ResNets, 0.6 otherwise.
    beta: given(params.beta, params.model === 'wide-resnet' ? 0.5 : 0.6),
  };
}

function publishedRadius(
  optimizer: Hyperparameters['optimizer'],
  adaptive: Resolved['adaptive'],
  dataset: string,
): number {
  if (adaptive === 'abs') return 2; // davda54/sam and GSAM on CIFAR-10
  if (adaptive === 'asam') return dataset === 'cifar100' ? 1 : 0.5; // SamsungLabs/ASAM
  if (optimizer === 'looksam') return 0.1;
  if (optimizer === 'fsam') return 0.2; // nblt/F-SAM, run.sh
  if (optimizer === 'gnp') return 0.1;
  return samRadius[dataset.replace(/-mini$/, '')] ?? usualRadius;
}

const given = <T extends string | number>(value: T | 'published', otherwise: T): T =>
  value === 'published' ? otherwise : value;
