// A post office in a folder that machines share: jobs that wait, jobs that a pilot has taken, what pilots say, and signs
// that they live. Every step is one rename, link or append, so that whoever dies in between leaves nothing half done.
//
//   todo/SHAPE/FINGERPRINT.json        waits; SHAPE says what it needs of a machine
//   taken/FINGERPRINT.PILOT.json       the same file, renamed by the pilot that won it
//   said/FINGERPRINT.PILOT.jsonl       messages, one a line
//   alive/PILOT.json                   its machine; the time of the file is the sign of life
//   stop/FINGERPRINT                   nobody wants it any more

import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import * as z from 'zod';
import type {Fingerprint} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import {temporaryName} from '../../host/atomic-file.ts';
import {makeFolder} from '../../host/folder.ts';
import {hasCode} from '../../host/system-error.ts';
import {type Orders, type PilotMessage, parseOrders, parsePilotMessage} from '../pilot.ts';

/** What a job needs of a machine, as a name: jobs of one shape may go to the same pilots. */
export type Shape = string;

export interface PostedJob {
  readonly fingerprint: Fingerprint;
  readonly shape: Shape;
  readonly orders: Orders;
  /** Values of the declared variables, secrets excepted. The post office is readable by its owner alone. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch, by the clock of whoever posted it. */
  readonly postedAt: number;
}

export interface PilotSign {
  readonly pilot: string;
  readonly host: string;
  readonly shape: Shape;
  /** How long ago it last showed a sign of life, by the clock of the file system. Milliseconds. */
  readonly silentMs: number;
}

export interface TakenJob {
  readonly fingerprint: Fingerprint;
  readonly pilot: string;
}

const envelope = z.object({
  shape: z.string(),
  orders: z.unknown(),
  env: z.record(z.string(), z.string()),
  postedAt: z.number(),
});
const sign = z.object({host: z.string(), shape: z.string()});

export class Post {
  readonly folder: string;

  /** `folder`: absolute; made when something is posted. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Puts a job up, unless it waits already. */
  put({fingerprint, shape, orders, env, postedAt}: PostedJob): void {
    const path = join(this.folder, 'todo', shape, `${fingerprint}.json`);
    if (existsSync(path)) return;
    rmSync(join(this.folder, 'stop', fingerprint), {force: true});
    this.#write(path, JSON.stringify({shape, orders, env, postedAt}));
  }

  /** Fingerprints that wait, by shape. */
  waiting(): ReadonlyMap<Shape, readonly Fingerprint[]> {
    const found = new Map<Shape, readonly Fingerprint[]>();
    for (const shape of this.#list('todo')) {
      const jobs = this.#list(join('todo', shape)).flatMap(name => fingerprintIn(name) ?? []);
      if (jobs.length > 0) found.set(shape, jobs);
    }
    return found;
  }

  taken(): readonly TakenJob[] {
    return this.#list('taken').flatMap(name => {
      const [first = '', pilot = ''] = name.split('.');
      return isDigest(first) ? [{fingerprint: first as Fingerprint, pilot}] : [];
    });
  }

  /** False where nothing was ever posted. */
  get isOpen(): boolean {
    return existsSync(this.folder);
  }

  /** Everything that waits, and what pilots have. */
  jobs(): ReadonlyArray<PostedJob & {readonly pilot: string | null}> {
    const waiting = [...this.waiting()].flatMap(([shape, fingerprints]) =>
      fingerprints.map(fingerprint => ({
        fingerprint,
        pilot: null,
        path: join('todo', shape, `${fingerprint}.json`),
      })),
    );
    const taken = this.taken().map(({fingerprint, pilot}) => ({
      fingerprint,
      pilot,
      path: join('taken', `${fingerprint}.${pilot}.json`),
    }));
    return [...taken, ...waiting].flatMap(({fingerprint, pilot, path}) => {
      const job = readJob(join(this.folder, path), fingerprint);
      return job === undefined ? [] : [{...job, pilot}];
    });
  }

  /** The next job of a shape, won from all other pilots; `undefined` where none waits. */
  take(shape: Shape, pilot: string): PostedJob | undefined {
    for (const name of this.#list(join('todo', shape))) {
      const fingerprint = fingerprintIn(name);
      if (fingerprint === undefined) continue;
      const to = join(this.folder, 'taken', `${fingerprint}.${pilot}.json`);
      makeFolder(join(this.folder, 'taken'));
      try {
        renameSync(join(this.folder, 'todo', shape, name), to);
      } catch (error) {
        if (hasCode(error, 'ENOENT')) continue;
        throw error;
      }
      const job = readJob(to, fingerprint);
      if (job !== undefined) return job;
      rmSync(to, {force: true});
    }
    return undefined;
  }

  /** Puts a job back that a pilot has taken and not begun, or was made to leave; unless the pilot counted as lost. */
  giveBack(fingerprint: Fingerprint, shape: Shape, pilot: string): void {
    makeFolder(join(this.folder, 'todo', shape));
    const from = join(this.folder, 'taken', `${fingerprint}.${pilot}.json`);
    try {
      renameSync(from, join(this.folder, 'todo', shape, `${fingerprint}.json`));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }

  tell(fingerprint: Fingerprint, pilot: string, message: PilotMessage): void {
    makeFolder(join(this.folder, 'said'));
    appendFileSync(this.#saidPath(fingerprint, pilot), `${JSON.stringify(message)}\n`);
  }

  /** Whole lines behind `offset`, and where the next ones begin. */
  heard(fingerprint: Fingerprint, pilot: string, offset: number): {messages: PilotMessage[]; offset: number} {
    const path = this.#saidPath(fingerprint, pilot);
    const size = statSync(path, {throwIfNoEntry: false})?.size ?? 0;
    if (size <= offset) return {messages: [], offset};
    const bytes = Buffer.alloc(size - offset);
    const file = openSync(path, 'r');
    try {
      readSync(file, bytes, 0, bytes.length, offset);
    } finally {
      closeSync(file);
    }
    const end = bytes.lastIndexOf(10) + 1;
    const lines = bytes.subarray(0, end).toString('utf8').split('\n');
    return {messages: lines.flatMap(line => parsePilotMessage(line) ?? []), offset: offset + end};
  }

  /** A job is over for its pilot: everything has been said. */
  finish(fingerprint: Fingerprint, pilot: string): void {
    rmSync(join(this.folder, 'taken', `${fingerprint}.${pilot}.json`), {force: true});
  }

  /** Nobody wants to hear of a job any more. */
  forget(fingerprint: Fingerprint): void {
    rmSync(join(this.folder, 'stop', fingerprint), {force: true});
    for (const name of this.#list('said')) {
      if (name.startsWith(`${fingerprint}.`)) rmSync(join(this.folder, 'said', name), {force: true});
    }
  }

  /** Pilots that have said something of a job, live or not, by job. */
  speakers(): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, string[]>();
    for (const name of this.#list('said')) {
      const [fingerprint = '', pilot = ''] = name.split('.');
      found.set(fingerprint, [...(found.get(fingerprint) ?? []), pilot]);
    }
    return found;
  }

  /** Takes a job back that still waits; false where a pilot has it. */
  withdraw(fingerprint: Fingerprint, shape: Shape): boolean {
    const away = join(this.folder, 'tmp', temporaryName());
    makeFolder(join(this.folder, 'tmp'));
    try {
      renameSync(join(this.folder, 'todo', shape, `${fingerprint}.json`), away);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    }
    rmSync(away, {force: true});
    return true;
  }

  /** Asks whoever has a job to end it. */
  stop(fingerprint: Fingerprint): void {
    this.#write(join(this.folder, 'stop', fingerprint), '');
  }

  isStopped(fingerprint: Fingerprint): boolean {
    return existsSync(join(this.folder, 'stop', fingerprint));
  }

  /** A sign of life: written anew, so that its time is that of the file system and not of this machine. */
  live(pilot: string, host: string, shape: Shape): void {
    this.#write(join(this.folder, 'alive', `${pilot}.json`), JSON.stringify({host, shape}));
  }

  leave(pilot: string): void {
    rmSync(join(this.folder, 'alive', `${pilot}.json`), {force: true});
  }

  pilots(): readonly PilotSign[] {
    const names = this.#list('alive').filter(name => name.endsWith('.json'));
    if (names.length === 0) return [];
    // Clocks of machines differ; that of the file system is one.
    const clock = join(this.folder, 'alive', 'clock');
    this.#write(clock, '');
    const now = statSync(clock).mtimeMs;
    return names.flatMap(name => {
      const path = join(this.folder, 'alive', name);
      const state = statSync(path, {throwIfNoEntry: false});
      const read = state === undefined ? undefined : sign.safeParse(parse(path));
      if (state === undefined || !read?.success) return [];
      return [{pilot: name.slice(0, -'.json'.length), ...read.data, silentMs: now - state.mtimeMs}];
    });
  }

  #saidPath(fingerprint: Fingerprint, pilot: string): string {
    return join(this.folder, 'said', `${fingerprint}.${pilot}.jsonl`);
  }

  #list(folder: string): string[] {
    try {
      return readdirSync(join(this.folder, folder)).sort();
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  #write(path: string, text: string): void {
    const temporary = join(this.folder, 'tmp', temporaryName());
    makeFolder(join(this.folder, 'tmp'), 0o700);
    makeFolder(join(path, '..'), 0o700);
    writeFileSync(temporary, text, {mode: 0o600});
    renameSync(temporary, path);
  }
}

const fingerprintIn = (name: string): Fingerprint | undefined => {
  const digest = name.slice(0, -'.json'.length);
  return name.endsWith('.json') && isDigest(digest) ? (digest as Fingerprint) : undefined;
};

function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** `undefined` for a job of another version. */
function readJob(path: string, fingerprint: Fingerprint): PostedJob | undefined {
  const read = envelope.safeParse(parse(path));
  if (!read.success) return undefined;
  const orders = parseOrders(JSON.stringify(read.data.orders));
  return typeof orders === 'string' ? undefined : {fingerprint, ...read.data, orders};
}
