// Brings the declared files of an action that is about to run into the content store, so that it reads what its key
// says, whatever happens to the project meanwhile. A file that has changed since it was hashed is a new decision.

import {type Action, trackedFilesOf} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import type {Digest} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Instance, InstanceId} from '../plan/plan.ts';
import type {BlobStore} from '../store/store.ts';
import type {ActionBuilder, Made} from './action-builder.ts';
import {type Decision, type Need, type Rebuilder, storeFailure} from './rebuilder.ts';

/** A file that is written all the time cannot be an input. */
const MOST_DECISIONS = 5;

/** What is copied beyond this is said, as it doubles what it takes on the disk. Bytes. */
export const DEFAULT_LARGE_COPY = 1e9;

export interface KeeperOptions {
  /** The project's folder, absolute. */
  readonly project: string;
  readonly blobs: BlobStore;
  readonly rebuilder: Rebuilder;
  readonly actions: ActionBuilder;
  /** Bytes that an instance may bring into the store before it is said. */
  readonly largeCopy: number;
  readonly onLargeCopy: (instance: Instance, bytes: number) => void;
}

export class FileKeeper {
  readonly #options: KeeperOptions;
  /** Kept by this run. */
  readonly #kept = new Set<Digest>();

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Decides, and keeps the files of what has to run. */
  async decide(instance: Instance, madeBy: (id: InstanceId) => Made, need: Need): Promise<Decision> {
    const {rebuilder, actions} = this.#options;
    for (let decisions = 1; ; decisions++) {
      const decision = await rebuilder.decide(instance, madeBy, need);
      if (decision.will !== 'execute') return decision;
      const changed = await this.#keep(instance, decision.action);
      const {fingerprint} = decision;
      if (!changed.ok) return {will: 'fail', fingerprint, failure: changed.error};
      if (changed.value === undefined) return decision;
      if (decisions === MOST_DECISIONS) {
        return {will: 'fail', fingerprint, failure: {reason: 'changed-input', path: changed.value}};
      }
      actions.forgetFiles();
    }
  }

  /** The first file that no longer is what the action says, or `undefined` when all are kept. */
  async #keep(instance: Instance, action: Action): Promise<Result<string | undefined, StageFailure>> {
    const {project, blobs, largeCopy, onLargeCopy} = this.#options;
    if (action.sandbox === 'project') return ok(undefined);
    let bytes = 0;
    for (const [path, {digest}] of Object.entries(trackedFilesOf(action))) {
      if (this.#kept.has(digest)) continue;
      const kept = await blobs.keep(`${project}/${path}`, digest);
      if (!kept.ok) return err(storeFailure(kept.error));
      if (kept.value === undefined) return ok(path);
      this.#kept.add(digest);
      bytes += kept.value;
    }
    if (bytes > largeCopy) onLargeCopy(instance, bytes);
    return ok(undefined);
  }
}
