// The commit of a project and whether its work tree is clean, asked of git: one process, a few seconds at most.

import {execFile} from 'node:child_process';
import type {GitState} from '../action/action.ts';

const LONGEST_MS = 5_000;

/** `null` where there is no repository, no commit yet, or no git. Ignored files do not count. */
export function gitStateOf(project: string): Promise<GitState | null> {
  const options = {
    cwd: project,
    timeout: LONGEST_MS,
    maxBuffer: 64 * 1024 * 1024,
    env: {...process.env, GIT_OPTIONAL_LOCKS: '0'},
  };
  return new Promise(resolve => {
    execFile('git', ['status', '--porcelain=v2', '--branch'], options, (error, stdout) => {
      const commit = /^# branch\.oid ([0-9a-f]+)$/m.exec(stdout)?.[1];
      const isClean = stdout.split('\n').every(line => line === '' || line.startsWith('#'));
      resolve(error !== null || commit === undefined ? null : {commit, isClean});
    });
  });
}
