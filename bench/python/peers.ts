// A Python with everything that the race needs: NumPy, PyTorch where one is to be had, Snakemake and DVC, in an
// environment of its own below .scratch, made once. What cannot be installed is left out, and said.

import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {delimiter, join} from 'node:path';

export interface Peers {
  /** The environment in which all contestants run. */
  readonly env: Readonly<Record<string, string>>;
  readonly has: (module: string) => boolean;
}

const imports = (program: string, module: string): boolean =>
  spawnSync(program, ['-c', `import ${module}`], {stdio: 'ignore'}).status === 0;

/** `root`: this package's folder. */
export function preparePeers(root: string): Peers {
  const folder = join(root, '.scratch', 'bench-python');
  const python = join(folder, 'bin', 'python3');
  if (!existsSync(python)) {
    // PyTorch for CPUs comes from the system (Debian: python3-torch); the wheel brings 3 GB of CUDA.
    const base = ['python3', '/usr/bin/python3'].find(program => imports(program, 'torch')) ?? 'python3';
    run(base, ['-m', 'venv', '--system-site-packages', folder]);
  }
  for (const [module, ...packages] of [
    ['numpy', 'numpy'],
    ['snakemake', 'snakemake'],
    ['dvc', 'dvc'],
  ]) {
    if (module === undefined || imports(python, module)) continue;
    console.log(`installing ${packages.join(', ')} for the race`);
    if (!run(python, ['-m', 'pip', 'install', '--quiet', ...packages]))
      console.log(`${packages.join(', ')} could not be installed: left out`);
  }
  const path = `${join(folder, 'bin')}${delimiter}${process.env.PATH ?? ''}`;
  const env = Object.entries({...process.env, PATH: path, VIRTUAL_ENV: folder, DVC_NO_ANALYTICS: '1'});
  return {
    env: Object.fromEntries(env.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    has: module => imports(python, module),
  };
}

const run = (program: string, args: readonly string[]): boolean =>
  spawnSync(program, args, {stdio: ['ignore', 'ignore', 'inherit']}).status === 0;
