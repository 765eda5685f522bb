// Builds @tensorflow/tfjs-node against the TensorFlow library of the Python wheel `tensorflow-cpu`: `npm run native`.
// Its own installer wants a library that is no longer served, and knows no Node after 18. Linux on x64; needs python3 with
// pip, make and a C++ compiler. `npm ci` and `npm install` take the package away again: it is not a dependency.

import {execFileSync} from 'node:child_process';
import {existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';

const versions = {tfjs: '4.22.0', tensorflow: '2.15.1', python: '3.11'};
const root = resolve(import.meta.dirname, '..');
const python = process.env.PYTHON ?? 'python3';

function fail(message) {
  process.stderr.write(`native: ${message}\n`);
  process.exit(1);
}

function run(program, args, cwd = root) {
  try {
    execFileSync(program, args, {cwd, stdio: ['ignore', 'inherit', 'inherit']});
  } catch (error) {
    fail(`${program} ${args.slice(0, 3).join(' ')} … failed: ${error.message.split('\n')[0]}`);
  }
}

if (process.platform !== 'linux' || process.arch !== 'x64')
  fail(`expected Linux on x64, got ${process.platform} on ${process.arch}`);
const npm = process.env.npm_execpath ?? fail('run it as: npm run native');

process.stdout.write(`native: @tensorflow/tfjs-node ${versions.tfjs}\n`);
run(process.execPath, [
  npm,
  'install',
  '--no-save',
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  `@tensorflow/tfjs-node@${versions.tfjs}`,
]);
const folder = join(root, 'node_modules/@tensorflow/tfjs-node');

process.stdout.write(`native: TensorFlow ${versions.tensorflow} from the wheel tensorflow-cpu, 200 MB\n`);
const scratch = mkdtempSync(join(tmpdir(), 'pipe-native-'));
try {
  const wanted = ['--no-deps', '--only-binary=:all:', '--python-version', versions.python];
  const platform = ['--platform', 'manylinux_2_17_x86_64', '-d', scratch];
  run(python, [
    '-m',
    'pip',
    'download',
    '-q',
    ...wanted,
    ...platform,
    `tensorflow-cpu==${versions.tensorflow}`,
  ]);
  const wheel = readdirSync(scratch).find(name => name.endsWith('.whl')) ?? fail('pip brought no wheel');
  // The library and its headers, out of two hundred megabytes of Python.
  const extract = `
import os, shutil, sys, zipfile
wheel, deps = sys.argv[1:]
places = {"tensorflow/libtensorflow_cc.so.2": "lib", "tensorflow/libtensorflow_framework.so.2": "lib"}
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name in places:
            target = os.path.join(deps, places[name], os.path.basename(name))
        elif name.startswith("tensorflow/include/tensorflow/") or name.startswith("tensorflow/include/tsl/"):
            target = os.path.join(deps, name[len("tensorflow/"):])
        else:
            continue
        if name.endswith("/"):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with archive.open(name) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out)
`;
  const deps = join(folder, 'deps');
  rmSync(deps, {recursive: true, force: true});
  run(python, ['-c', extract, join(scratch, wheel), deps]);
  for (const [link, target] of [
    ['libtensorflow.so', 'libtensorflow_cc.so.2'],
    ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'],
  ])
    symlinkSync(target, join(deps, 'lib', link));
} finally {
  rmSync(scratch, {recursive: true, force: true});
}

process.stdout.write('native: compiling the binding\n');
const gyp = join(dirname(dirname(npm)), 'node_modules/node-gyp/bin/node-gyp.js');
if (!existsSync(gyp)) fail(`expected npm's own node-gyp at ${gyp}`);
run(
  process.execPath,
  [
    gyp,
    'rebuild',
    '--module_name=tfjs_binding',
    `--module_path=${join(folder, 'lib/napi-v8')}`,
    '--napi_build_version=8',
  ],
  folder,
);

// What loads, counts: in a process of its own, as the engine finds it.
const check = `
const util = require('node:util');
util.isNullOrUndefined ??= x => x === null || x === undefined;
util.isArray ??= Array.isArray;
const tf = require('@tensorflow/tfjs-node');
const [sum] = tf.matMul(tf.ones([2, 2]), tf.ones([2, 2])).dataSync();
if (tf.getBackend() !== 'tensorflow' || sum !== 2) throw new Error('computes wrongly');
`;
createRequire(join(root, 'package.json')).resolve('@tensorflow/tfjs-node');
run(process.execPath, ['-e', check]);
process.stdout.write('native: done; pipe run … --device tfjs uses it\n');
