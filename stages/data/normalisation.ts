// Published normalisation constants, per channel on pixels in [0, 1], for studies that must use what others used.

import type {Normalisation} from '../learn/dataset-file.ts';

/**
 * CIFAR's: google-research/sam, `datasets`. MNIST's: the PyTorch examples; google-research/sam uses them for
 * Fashion-MNIST as well, which `normalisation: mnist` reproduces. Fashion-MNIST's: the ones in common use.
 */
export const publishedNormalisation = {
  mnist: {mean: [0.1307], std: [0.3081]},
  'fashion-mnist': {mean: [0.286], std: [0.353]},
  cifar10: {
    mean: [0.49139968, 0.48215841, 0.44653091],
    std: [0.24703223, 0.24348513, 0.26158784],
  },
  cifar100: {
    mean: [0.50707516, 0.48654887, 0.44091784],
    std: [0.26733429, 0.25643846, 0.27615047],
  },
} as const satisfies Readonly<Record<string, Normalisation>>;

export type PublishedName = keyof typeof publishedNormalisation;

export const isPublishedName = (name: string): name is PublishedName =>
  Object.hasOwn(publishedNormalisation, name);
