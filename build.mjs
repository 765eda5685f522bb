// Bundles the sources into dist/: the CLI, the worker, and the two public entry points.
// Packages stay external; lazily imported parts become chunks of their own, so that a no-op loads little.
import {existsSync, rmSync} from 'node:fs';
import {build} from 'esbuild';

const entries = {
  cli: 'src/cli.ts',
  worker: 'src/exec/worker.ts',
  'declaration-worker': 'src/exec/declaration-worker.ts',
  stage: 'src/stage/define.ts',
  engine: 'src/engine/index.ts',
  learn: 'stages/learn/index.ts',
};
const here = import.meta.dirname;
const present = Object.fromEntries(
  Object.entries(entries).filter(([, file]) => existsSync(`${here}/${file}`)),
);
// Old chunks stay until a clean build, so that a process that is running keeps finding its own.
if (process.argv.includes('--clean')) rmSync(`${here}/dist`, {recursive: true, force: true});
await build({
  absWorkingDir: here,
  entryPoints: present,
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'linked',
  logLevel: 'warning',
});
