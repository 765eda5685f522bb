// Fetches the CUDA provider of ONNX Runtime into node_modules: `npm run cuda`. It is not in the npm package, and its install
// script, which would fetch it on every Linux machine, is not run by `npm ci`. Linux on x64; 300 MB from NuGet.

import {execFileSync} from 'node:child_process';
import {createRequire} from 'node:module';
import {dirname, join, resolve} from 'node:path';

const root = resolve(import.meta.dirname, '..');

function fail(message) {
  process.stderr.write(`cuda: ${message}\n`);
  process.exit(1);
}

if (process.platform !== 'linux' || process.arch !== 'x64')
  fail(
    `expected Linux on x64, where ONNX Runtime's package has CUDA, got ${process.platform} on ${process.arch}`,
  );
const folder = dirname(createRequire(join(root, 'package.json')).resolve('onnxruntime-node/package.json'));
try {
  execFileSync(process.execPath, [join(folder, 'script/install.js')], {
    stdio: 'inherit',
    // As `--onnxruntime-node-install`: without it the script takes a folder like this one for its own.
    env: {...process.env, ONNXRUNTIME_NODE_INSTALL: 'true'},
  });
} catch {
  fail('the script of onnxruntime-node did not end well; what it says stands above');
}
process.stdout.write('cuda: the provider is there; what else CUDA needs on this machine:\n');
execFileSync(process.execPath, [join(root, 'dist/cli.js'), 'doctor'], {stdio: 'inherit'});
