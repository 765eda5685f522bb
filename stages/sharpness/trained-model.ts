// A trained model read back from the weights that `train` wrote: what was trained, and how its pixels are normalised.

import type {HostTensors} from '../../src/engine/program.ts';
import {decodeSafetensors} from '../../src/engine/safetensors.ts';
import {StageError, z} from '../../src/stage/define.ts';
import type {Dataset, Normalisation} from '../learn/dataset-file.ts';
import {buildModel, type ModelSpec} from '../learn/models/catalogue.ts';
import {type Model, sizeOf} from '../learn/models/model.ts';

export interface TrainedModel {
  readonly model: Model;
  readonly weights: HostTensors;
  /** Running statistics, as training left them. */
  readonly statistics: HostTensors;
  readonly normalisation: Normalisation;
  /** False where the training diverged: there is no sharpness to measure. */
  readonly isFinite: boolean;
}

const shapeSchema = z.object({height: z.int(), width: z.int(), channels: z.int(), classes: z.int()});
const normalisationSchema = z.object({mean: z.array(z.number()), std: z.array(z.number())});
const kindSchema = z.looseObject({kind: z.enum(['simple-nn', 'wide-resnet'])});

/** @throws StageError when the file is not such a file. */
export function decodeTrainedModel(bytes: Uint8Array, place: string): TrainedModel {
  const {tensors, metadata} = decodeSafetensors(bytes, place);
  if (metadata.format !== 'pipe-weights-1') {
    throw new StageError(
      `${place}: expected weights (format pipe-weights-1), got ${metadata.format ?? 'no format'}`,
      'Give the output `weights` of the stage train.',
    );
  }
  const json = (name: string): unknown => JSON.parse(metadata[name] ?? 'null');
  const shape = shapeSchema.parse(json('shape'));
  const named = z.looseObject({kind: z.literal('own'), module: z.string()}).safeParse(json('model'));
  if (named.success) {
    const what = `${place}: expected weights of simple-nn or wide-resnet, got those of ${named.data.module}`;
    throw new StageError(what, 'Sharpness is measured of models that pipe can build from their names alone.');
  }
  // `train` writes the description of a model that it has built; buildModel checks its options again.
  const spec = kindSchema.parse(json('model')) as unknown as ModelSpec;
  const model = buildModel(spec, shape);
  const take = (specs: readonly {readonly name: string; readonly shape: readonly number[]}[]): HostTensors =>
    Object.fromEntries(
      specs.map(({name, shape}) => {
        const tensor = tensors[name];
        if (tensor?.dtype !== 'float32' || tensor.data.length !== sizeOf(shape)) {
          throw new StageError(
            `${place}: expected ${name} as float32 [${shape.join(', ')}] of ${model.name}`,
          );
        }
        return [name, tensor];
      }),
    );
  const weights = take(model.parameters);
  const statistics = take(model.statistics);
  return {
    model,
    weights,
    statistics,
    normalisation: normalisationSchema.parse(json('normalisation')),
    isFinite: [...Object.values(weights), ...Object.values(statistics)].every(({data}) =>
      data.every(Number.isFinite),
    ),
  };
}

/** @throws StageError when the images are not what the model was built for. */
export function checkFits({model, normalisation}: TrainedModel, dataset: Dataset, place: string): void {
  const inputs = dataset.height * dataset.width * dataset.channels;
  const [first] = model.parameters;
  const last = model.parameters.at(-1);
  const classes = last?.shape.at(-1);
  const isDense = first?.shape.length === 2;
  const fits = isDense ? first.shape[0] === inputs : first?.shape[2] === dataset.channels;
  if (!fits || classes !== dataset.classNames.length || normalisation.mean.length !== dataset.channels) {
    throw new StageError(
      `${place}: expected the data that ${model.name} was trained on, got ${dataset.name}: ` +
        `${dataset.height}×${dataset.width}×${dataset.channels}, ${dataset.classNames.length} classes`,
    );
  }
}
