// A store in a folder that machines share: `cas/ab/…` and `ac/ab/…`. Names appear whole, by rename or link; a row is
// made by a link, which one of several writers wins on every file system that has links.

import {createReadStream, createWriteStream} from 'node:fs';
import {link, open, readFile, rename, rm, stat, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import type {Digest} from '../../core/digest.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {removeOrphans, temporaryName} from '../../host/atomic-file.ts';
import {makeFolder} from '../../host/folder.ts';
import {hasCode, isSystemError, meaningOf} from '../../host/system-error.ts';
import type {ActionRemote, BlobName, BlobRemote, PutMode, Remote, RemoteError, RowName} from './remote.ts';
import {largestRow} from './remote.ts';

/** `folder`: absolute. */
export function folderRemote(folder: string): Remote {
  return {blobs: new FolderBlobs(folder), actions: new FolderActions(folder)};
}

class Folder {
  readonly place: string;
  #isSwept = false;

  constructor(place: string) {
    this.place = place;
  }

  pathOf(kind: 'cas' | 'ac', digest: Digest): string {
    return join(this.place, kind, digest.slice(0, 2), digest);
  }

  /** Runs `write` on a new name, then `publish` from there; nothing is left behind. */
  async publish(
    path: string,
    write: (temporary: string) => Promise<void>,
    publish: (temporary: string) => Promise<void>,
  ): Promise<void> {
    const temporary = join(this.place, 'tmp', temporaryName());
    makeFolder(dirname(temporary));
    this.#discardUnfinished(dirname(temporary));
    makeFolder(dirname(path));
    try {
      await write(temporary);
      await publish(temporary);
    } finally {
      await rm(temporary, {force: true});
    }
  }

  /** What killed processes left half sent: of this machine at once, of others after a day. */
  #discardUnfinished(folder: string): void {
    if (this.#isSwept) return;
    this.#isSwept = true;
    try {
      removeOrphans(folder, Date.now());
    } catch (error) {
      // It is somebody else's, and in nobody's way.
      if (!isSystemError(error)) throw error;
    }
  }

  async ask<T>(work: () => Promise<T>): Promise<Result<T, RemoteError>> {
    try {
      return ok(await work());
    } catch (error) {
      if (!isSystemError(error)) throw error;
      const message = meaningOf(error.code) ?? error.message;
      return err({place: this.place, message, hint: hasCode(error, 'EACCES', 'EROFS') ? 'mode=read' : null});
    }
  }
}

class FolderBlobs extends Folder implements BlobRemote {
  has(blobs: readonly BlobName[]): Promise<Result<ReadonlySet<Digest>, RemoteError>> {
    return this.ask(async () => {
      const found = new Set<Digest>();
      for (const {digest, size} of blobs) {
        const state = await stat(this.pathOf('cas', digest)).catch(unlessMissing);
        if (state?.size === size) found.add(digest);
      }
      return found;
    });
  }

  fetch({digest}: BlobName, to: string, signal?: AbortSignal): Promise<Result<boolean, RemoteError>> {
    return this.ask(async () => {
      // Opened first: what is missing further on is not the blob.
      const source = await open(this.pathOf('cas', digest)).catch(unlessMissing);
      if (source === undefined) return false;
      try {
        await pipeline(source.createReadStream(), createWriteStream(to, {flags: 'wx'}), {signal});
        return true;
      } catch (error) {
        await rm(to, {force: true});
        throw error;
      }
    });
  }

  push({digest}: BlobName, from: string, signal?: AbortSignal): Promise<Result<void, RemoteError>> {
    const path = this.pathOf('cas', digest);
    return this.ask(() =>
      this.publish(
        path,
        temporary => pipeline(createReadStream(from), createWriteStream(temporary), {signal}),
        temporary => rename(temporary, path),
      ),
    );
  }

  async close(): Promise<void> {}
}

class FolderActions extends Folder implements ActionRemote {
  get({digest}: RowName): Promise<Result<string | undefined, RemoteError>> {
    return this.ask(async () => {
      const path = this.pathOf('ac', digest);
      const state = await stat(path).catch(unlessMissing);
      if (state === undefined || state.size > largestRow) return undefined;
      return readFile(path, 'utf8').catch(unlessMissing);
    });
  }

  put(
    {digest}: RowName,
    text: string,
    _blobs: readonly BlobName[],
    mode: PutMode,
  ): Promise<Result<'written' | 'kept', RemoteError>> {
    const path = this.pathOf('ac', digest);
    return this.ask(async () => {
      let answer: 'written' | 'kept' = 'written';
      await this.publish(
        path,
        temporary => writeFile(temporary, text, {flag: 'wx'}),
        async temporary => {
          if (mode === 'replace') return rename(temporary, path);
          try {
            await link(temporary, path);
          } catch (error) {
            if (!hasCode(error, 'EEXIST')) throw error;
            answer = 'kept';
          }
        },
      );
      return answer;
    });
  }

  async close(): Promise<void> {}
}

function unlessMissing(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
}
