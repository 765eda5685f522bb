// Holds what a worker keeps from one job to the next below a limit: the blobs of the jobs that used theirs longest ago go
// first. Several workers may share a store; nothing is removed while one of them runs a job.

import {appendFileSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import * as z from 'zod';
import type {Artifact} from '../action/action.ts';
import {type Digest, isDigest} from '../core/digest.ts';
import {removeFile, writeAtomically} from '../host/atomic-file.ts';
import {hasCode} from '../host/system-error.ts';
import type {BlobShelf} from './blobs/blob-shelf.ts';
import type {RunGate} from './claims/run-gate.ts';
import {Contents} from './retention.ts';

export interface WorkerCacheOptions {
  /** The store's folder, absolute. */
  readonly store: string;
  readonly shelf: BlobShelf;
  readonly gate: RunGate;
  /** `null`: whatever is fetched stays. */
  readonly maxBytes: number | null;
}

/** Trimmed to less than the limit, so that not every job trims. */
const TRIMMED_TO = 0.8;

const use = z.array(
  z.object({
    kind: z.enum(['file', 'folder']),
    digest: z.custom<Digest>(value => typeof value === 'string' && isDigest(value)),
  }),
);
type Used = z.infer<typeof use>;

export class WorkerCache {
  readonly #options: WorkerCacheOptions;
  readonly #path: string;
  #running = 0;

  constructor(options: WorkerCacheOptions) {
    this.#options = options;
    this.#path = join(options.store, 'uses.jsonl');
  }

  /** Runs a job whose blobs stay until it has ended; then it counts as the last that used what `usedBy` answers. */
  async during<T>(job: () => Promise<T>, usedBy: () => Promise<readonly Artifact[]>): Promise<T> {
    const {maxBytes, gate} = this.#options;
    const pass = await gate.enterRun(NEVER);
    this.#running++;
    try {
      const answer = await job();
      if (maxBytes !== null) this.#note(await usedBy());
      return answer;
    } finally {
      this.#running--;
      pass?.leave();
      if (maxBytes !== null && this.#running === 0) await this.#trim(maxBytes);
    }
  }

  /** One line a job, so that several workers may write. */
  #note(artifacts: readonly Artifact[]): void {
    const used: Used = artifacts.map(({kind, digest}) => ({kind, digest}));
    appendFileSync(this.#path, `${JSON.stringify(used)}\n`);
  }

  async #trim(maxBytes: number): Promise<void> {
    const {shelf, gate} = this.#options;
    const sum = (): number => shelf.list().reduce((bytes, {size}) => bytes + size, 0);
    if (sum() <= maxBytes) return;
    const pass = await gate.enterSweep();
    // Another worker runs a job: it trims when that has ended.
    if (!pass.ok) return;
    try {
      const sizes = new Map(shelf.list().map(({digest, size}) => [digest, size]));
      const contents = new Contents(shelf);
      const kept = new Set<Digest>();
      const lines: Used[] = [];
      let bytes = 0;
      for (const used of this.#read().reverse()) {
        const added = new Set(used.flatMap(artifact => [...contents.ofArtifact({...artifact, size: 0})]));
        for (const digest of kept) added.delete(digest);
        const more = [...added].reduce((total, digest) => total + (sizes.get(digest) ?? 0), 0);
        if (bytes + more > maxBytes * TRIMMED_TO) break;
        bytes += more;
        for (const digest of added) kept.add(digest);
        lines.unshift(used);
      }
      for (const digest of sizes.keys()) if (!kept.has(digest)) removeFile(shelf.pathOf(digest));
      writeAtomically(this.#path, lines.map(line => `${JSON.stringify(line)}\n`).join(''));
    } finally {
      pass.value.leave();
    }
  }

  /** Oldest first; lines that were cut short count as not there. */
  #read(): Used[] {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
    return text.split('\n').flatMap((line): Used[] => {
      try {
        const read = use.safeParse(JSON.parse(line));
        return read.success ? [read.data] : [];
      } catch {
        return [];
      }
    });
  }
}

const NEVER = new AbortController().signal;
