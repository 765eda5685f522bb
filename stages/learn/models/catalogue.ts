// Models by name: a plain description that is kept beside weights, and the model that it describes.

import type {ImageShape, Model} from './model.ts';
import {type SimpleNnOptions, simpleNn} from './simple-nn.ts';
import {type WideResnetOptions, wideResnet} from './wide-resnet.ts';

export type ModelSpec =
  | ({readonly kind: 'simple-nn'} & SimpleNnOptions)
  | ({readonly kind: 'wide-resnet'} & WideResnetOptions);

/** What stands beside the weights of a model that a module of a project makes. */
export interface OwnModelSpec {
  readonly kind: 'own';
  readonly module: string;
}

/** @throws RangeError when an option is out of range. */
export function buildModel(spec: ModelSpec, shape: ImageShape): Model {
  switch (spec.kind) {
    case 'simple-nn':
      return simpleNn(shape, spec);
    case 'wide-resnet':
      return wideResnet(shape, spec);
  }
}
