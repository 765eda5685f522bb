// What was begun on a server and may still go on there, one file each: the next coordinator listens to it, and people are
// told of it.

import {readdirSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import * as z from 'zod';
import type {Fingerprint} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import {writeAtomically} from '../../host/atomic-file.ts';
import {hasCode} from '../../host/system-error.ts';

export interface KnownOperation {
  readonly fingerprint: Fingerprint;
  /** As the server calls it. */
  readonly operation: string;
  readonly label: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

const record = z.object({operation: z.string(), label: z.string(), since: z.number()});

export class Operations {
  readonly #folder: string;

  /** `folder`: absolute; made when something is noted. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  note({fingerprint, ...rest}: KnownOperation): void {
    writeAtomically(this.#pathOf(fingerprint), JSON.stringify(rest));
  }

  find(fingerprint: Fingerprint): KnownOperation | undefined {
    try {
      const read = record.safeParse(JSON.parse(readFileSync(this.#pathOf(fingerprint), 'utf8')));
      return read.success ? {fingerprint, ...read.data} : undefined;
    } catch (error) {
      if (error instanceof SyntaxError || hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  forget(fingerprint: Fingerprint): void {
    rmSync(this.#pathOf(fingerprint), {force: true});
  }

  list(): readonly KnownOperation[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder).sort();
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
    return names.flatMap(name => {
      const fingerprint = name.slice(0, -'.json'.length);
      return isDigest(fingerprint) ? (this.find(fingerprint as Fingerprint) ?? []) : [];
    });
  }

  #pathOf(fingerprint: Fingerprint): string {
    return join(this.#folder, `${fingerprint}.json`);
  }
}
