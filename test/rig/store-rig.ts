// A store in a temporary folder, its parts put together as the command line does it.

import {mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import type {Action, ActionResult, Artifact} from '../../src/action/action.ts';
import type {Result} from '../../src/core/result.ts';
import {BlobShelf} from '../../src/store/blobs/blob-shelf.ts';
import {DiskBlobStore} from '../../src/store/blobs/blob-store.ts';
import {FileStateCache} from '../../src/store/blobs/file-state.ts';
import {KeyvActionCache} from '../../src/store/index/action-cache.ts';
import type {IndexPlace} from '../../src/store/index/index-server.ts';

export class StoreRig implements Disposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-store-')));
  readonly store = join(this.folder, 'cache');
  readonly files = new FileStateCache(join(this.store, 'files.journal'), Date.now);
  readonly shelf = new BlobShelf(this.store);
  blobs = new DiskBlobStore(this.shelf, this.files);

  /** A new process remembers nothing of what it has looked at. */
  forgetLooks(): void {
    this.blobs = new DiskBlobStore(this.shelf, this.files);
  }

  path(path: string): string {
    return join(this.folder, path);
  }

  /** Writes a file; answers its absolute path. */
  file(path: string, content: string | Uint8Array): string {
    mkdirSync(dirname(this.path(path)), {recursive: true});
    writeFileSync(this.path(path), content);
    return this.path(path);
  }

  cache(place: IndexPlace = {kind: 'local', folder: this.store}): KeyvActionCache {
    return new KeyvActionCache(place, this.blobs);
  }

  /** The value of a result that must be one. */
  must<T>(result: Result<T, unknown>): T {
    if (!result.ok) throw new Error(JSON.stringify(result.error));
    return result.value;
  }

  put(text: string): Artifact {
    return this.must(this.blobs.putBytes(text));
  }

  /** A result whose only output holds `text`; its blobs are in place. */
  result(text: string, made: Partial<ActionResult['made']> = {}): ActionResult {
    return {
      outputs: {x: this.put(text)},
      metrics: {},
      log: this.put('').digest,
      made: {
        run: '20260101-000000-0000',
        startedAt: 0,
        durationMs: 1,
        queuedMs: 0,
        git: null,
        continued: null,
        cpuMs: null,
        peakBytes: null,
        executor: 'local',
        host: 'host',
        platform: 'test',
        device: '',
        cpus: 1,
        ...made,
      },
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, {recursive: true, force: true});
  }
}

/** An action that runs `command`. */
export const shellAction = (command: string): Action => ({
  format: 2,
  work: {kind: 'shell', command, code: {}},
  params: {},
  inputs: {},
  files: {},
  outputs: {x: {kind: 'file', path: 'x'}},
  env: {},
  device: null,
  platform: null,
  sandbox: 'closed',
  study: null,
  salt: null,
});
