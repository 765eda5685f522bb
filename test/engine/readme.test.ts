// The examples of the engine's README are run as they stand there.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'src/engine/README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
const [line = '', layer = ''] = blocks;

/** Runs an example in a folder where it finds the packages; returns what it printed. */
async function runExample(code: string, folder: string): Promise<string> {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  const engine = new URL('../../src/engine/index.ts', import.meta.url).href;
  writeFileSync(join(folder, 'example.ts'), code.replace("'pipe-ml/engine'", `'${engine}'`));
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

test('the README has two examples', () => assert.equal(blocks.length, 2));

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
