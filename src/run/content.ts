// Gives an executor its content store: the store of this disk behind the executor's own port, its failures as those of
// a stage. Store and executor never meet but here.

import type {Artifact} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {ContentStore, Placement} from '../exec/content-store.ts';
import type {InputFiles, PlacedFile} from '../store/blobs/input-files.ts';
import type {Checkpoints} from '../store/claims/checkpoint.ts';
import type {BlobStore} from '../store/store.ts';
import type {StoreError} from '../store/store-error.ts';
import {storeFailure} from './rebuilder.ts';

export interface ContentParts {
  readonly blobs: BlobStore;
  readonly inputs: InputFiles;
  readonly checkpoints: Checkpoints;
}

export const contentStoreOf = ({blobs, inputs, checkpoints}: ContentParts): ContentStore => ({
  placement: () => placementOf(blobs, inputs),
  async admit(path, kind) {
    const admitted = await blobs.admit(path, kind, 'take');
    if (admitted.ok || admitted.error.reason !== 'refused') return mapped(admitted);
    return err({reason: 'wrong-output', output: path, message: admitted.error.message});
  },
  putText: text => mapped(blobs.putBytes(text)),
  async openCheckpoint(fingerprint, prefix) {
    const opened = checkpoints.open(fingerprint);
    if (!opened.ok) return mapped(opened);
    const folder = opened.value;
    if (prefix === null) return ok({folder, isContinued: false});
    const filled = await checkpoints.fill(fingerprint, folder, prefix.fingerprint, to =>
      bringState(blobs, prefix.state, to),
    );
    return filled.ok ? ok({folder, isContinued: filled.value}) : mapped(filled);
  },
});

/** False where the state cannot be had: then the work begins from the start, which gives the same bytes. */
async function bringState(blobs: BlobStore, state: Artifact, to: string): Promise<boolean> {
  const brought = await blobs.bring(state);
  return brought.ok && (await blobs.restore(state, to, 'copy')).ok;
}

function placementOf(blobs: BlobStore, inputs: InputFiles): Placement {
  const placed: PlacedFile[] = [];
  return {
    async place(artifact, to) {
      const brought = await blobs.bring(artifact);
      return mapped(brought.ok ? await inputs.place(artifact, to, placed) : brought);
    },
    async placeFile(file, to) {
      const brought = await blobs.bringBlob(file.digest);
      return mapped(brought.ok ? await inputs.placeFile(file, to, placed) : brought);
    },
    findTouched: () => inputs.findTouched(placed),
    release: () => inputs.release(placed),
  };
}

const mapped = <T>(result: Result<T, StoreError>): Result<T, StageFailure> =>
  result.ok ? ok(result.value) : err(storeFailure(result.error));
