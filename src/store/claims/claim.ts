// Who is making what, across the processes of this machine: one row per fingerprint in an LMDB file of its own, changed
// inside transactions, so that two cannot win. A dead holder's claim is free. Nothing here is worth keeping after a
// power cut, so it is never synced to the disk.

import {mkdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import type {RootDatabase} from 'lmdb';
import type {Digest} from '../../core/digest.ts';
import {isJsonObject, parseJson} from '../../core/json.ts';
import {isAlive, ownIdentity, type ProcessIdentity} from '../../host/process-identity.ts';
import {setAsideUnlessWhole} from '../index/lmdb-file.ts';
import type {Claim, Claims} from '../store.ts';
import {ioError} from '../store-error.ts';

/** A holder on another host (a container that shares the folder) cannot be asked whether it lives: it has to say so. */
const heartbeatMs = 10_000;
const silentAfterMs = 60_000;
/** Waiting polls: quickly at first, as most stages are short. */
const firstPollMs = 5;
const longestPollMs = 200;

/** Claims of this process, over all its tables. */
let tickets = 0;
const live = new Set<number>();

interface Row extends ProcessIdentity {
  /** Tells two claims of one process apart. */
  readonly ticket: number;
  /** Last sign of life, in milliseconds since the epoch. */
  readonly at: number;
}

export class ClaimTable implements Claims {
  readonly #path: string;
  readonly #now: () => number;
  readonly #held = new Map<Digest, number>();
  #database: Promise<RootDatabase<string, string>> | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  /** `folder`: the store's. */
  constructor(folder: string, now: () => number) {
    this.#path = join(folder, 'claims.lmdb');
    this.#now = now;
  }

  async acquire(fingerprint: Digest): Promise<Claim> {
    const database = await this.#open();
    const ticket = tickets++;
    let by: Row | undefined;
    try {
      by = database.transactionSync((): Row | undefined => {
        const row = decode(database.get(fingerprint));
        if (row !== undefined && this.#isHeld(row)) return row;
        database.putSync(fingerprint, this.#row(ticket));
        return undefined;
      });
    } catch (error) {
      const {systemError} = await import('../index/lmdb-adapter.ts');
      return {status: 'failed', error: ioError(systemError(error), this.#path)};
    }
    if (by !== undefined) return {status: 'taken', by: {pid: by.pid, host: by.host}};
    this.#held.set(fingerprint, ticket);
    live.add(ticket);
    this.#heartbeat ??= setInterval(() => this.#beat(database), heartbeatMs).unref();
    return {status: 'held', release: () => this.#release(database, fingerprint, ticket)};
  }

  async wait(fingerprint: Digest, signal: AbortSignal): Promise<'released' | 'aborted'> {
    const database = await this.#open();
    for (let pause = firstPollMs; !signal.aborted; pause = Math.min(longestPollMs, pause * 1.5)) {
      const row = decode(database.get(fingerprint));
      if (row === undefined || !this.#isHeld(row)) return 'released';
      await setTimeout(pause, undefined, {signal}).catch(() => undefined);
    }
    return 'aborted';
  }

  /** Claims whose holders are gone, and how many there are in all; `remove` takes them out. For the sweep. */
  async findDead(remove: boolean): Promise<number> {
    const database = await this.#open();
    return database.transactionSync(() => {
      const dead = [...database.getRange({})].filter(({value}) => {
        const row = decode(value);
        return row === undefined || !this.#isHeld(row);
      });
      if (remove) for (const {key} of dead) database.removeSync(key);
      return dead.length;
    });
  }

  /** Gives up every claim of this table. */
  async close(): Promise<void> {
    if (this.#database === undefined) return;
    const database = await this.#database;
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    for (const [fingerprint, ticket] of [...this.#held]) this.#release(database, fingerprint, ticket);
    this.#database = undefined;
    await database.close();
  }

  #release(database: RootDatabase<string, string>, fingerprint: Digest, ticket: number): void {
    if (this.#held.get(fingerprint) !== ticket) return;
    this.#held.delete(fingerprint);
    live.delete(ticket);
    try {
      database.transactionSync(() => {
        const row = decode(database.get(fingerprint));
        if (row !== undefined && isOwn(row, ticket)) database.removeSync(fingerprint);
      });
    } catch {
      // A full disk. The row stays, and counts for nothing: its ticket is no longer live.
    }
  }

  #beat(database: RootDatabase<string, string>): void {
    try {
      database.transactionSync(() => {
        for (const [fingerprint, ticket] of this.#held) database.putSync(fingerprint, this.#row(ticket));
      });
    } catch {
      // A full disk: the next beat may get through.
    }
  }

  #row(ticket: number): string {
    return JSON.stringify({...ownIdentity(), ticket, at: this.#now()});
  }

  #isHeld(row: Row): boolean {
    if (isOwn(row, row.ticket)) return live.has(row.ticket);
    const alive = isAlive(row);
    return alive === 'unknown' ? this.#now() - row.at < silentAfterMs : alive;
  }

  #open(): Promise<RootDatabase<string, string>> {
    this.#database ??= openDatabase(this.#path);
    return this.#database;
  }
}

async function openDatabase(path: string): Promise<RootDatabase<string, string>> {
  const {open} = await import('lmdb');
  mkdirSync(dirname(path), {recursive: true});
  // Torn by a power cut: whoever held a claim in it is gone as well.
  await setAsideUnlessWhole(path);
  return open<string, string>({path, encoding: 'string', noSubdir: true, noSync: true});
}

const isOwn = (row: Row, ticket: number): boolean => {
  const own = ownIdentity();
  return row.pid === own.pid && row.born === own.born && row.host === own.host && row.ticket === ticket;
};

function decode(text: string | undefined): Row | undefined {
  const value = text === undefined ? undefined : parseJson(text);
  if (!isJsonObject(value)) return undefined;
  const {pid, born, host, ticket, at} = value;
  return typeof pid === 'number' &&
    typeof born === 'string' &&
    typeof host === 'string' &&
    typeof ticket === 'number' &&
    typeof at === 'number'
    ? {pid, born, host, ticket, at}
    : undefined;
}
