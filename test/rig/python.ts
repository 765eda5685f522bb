// Whether the real Python is here, for tests that skip without it.

import {spawnSync} from 'node:child_process';

const answer = (code: string): string | undefined => {
  const ended = spawnSync('python3', ['-c', code], {encoding: 'utf8'});
  return ended.status === 0 ? ended.stdout.trim() : undefined;
};

/** `false`, or why to skip. */
export const noPython: string | false =
  answer('import sys; print(sys.version_info >= (3, 9))') === 'True'
    ? false
    : 'python3 (3.9 or newer) is not here';

export const noModule = (name: string): string | false =>
  noPython || answer(`import ${name}`) !== undefined ? noPython : `${name} is not installed for python3`;

/** A Python that has these modules: the one of the tests, else the system's, whose packages come from Debian. */
export const pythonWith = (...names: readonly string[]): string | undefined =>
  ['python3', '/usr/bin/python3'].find(
    program => spawnSync(program, ['-c', `import ${names.join(', ')}`], {stdio: 'ignore'}).status === 0,
  );
