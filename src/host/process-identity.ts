// Who a process is, beyond its number: numbers are used again, so a start time and a boot go with each.
// Locks and temporary files carry this, and are free once nobody alive answers to it.

import {execFileSync} from 'node:child_process';
import {readFileSync, readlinkSync} from 'node:fs';
import {hostname} from 'node:os';
import {digestBytes} from '../core/digest.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** What tells this process from an earlier one of the same number; `-` where the system does not say. */
  readonly born: string;
  /** Where the number means something: host, boot and process namespace. */
  readonly host: string;
}

let own: ProcessIdentity | undefined;

/** This process. */
export function ownIdentity(): ProcessIdentity {
  own ??= {pid: process.pid, born: birthOf(process.pid) ?? '-', host: ownHost()};
  return own;
}

/** True while the process lives; `unknown` for a process of another host, which cannot be asked. */
export function isAlive(identity: ProcessIdentity): boolean | 'unknown' {
  if (identity.host !== ownIdentity().host) return 'unknown';
  if (!answers(identity.pid)) return false;
  const born = birthOf(identity.pid);
  return born === undefined || identity.born === '-' || born === identity.born;
}

/** `pid-born-host`: as part of file names. */
export const identityLabel = ({pid, born, host}: ProcessIdentity): string =>
  `${pid}-${born}-${shortHost(host)}`;

/** Whether the process lives whose label a file name starts with; `false` for names that carry no label. */
export function isLabelAlive(name: string): boolean | 'unknown' {
  const match = /^(\d+)-(\d+|-)-([0-9a-f]{8})(?=[.-]|$)/.exec(name);
  if (match === null) return false;
  const {host} = ownIdentity();
  if (match[3] !== shortHost(host)) return 'unknown';
  return isAlive({pid: Number(match[1]), born: match[2] ?? '-', host});
}

const shortHost = (host: string): string => digestBytes(host).slice(0, 8);

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** The start time of a process as digits: clock ticks since boot on Linux, else seconds since the epoch. */
function birthOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // The second field is the command in parentheses and may hold anything; the start time is field 22.
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    }
    if (process.platform === 'win32') return undefined;
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {encoding: 'utf8'}).trim();
    return String(Math.floor(Date.parse(started) / 1000));
  } catch {
    return undefined;
  }
}

function ownHost(): string {
  const parts = [hostname()];
  if (process.platform === 'linux') {
    try {
      parts.push(readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8));
      parts.push(readlinkSync('/proc/self/ns/pid').replace(/\D/g, ''));
    } catch {
      // Without /proc the name alone has to do.
    }
  }
  return parts.join('/');
}
