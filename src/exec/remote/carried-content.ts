// The content store of an executor that runs inside of an input root that somebody else has laid out: inputs are moved
// from where they lie to where its sandbox wants them, and outputs back. What they are named is not its affair.

import {cpSync, renameSync, statSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import type {Artifact} from '../../action/action.ts';
import type {StageFailure} from '../../action/outcome.ts';
import {type Digest, digestBytes} from '../../core/digest.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {makeFolder} from '../../host/folder.ts';
import type {ContentStore} from '../content-store.ts';

/** `root`: where the server has put everything; `sandboxes`: below it, where sandboxes are made. Both absolute. */
export function carriedContent(root: string, sandboxes: string): ContentStore {
  /** `sandboxes/NAME/in/x` is `in/x` of the root. */
  const counterpart = (path: string): string =>
    join(root, relative(sandboxes, path).split('/').slice(1).join('/'));
  const bring = async (to: string): Promise<Result<void, StageFailure>> => move(counterpart(to), to);
  return {
    placement: () => ({
      place: (_artifact, to) => bring(to),
      placeFile: (_file, to) => bring(to),
      findTouched: () => undefined,
      release: () => {},
    }),
    async admit(path, kind) {
      const moved = move(path, counterpart(path));
      return moved.ok ? ok(unnamed(kind)) : moved;
    },
    putText: () => ok(unnamed('file')),
    // A job of a build farm is the same for equal actions: it begins from the start.
    async openCheckpoint() {
      const folder = join(root, 'checkpoint');
      makeFolder(folder);
      return ok({folder, isContinued: false});
    },
  };
}

/** The server names what comes back by its bytes. */
const NAMELESS: Digest = digestBytes('');
const unnamed = (kind: Artifact['kind']): Artifact => ({kind, digest: NAMELESS, size: 0});

function move(from: string, to: string): Result<void, StageFailure> {
  try {
    makeFolder(dirname(to));
    try {
      // An empty folder may be in the way.
      renameSync(from, to);
    } catch {
      // What a server put there may be for reading only, or on another disk.
      cpSync(from, to, {recursive: statSync(from).isDirectory(), force: true});
    }
    return ok(undefined);
  } catch (error) {
    return err({reason: 'store', message: String(error)});
  }
}
