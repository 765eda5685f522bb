// Stores that last as long as one command: in the temporary folder, named by their process, so that those of commands
// that were killed are known and removed by the next.

import {mkdirSync, readdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {removeTree, temporaryName} from '../host/atomic-file.ts';
import {hasOneKernel} from '../host/presence.ts';
import {identityIn, isAlive, ownIdentity, type ProcessIdentity} from '../host/process-identity.ts';

const PREFIX = 'pipe-reproduce-';

/** A new folder, absolute; nobody else may read it. */
export function makeScratchStore(): string {
  removeDeadStores();
  const folder = join(tmpdir(), `${PREFIX}${temporaryName()}`);
  mkdirSync(folder, {mode: 0o700});
  return folder;
}

/** Removes what killed commands left; answers how many there were. Others' are left alone, and no error of theirs is ours. */
export function removeDeadStores(): number {
  let removed = 0;
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(PREFIX) ? identityIn(name.slice(PREFIX.length)) : undefined;
    if (owner === undefined || !isGone(owner)) continue;
    try {
      removeTree(join(tmpdir(), name));
      removed++;
    } catch {
      // Another user's.
    }
  }
  return removed;
}

/** Of this machine, or of an earlier boot of it: a temporary folder is no other machine's. */
const isGone = (owner: ProcessIdentity): boolean =>
  isAlive(owner) === false || (owner.boot !== ownIdentity().boot && hasOneKernel(tmpdir()));
