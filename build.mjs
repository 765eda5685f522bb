// Bundles the sources into dist/: the CLI, the worker, and the two public entry points.
// Packages stay external; lazily imported parts become chunks of their own, so that a no-op loads little. But each file
// of a package costs a no-op half a millisecond, so the small ones that every command loads are bundled, and so is zod,
// a hundred files, as far as it is used here (`import * as z`): the package itself is what stage modules get.
import {existsSync, rmSync} from 'node:fs';
import {createRequire, isBuiltin} from 'node:module';
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
const bundledPackages = {
  name: 'bundled-packages',
  setup({onResolve}) {
    onResolve({filter: /^(chalk|leven|p-queue|picomatch|string-width)$/}, ({path}) => ({
      path: fileURLToPath(import.meta.resolve(path)),
      sideEffects: false,
    }));
    // What they import themselves, as they find it.
    onResolve({filter: /^[a-z@]/}, ({path, importer}) =>
      importer.includes('node_modules') && !isBuiltin(path)
        ? {path: createRequire(importer).resolve(path), sideEffects: false}
        : null,
    );
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
  plugins: [bundledPackages],
  sourcemap: 'linked',
  logLevel: 'warning',
});
