// Saved predictions of a run, for tests per image: which test images it classified rightly.

import {readFile} from 'node:fs/promises';
import {decodeSafetensors} from '../../src/engine/safetensors.ts';
import {StageError} from '../../src/stage/define.ts';

/** 1 for each test image that is classified rightly, else 0; in the order of the test split. */
export async function readCorrectness(path: string): Promise<Uint8Array> {
  const {tensors} = decodeSafetensors(await readFile(path), path);
  const {predictions, labels} = tensors;
  if (predictions === undefined || labels === undefined || predictions.data.length !== labels.data.length) {
    throw new StageError(
      `${path}: expected the tensors predictions and labels, of one length; got ${Object.keys(tensors).join(', ') || 'none'}`,
    );
  }
  return Uint8Array.from(labels.data, (label, index) => (predictions.data[index] === label ? 1 : 0));
}
