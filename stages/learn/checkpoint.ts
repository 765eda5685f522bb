// The state of a training between two epochs, in a folder that survives a kill. Written beside and renamed, so that
// a kill leaves the last whole one. Continuing from it gives the bytes of a training that was never interrupted.

import {readFile, rename, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {HostTensors} from '../../src/engine/program.ts';
import {decodeSafetensors, encodeSafetensors} from '../../src/engine/safetensors.ts';
import type {EpochRow} from './curve.ts';

export interface Checkpoint {
  /** State after the epochs in `curve`. */
  readonly state: HostTensors;
  readonly curve: readonly EpochRow[];
}

const fileName = 'training.safetensors';

/** The last checkpoint of a folder; none when there is none, or when it cannot be read: then training starts anew. */
export async function readCheckpoint(folder: string): Promise<Checkpoint | undefined> {
  const path = join(folder, fileName);
  try {
    const {tensors, metadata} = decodeSafetensors(await readFile(path), path);
    return {state: tensors, curve: JSON.parse(metadata.curve ?? '') as EpochRow[]};
  } catch {
    return undefined;
  }
}

export async function writeCheckpoint(folder: string, {state, curve}: Checkpoint): Promise<void> {
  const path = join(folder, fileName);
  await writeFile(
    `${path}.new`,
    encodeSafetensors({tensors: state, metadata: {curve: JSON.stringify(curve)}}),
  );
  await rename(`${path}.new`, path);
}
