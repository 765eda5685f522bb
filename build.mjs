// Bundles the sources into dist/: the CLI, the worker, and the two public entry points.
// Packages stay external; lazily imported parts become chunks of their own, so that a no-op loads little. But zod is a
// hundred files, which a no-op would load for one schema: what uses it here is bundled, and the package itself is what
// stage modules get.
import {existsSync, rmSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
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
const bundledZod = {
  name: 'bundled-zod',
  setup({onResolve}) {
    onResolve({filter: /^zod$/}, ({importer}) => {
      if (/[\\/]src[\\/]stage[\\/]define\.ts$/.test(importer)) return {path: 'zod', external: true};
      return {path: fileURLToPath(import.meta.resolve('zod')), sideEffects: false};
    });
  },
};
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
  plugins: [bundledZod],
  sourcemap: 'linked',
  logLevel: 'warning',
});
