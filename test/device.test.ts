// Devices and machines in the key: what is really there, found before anything runs.

import assert from 'node:assert/strict';
import {createRequire} from 'node:module';
import {test} from 'node:test';
import {vectorOf} from '../src/host/platform.ts';
import {CliProject} from './rig/cli-project.ts';

const MODULE = `import {defineStage, z} from 'pipe-ml/stage';
export default defineStage({
  about: '', params: z.object({used: z.string().default('')}), inputs: {}, outputs: {x: 'file'}, usesDevice: true,
  async run({params, device, outputs}) {
    const {writeFile} = await import('node:fs/promises');
    if (params.used !== '') device.computed(params.used);
    await writeFile(outputs.x, device.choice + '\\n');
  },
});\n`;

function study(more = ''): CliProject {
  const project = new CliProject(`pipeline: study\nstages:\n  a: {uses: ./stages/a.ts${more}}\n`);
  project.write('stages/a.ts', MODULE);
  return project;
}

const env = {VK_ICD_FILENAMES: '', CUDA_VISIBLE_DEVICES: ''};

test('a device that is asked for and not there is a mistake before anything runs', async context => {
  using project = study();
  const {code, stderr, stdout} = await project.start(['run', 'study', '--device', 'cuda'], {env}).ended;
  if (code === 0) return context.skip('there is a CUDA device here');
  assert.equal(code, 2, stdout + stderr);
  assert.match(stderr, /expected the device cuda, which is not there: /);
});

test('the device in the key is what auto comes to', async () => {
  using project = study();
  const run = async (...options: string[]): Promise<string> =>
    (await project.start(['run', 'study', '--json', ...options], {env}).ended).stdout;
  const first = await run();
  assert.match(first, /"status":"executed"/);
  // The same key, and the CPU's: `auto` stands in none.
  assert.match(await run('--device', 'cpu'), /"status":"cached"/);
  assert.match(await run('--device', 'tfjs'), /"status":"executed"/);
});

test('the device tfjs says that it computes in JavaScript where no native package is installed', async () => {
  using project = study();
  const {code, stderr} = await project.start(['run', 'study', '--device', 'tfjs'], {env}).ended;
  assert.equal(code, 0, stderr);
  const {resolve} = createRequire(import.meta.url);
  const isNative = ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu'].some(name => {
    try {
      return resolve(name) !== '';
    } catch {
      return false;
    }
  });
  assert.equal(/--device tfjs computes in JavaScript here, far slower/.test(stderr), !isNative, stderr);
});

test('a stage that computed on another device than its key says has no result', async () => {
  using project = study(', with: {used: webgpu}');
  const {code, stdout} = await project.start(['run', 'study'], {env}).ended;
  assert.equal(code, 1);
  assert.match(stdout, /expected it to compute on cpu, as its key says, got webgpu/);
});

test('the widest vector extension of a processor is found among its flags', () => {
  assert.equal(vectorOf('processor: 0\nflags\t\t: fpu sse4_2 avx avx2 avx512f avx512bw\n'), 'avx512f');
  assert.equal(vectorOf('flags : fpu sse4_2 avx avx2\n'), 'avx2');
  assert.equal(vectorOf('Features\t: fp asimd evtstrm\n'), 'asimd');
  assert.equal(vectorOf(''), null);
});
