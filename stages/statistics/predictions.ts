// Saved predictions of a run, for tests per image: which test images it classified rightly, and which images those are.

import {createHash} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import {decodeSafetensors} from '../../src/engine/safetensors.ts';
import {StageError} from '../../src/stage/define.ts';

export interface Correctness {
  /** 1 for each test image that is classified rightly, else 0; in the order of the test split. */
  readonly right: Uint8Array;
  /** Digest of the true labels in order: other images, or another order of them, have others. */
  readonly labels: string;
}

export async function readCorrectness(path: string): Promise<Correctness> {
  const {tensors} = decodeSafetensors(await readFile(path), path);
  const {predictions, labels} = tensors;
  if (predictions === undefined || labels === undefined || predictions.data.length !== labels.data.length) {
    throw new StageError(
      `${path}: expected the tensors predictions and labels, of one length; got ${Object.keys(tensors).join(', ') || 'none'}`,
    );
  }
  return {
    right: Uint8Array.from(labels.data, (label, index) => (predictions.data[index] === label ? 1 : 0)),
    labels: createHash('sha256').update(labels.data.join()).digest('hex'),
  };
}
