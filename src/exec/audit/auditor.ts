// Looks at what tasks do, by way of strace: says what stands in front of their commands, and reads what it wrote.

import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {delimiter, dirname, join} from 'node:path';
import type {Audit} from '../../action/audit.ts';
import type {Task} from '../task.ts';
import {type AuditPlaces, auditOf} from './audit.ts';
import {readTraces, traced} from './trace-reader.ts';

export class Auditor {
  readonly #strace: string;
  readonly #places: Pick<AuditPlaces, 'project' | 'store' | 'own'>;

  /** `strace`: its path. */
  constructor(strace: string, places: Pick<AuditPlaces, 'project' | 'store' | 'own'>) {
    this.#strace = strace;
    this.#places = places;
  }

  before(task: Task): readonly string[] {
    return traced(this.#strace, prefixOf(task));
  }

  /** When nothing of the task runs any more. Throws errors of the system. */
  look(task: Task): Audit {
    const {project} = this.#places;
    const places = {...this.#places, root: dirname(task.logFile), cwd: task.cwd};
    return auditOf(readTraces(prefixOf(task)), places, path => existsSync(join(project, path)));
  }
}

const prefixOf = (task: Task): string => join(dirname(task.logFile), 'trace');

/** Where strace is, or why nothing can be traced here; it is tried, as containers may forbid it. */
export function findStrace(path: string): {readonly strace: string} | {readonly missing: string} {
  if (process.platform !== 'linux') return {missing: 'only Linux tells what a process reads'};
  const strace = path
    .split(delimiter)
    .map(folder => join(folder, 'strace'))
    .find(existsSync);
  if (strace === undefined) return {missing: 'strace is not installed; `apt-get install strace` brings it'};
  const tried = spawnSync(strace, ['-f', '-qqq', '-o', '/dev/null', '--seccomp-bpf', '--', 'true'], {
    encoding: 'utf8',
  });
  if (tried.status === 0) return {strace};
  const said = tried.stderr.trim().split('\n').at(-1) ?? '';
  return {missing: `strace may not look at processes here: ${said} (a container needs SYS_PTRACE)`};
}
