// The examples of the engine's README are run as they stand there.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {CliProject} from '../rig/cli-project.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'src/engine/README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
const [line = '', layer = '', fitted = '', stage = ''] = blocks;

/** Runs an example in a folder where it finds the packages; returns what it printed. */
async function runExample(code: string, folder: string): Promise<string> {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  const engine = new URL('../../src/engine/index.ts', import.meta.url).href;
  const learn = new URL('../../stages/learn/index.ts', import.meta.url).href;
  const here = code.replace("'pipe-ml/engine'", `'${engine}'`).replace("'pipe-ml/learn'", `'${learn}'`);
  writeFileSync(join(folder, 'example.ts'), here);
  const {stdout} = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'example.ts'], {
    cwd: folder,
  });
  return stdout;
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-readme-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

test('the README has four examples', () => assert.equal(blocks.length, 4));

test('the first example finds the line', () =>
  inFolder(async folder => {
    const [device = '', result = ''] = (await runExample(line, folder)).trim().split('\n');
    assert.match(device, /^ONNX Runtime .* the fastest here/);
    const [loss = 1, slope = 0, offset = 0] = result.split(' ').map(Number);
    assert.ok(loss < 1e-4 && Math.abs(slope - 3) < 0.02 && Math.abs(offset - 0.5) < 0.02, result);
  }));

test('the second example writes a model that ONNX Runtime loads', () =>
  inFolder(async folder => {
    await runExample(layer, folder);
    assert.ok(existsSync(join(folder, 'layer.onnx')));
    const {InferenceSession, Tensor} = await import('onnxruntime-node');
    const session = await InferenceSession.create(join(folder, 'layer.onnx'));
    const {logits} = await session.run({
      x: new Tensor('float32', Float32Array.of(1, 2, 3, 4, 0, 0, 0, 4), [2, 4]),
    });
    assert.deepEqual(Array.from(logits?.data as Float32Array), [2.5, 2.5, 1, 1]);
  }));

test('the third example trains a model of tf.layers', () =>
  inFolder(async folder => {
    const printed = (await runExample(fitted, folder)).trim().split('\n').at(-1) ?? '';
    const [accuracy = 0, weights = 0] = printed.split(' ').map(Number);
    assert.ok(accuracy > 0.9, printed);
    assert.equal(weights, 4);
  }));

test('the fourth example is a stage of a pipeline', async () => {
  assert.ok(stage.trim().split('\n').length <= 25);
  using project = new CliProject();
  symlinkSync(join(root, 'node_modules'), project.path('node_modules'));
  project.write('stages/mine.ts', stage);
  project.write(
    'pipelines/mine.yaml',
    `pipeline: mine
stages:
  download: {uses: download, with: {dataset: digits}}
  preprocess: {uses: preprocess, in: {raw: download}}
  mine: {uses: ./stages/mine.ts, in: {data: preprocess}, with: {epochs: 2}}
`,
  );
  await project.expect(0, 'run', 'pipelines/mine.yaml', '--device', 'cpu');
  const shown = await project.expect(0, 'show', 'mine', 'mine');
  assert.match(shown, /test_accuracy/);
});
