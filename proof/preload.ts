// The library that stands between a process and the C library (`preload.c`): built on the spot, and what to say to it.

import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, renameSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {digestBytes} from '../src/core/digest.ts';

/** How the n-th call is hit. */
export const HOWS = ['kill', 'tear', 'ENOSPC', 'EIO', 'EMFILE', 'EACCES', 'EROFS'] as const;
export type How = (typeof HOWS)[number];

export interface Orders {
  /** Folders, absolute: calls elsewhere are passed on. */
  readonly roots: readonly string[];
  readonly log?: string;
  /** `names`, `data`: every call; `hit`: the one that was hit. */
  readonly record?: 'names' | 'data' | 'hit';
  readonly fault?: Fault;
  /** A file with the boot's id that the process is to believe in. */
  readonly boot?: string;
  /** Seconds by which its clock is ahead. */
  readonly ahead?: number;
}

export interface Fault {
  /** From 1. */
  readonly at: number;
  readonly how: How;
  /** The error stays from then on. */
  readonly isHeld: boolean;
  /** Opening to read counts as a call as well. */
  readonly countsReads: boolean;
}

/** The path of the library; `undefined` where it cannot be built: no Linux, no compiler. */
export function buildPreload(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const source = join(import.meta.dirname, 'preload.c');
  const path = join(tmpdir(), `pipe-proof-${digestBytes(readFileSync(source)).slice(0, 16)}.so`);
  if (existsSync(path)) return path;
  const folder = mkdtempSync(join(tmpdir(), 'pipe-proof-'));
  try {
    const built = join(folder, 'preload.so');
    execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', built, source, '-ldl', '-lpthread'], {
      stdio: 'pipe',
    });
    // One that cannot be loaded (another C library) says so, and changes nothing.
    const tried = spawnSync('cat', ['/dev/null'], {env: {LD_PRELOAD: built, PATH: process.env.PATH ?? ''}});
    if (tried.status !== 0 || tried.stderr.length > 0) return undefined;
    renameSync(built, path);
    return path;
  } catch {
    return undefined;
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

/** What makes a process load the library, and tells it what to do. */
export function preloadEnvironment(library: string, orders: Orders): Record<string, string> {
  const {roots, log, record, fault, boot, ahead} = orders;
  return {
    LD_PRELOAD: library,
    // io_uring goes past the C library.
    UV_USE_IO_URING: '0',
    PROOF_ROOTS: roots.join(':'),
    ...(log !== undefined && {PROOF_LOG: log}),
    ...(record !== undefined && {PROOF_RECORD: record}),
    ...(fault !== undefined && {PROOF_AT: String(fault.at), PROOF_HOW: fault.how}),
    ...(fault?.isHeld === true && {PROOF_HOLD: '1'}),
    ...(fault?.countsReads === true && {PROOF_READS: '1'}),
    ...(boot !== undefined && {PROOF_BOOT: boot}),
    ...(ahead !== undefined && {PROOF_CLOCK: String(ahead)}),
  };
}

/** A call as the library writes it down. */
export interface Call {
  readonly number: number;
  readonly kind: string;
  readonly path: string;
  /** The second path of a rename or a link; what a symbolic link leads to stands in `path`. */
  readonly other: string;
  /** An offset, a size, a mode, a time in microseconds: as the kind says. */
  readonly value: number;
  /** What was written; `=` and all that a file holds where others may have written it. */
  readonly data: string;
}

export function readCalls(log: string): readonly Call[] {
  if (!existsSync(log)) return [];
  return readFileSync(log, 'utf8')
    .split('\n')
    .flatMap(line => {
      const [number = '', kind = '', path = '', other = '', value = '', data = ''] = line.split('\t');
      return kind === '' ? [] : [{number: Number(number), kind, path, other, value: Number(value), data}];
    });
}
