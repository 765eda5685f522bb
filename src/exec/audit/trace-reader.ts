// Reads what strace wrote of one task: one file per thread, `PREFIX.TID`, each line a call of the system. What was opened
// comes with the path that the kernel knows it by (`-y`), so that links and working directories need no thought.

import {readdirSync, readFileSync, rmSync} from 'node:fs';
import {basename, dirname, join, normalize} from 'node:path';

export interface Accesses {
  /** Opened for reading; folders end in `/`. Absolute. */
  readonly read: ReadonlySet<string>;
  /** Opened in vain, as it was not there. Absolute. */
  readonly missing: ReadonlySet<string>;
  readonly written: ReadonlySet<string>;
  readonly programs: ReadonlySet<string>;
  /** `192.0.2.1:443`, `[::1]:80`, or the path of a socket. */
  readonly network: ReadonlySet<string>;
  readonly clock: number;
}

const CALLS = 'open,openat,openat2,creat,execve,connect,clock_gettime,gettimeofday,time';

/** What stands in front of a command for it to be traced. `program`: strace; files are written at `prefix`. */
export const traced = (program: string, prefix: string): readonly string[] => [
  ...[program, '-ff', '-qqq', '-y', '-s', '64', '--seccomp-bpf'],
  ...['-e', `trace=${CALLS}`, '-e', 'signal=none', '-o', prefix, '--'],
];

/** Reads all files of a prefix, and removes them. Throws errors of the system. */
export function readTraces(prefix: string): Accesses {
  const all = {
    read: new Set<string>(),
    missing: new Set<string>(),
    written: new Set<string>(),
    programs: new Set<string>(),
    network: new Set<string>(),
    clock: 0,
  };
  const folder = dirname(prefix);
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${basename(prefix)}.`)) continue;
    const path = join(folder, name);
    // A byte is a character: what is none of ASCII, strace has escaped.
    for (const line of readFileSync(path, 'latin1').split('\n')) {
      if (/^(?:clock_gettime|gettimeofday|time)\(/.test(line)) all.clock++;
      else readCall(line, all);
    }
    rmSync(path);
  }
  return all;
}

interface Sets {
  readonly read: Set<string>;
  readonly missing: Set<string>;
  readonly written: Set<string>;
  readonly programs: Set<string>;
  readonly network: Set<string>;
}

function readCall(line: string, sets: Sets): void {
  const [, call = '', rest = ''] = /^(\w+)\((.*)$/.exec(line) ?? [];
  if (call === 'execve') {
    const [, path] = /^"((?:[^"\\]|\\.)*)".* = 0$/.exec(rest) ?? [];
    if (path !== undefined) sets.programs.add(plainOf(path));
  } else if (call === 'connect') {
    const address = addressIn(rest);
    if (address !== undefined) sets.network.add(address);
  } else if (call.startsWith('open') || call === 'creat') {
    const [, opened] = / = \d+<(.*)>$/.exec(rest) ?? [];
    if (opened !== undefined) takeOpened(plainOf(opened), call, rest, sets);
    else if (rest.includes(' = -1 ENOENT')) takeMissing(rest, sets.missing);
  }
}

function takeOpened(path: string, call: string, rest: string, {read, written}: Sets): void {
  // Pipes, sockets and what has no name.
  if (!path.startsWith('/')) return;
  const isWritten = call === 'creat' || /\bO_(WRONLY|RDWR)\b/.test(rest);
  if (isWritten) written.add(path);
  if (!isWritten || (/\bO_RDWR\b/.test(rest) && !/\bO_(TRUNC|CREAT)\b/.test(rest))) {
    read.add(/\bO_DIRECTORY\b/.test(rest) ? `${path}/` : path);
  }
}

function takeMissing(rest: string, missing: Set<string>): void {
  const [, folder, path] = /^(?:(?:AT_FDCWD|\d+)<((?:[^>\\]|\\.)*)>, )?"((?:[^"\\]|\\.)*)"/.exec(rest) ?? [];
  if (path === undefined) return;
  const plain = plainOf(path);
  if (plain.startsWith('/')) missing.add(normalize(plain));
  else if (folder !== undefined) missing.add(normalize(`${plainOf(folder)}/${plain}`));
}

function addressIn(rest: string): string | undefined {
  const [, socket] = /sun_path=@?"((?:[^"\\]|\\.)*)"/.exec(rest) ?? [];
  if (socket !== undefined) return plainOf(socket);
  const [, port = '0'] = /sin6?_port=htons\((\d+)\)/.exec(rest) ?? [];
  const [, v4] = /sin_addr=inet_addr\("([^"]+)"\)/.exec(rest) ?? [];
  if (v4 !== undefined) return `${v4}:${port}`;
  const [, v6] = /inet_pton\(AF_INET6, "([^"]+)"/.exec(rest) ?? [];
  return v6 === undefined ? undefined : `[${v6}]:${port}`;
}

const LETTERS: Readonly<Record<string, string>> = {n: '\n', t: '\t', r: '\r', v: '\v', f: '\f'};

/** strace writes bytes beyond ASCII, quotes and control characters as C does. */
const plainOf = (text: string): string =>
  Buffer.from(
    text.replace(/\\([0-7]{1,3}|.)/g, (_, code: string) =>
      /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : (LETTERS[code] ?? code),
    ),
    'latin1',
  ).toString('utf8');
