// Coordinators in the background: `pipe run --detach` starts one and returns. It is a `pipe run` like any other, with its
// lines in a file: it may be killed, and the next run finds what it has made.

import {spawn} from 'node:child_process';
import {openSync, readdirSync, readFileSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import * as z from 'zod';
import {temporaryName, writeAtomically} from '../host/atomic-file.ts';
import {makeFolder} from '../host/folder.ts';
import {identityIn, identityLabel, identityOf, isAlive} from '../host/process-identity.ts';
import {hasCode} from '../host/system-error.ts';
import {EXIT, type ExitCode} from './exit.ts';
import type {Shell} from './shell.ts';

export interface Coordinator {
  readonly pid: number;
  readonly argv: readonly string[];
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Where its lines are. */
  readonly log: string;
  /** `unknown` for one of another machine. */
  readonly isAlive: boolean | 'unknown';
}

/** `process`: its label, since another one may get its number later. */
const record = z.object({
  process: z.string(),
  argv: z.array(z.string()),
  since: z.number(),
  log: z.string(),
});

const folderIn = (store: string): string => join(store, 'detached');

/** Starts this command line once more, without `--detach`, and says where to look. `store`: the project's. */
export function detach({argv, outside, packageRoot}: Shell, store: string): ExitCode {
  const folder = folderIn(store);
  makeFolder(folder);
  dropOldLogs(folder);
  const name = temporaryName();
  const log = join(folder, `${name}.log`);
  const file = openSync(log, 'a');
  const rest = argv.filter(word => word !== '--detach');
  const child = spawn(process.execPath, [join(packageRoot, 'dist/cli.js'), ...rest], {
    cwd: outside.cwd,
    env: outside.env,
    detached: true,
    stdio: ['ignore', file, file],
  });
  const {pid} = child;
  child.unref();
  if (pid === undefined) throw new Error('the coordinator did not start');
  const told = {process: identityLabel(identityOf(pid)), argv: rest, since: outside.clock.now(), log};
  writeAtomically(join(folder, `${name}.json`), JSON.stringify(told));
  outside.stdout.screen.write(
    `process ${pid} goes on in the background; its lines are in ${log}\n` +
      '`pipe jobs` says what is out there, `pipe run` waits for it and takes what it has made\n',
  );
  return EXIT.ok;
}

/** Lines of runs that have ended, but for the last ones. */
function dropOldLogs(folder: string): void {
  const names = readdirSync(folder);
  const logs = names
    .filter(name => name.endsWith('.log') && !names.includes(name.replace(/log$/, 'json')))
    .map(name => join(folder, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const log of logs.slice(MOST_LOGS)) rmSync(log, {force: true});
}
const MOST_LOGS = 10;

/** Those that have ended are told once more, and forgotten. */
export function listCoordinators(store: string): readonly Coordinator[] {
  const folder = folderIn(store);
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
  return names.flatMap(name => {
    if (!name.endsWith('.json')) return [];
    const path = join(folder, name);
    let value: unknown;
    try {
      value = JSON.parse(readFileSync(path, 'utf8'));
    } catch {
      return [];
    }
    const read = record.safeParse(value);
    const identity = read.success ? identityIn(read.data.process) : undefined;
    if (!read.success || identity === undefined) return [];
    const lives = isAlive(identity);
    if (lives === false) rmSync(path, {force: true});
    const {argv, since, log} = read.data;
    return [{pid: identity.pid, argv, since, log, isAlive: lives}];
  });
}

/** As a TERM does: what runs on this machine ends in order, what runs elsewhere is told to end. */
export function endCoordinator({pid, isAlive}: Coordinator): void {
  if (isAlive !== true) return;
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
