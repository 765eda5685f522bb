// What is measured: the models, and how many steps one measurement takes.

import {simpleNn} from '../../stages/learn/models/simple-nn.ts';
import {wideResnet} from '../../stages/learn/models/wide-resnet.ts';
import type {Workload} from './program.ts';

export const workloadNames = ['mlp', 'wrn-16-2', 'wrn-16-4'] as const;
export type WorkloadName = (typeof workloadNames)[number];

export const isWorkloadName = (name: string | undefined): name is WorkloadName =>
  workloadNames.some(known => known === name);

export interface Measured extends Workload {
  /** Steps of one measurement: enough that one takes a tenth of a second or more. */
  readonly steps: number;
}

const BATCH = 128;

export function workload(name: WorkloadName): Measured {
  if (name === 'mlp') {
    const shape = {height: 28, width: 28, channels: 1, classes: 10};
    const model = simpleNn(shape, {hidden: [512, 512], dropout: 0, init: 'torch'});
    return {model, image: [28, 28, 1], classes: 10, batch: BATCH, samples: 6_400, steps: 50};
  }
  const shape = {height: 32, width: 32, channels: 3, classes: 10};
  const width = name === 'wrn-16-2' ? 2 : 4;
  const model = wideResnet(shape, {
    depth: 16,
    width,
    shortcut: 'projection',
    dropout: 0,
    init: 'zagoruyko',
  });
  return {model, image: [32, 32, 3], classes: 10, batch: BATCH, samples: 512, steps: 1};
}
