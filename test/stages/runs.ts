// Runs of a study as a gather would hand them to `select` and `aggregate`: real files, made without training.

import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {encodeSafetensors} from '../../src/engine/safetensors.ts';
import type {Cell, StageInput} from '../../src/stage/define.ts';
import {temporaryFolder} from './rig.ts';

interface RunFacts {
  readonly metrics: Readonly<Record<string, number>>;
  /** Text that stands for the weights: equal texts are equal weights. Absent: no weights are saved. */
  readonly weights?: string;
  /** Per test image, 1 where the prediction is right. */
  readonly correct?: readonly number[];
  /** The true classes of the test images; 1 for all where they are not given. */
  readonly labels?: readonly number[];
  readonly dataset?: {
    readonly name: string;
    readonly is_subset: boolean;
    readonly provenance?: Readonly<Record<string, unknown>>;
  };
  readonly method?: string;
  readonly platform?: string;
  readonly device?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** One run with its cell. */
export function runOf(cell: Cell, facts: RunFacts): StageInput {
  const {metrics, weights, correct, dataset, parameters, method, platform, device} = facts;
  const path = temporaryFolder();
  const files: Record<string, string> = {};
  const put = (name: string, content: string | Uint8Array): void => {
    files[name] = join(path, name);
    writeFileSync(files[name], content);
  };
  if (weights !== undefined) put('weights', weights);
  if (correct !== undefined) {
    const count = correct.length;
    const labels = facts.labels ?? new Array<number>(count).fill(1);
    put(
      'predictions',
      encodeSafetensors({
        tensors: {
          predictions: {
            dtype: 'int32',
            shape: [count],
            data: Int32Array.from(correct, (isRight, at) => (labels[at] ?? 0) + (isRight === 1 ? 0 : 1)),
          },
          labels: {dtype: 'int32', shape: [count], data: Int32Array.from(labels)},
        },
        metadata: {},
      }),
    );
  }
  if (dataset ?? parameters ?? method ?? platform ?? device) {
    put(
      'summary',
      JSON.stringify({dataset: dataset ?? null, parameters: parameters ?? {}, method, platform, device}),
    );
  }
  return {path, files, metrics, cell};
}
