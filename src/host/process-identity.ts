// Who a process is, beyond its number. A number means something within one process namespace of one boot of one kernel,
// and is used again there; so namespace, boot and start time go with it. Locks, temporary files and processes that we
// start carry this as a label, and nobody ends or disowns a process of which the kernel here cannot speak.

import {execFileSync} from 'node:child_process';
import {readFileSync, readlinkSync} from 'node:fs';
import {hostname} from 'node:os';
import {digestBytes} from '../core/digest.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** What tells this process from an earlier one of the same number, in digits; `-` where the system does not say. */
  readonly born: string;
  /** The boot of the kernel, in eight hex digits; where the system does not say, the host. */
  readonly boot: string;
  /** The process namespace (a container has its own), in digits; `0` where the system has none. */
  readonly space: string;
}

let own: ProcessIdentity | undefined;

/** This process. */
export function ownIdentity(): ProcessIdentity {
  own ??= {pid: process.pid, born: birthOf(process.pid) ?? '-', boot: ownBoot(), space: ownSpace()};
  return own;
}

/** A process that this one has started. */
export const identityOf = (pid: number): ProcessIdentity => ({
  ...ownIdentity(),
  pid,
  born: birthOf(pid) ?? '-',
});

/** `pid-born-boot-space`: the beginning of file names, and the mark of processes. */
export const identityLabel = ({pid, born, boot, space}: ProcessIdentity): string =>
  `${pid}-${born}-${boot}-${space}`;

/** The identity with which a text begins; `undefined` where it begins with none. */
export function identityIn(text: string): ProcessIdentity | undefined {
  const match = /^(\d+)-(\d+|-)-([0-9a-f]{8})-(\d+)(?=[.-]|$)/.exec(text);
  if (match === null) return undefined;
  const [, pid = '', born = '', boot = '', space = ''] = match;
  return {pid: Number(pid), born, boot, space};
}

/** True where the kernel and the namespace of this process know the other one by its number. */
export const isNeighbour = ({boot, space}: ProcessIdentity): boolean =>
  boot === ownIdentity().boot && space === ownIdentity().space;

/** Whether a process lives; `unknown` for one that cannot be asked for here. A stopped process lives. */
export function isAlive(identity: ProcessIdentity): boolean | 'unknown' {
  if (!isNeighbour(identity)) return 'unknown';
  if (!isProcessAlive(identity.pid)) return false;
  const born = birthOf(identity.pid);
  return born === undefined || identity.born === '-' || born === identity.born;
}

/** Whether a process of this namespace lives: one that is dead and not yet fetched by its parent does not. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  const state = statOf(pid)?.[0];
  return state !== 'Z' && state !== 'X';
}

/** What `/proc/PID/stat` says after the command's name: state, parent, group, … `undefined` where there is none. */
export function statOf(pid: number): readonly string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses and may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** The start time of a process as digits: clock ticks since boot on Linux, else seconds since the epoch. */
function birthOf(pid: number): string | undefined {
  if (process.platform === 'linux') return statOf(pid)?.[19];
  if (process.platform === 'win32') return undefined;
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {encoding: 'utf8'}).trim();
    return String(Math.floor(Date.parse(started) / 1000));
  } catch {
    return undefined;
  }
}

function ownBoot(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').replace(/[^0-9a-f]/g, '');
    if (boot.length >= 8) return boot.slice(0, 8);
  } catch {
    // No Linux, or no /proc: the name of the host has to do.
  }
  return digestBytes(hostname()).slice(0, 8);
}

function ownSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '') || '0';
  } catch {
    return '0';
  }
}
