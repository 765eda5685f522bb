// `pipe doctor` looks and changes nothing; settings are checked when they are read.

import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {test} from 'node:test';
import {cudaParts, type Machine} from '../src/cli/cuda.ts';
import {CliProject} from './rig/cli-project.ts';

test('doctor outside of a project makes no store, and says that there is none', async () => {
  using project = new CliProject();
  const told = await project.expect(0, 'doctor');
  assert.match(told, /store +· folder +none yet/);
  assert.match(told, /· pipelines +none; pipe init/);
  assert.equal(existsSync(project.path('cache')), false);
});

test('doctor tells of a store that is there', async () => {
  using project = new CliProject('pipeline: study\nstages:\n  a: {run: "echo hi"}\n');
  await project.expect(0, 'run', 'study');
  const told = await project.expect(0, 'doctor', '--json');
  const facts = JSON.parse(told) as Array<{topic: string; name: string; state: string}>;
  assert.ok(
    facts.some(({topic, name, state}) => topic === 'store' && name === 'action cache' && state === 'good'),
  );
});

test('a device in pipe.config.yaml that there cannot be is a mistake with its place', async () => {
  using project = new CliProject('pipeline: study\nstages:\n  a: {run: "echo hi"}\n');
  project.write('pipe.config.yaml', 'device: cdua\n');
  const ended = await project.pipe('run', 'study');
  assert.equal(ended.code, 2);
  assert.match(ended.stderr, /pipe\.config\.yaml:1:9[\s\S]*did you mean cuda\?/);
});

test('what CUDA lacks is said part by part', () => {
  const bare: Machine = {
    read: () => undefined,
    libraries: new Set(),
    runtime: '/runtime',
    exists: () => false,
  };
  const said = (machine: Machine): readonly string[] =>
    cudaParts(machine).map(({name, isThere, detail}) => `${isThere ? '✓' : '·'} ${name}: ${detail}`);
  const none = said(bare);
  assert.match(none[0] ?? '', /· driver: no NVIDIA driver is loaded/);
  assert.match(none[1] ?? '', /· toolkit: libcudart\.so\.12, .*libcufft\.so\.11 not found/);
  assert.match(none[2] ?? '', /· cuDNN: libcudnn\.so\.9 not found/);
  assert.match(none[3] ?? '', /· provider: .* npm run cuda/);
  const version = 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 2024\n';
  const libraries = [
    'libcudart.so.12',
    'libcublas.so.12',
    'libcublasLt.so.12',
    'libcurand.so.10',
    'libcufft.so.11',
  ];
  const driven = {...bare, read: () => version};
  assert.match(
    said(driven)[0] ?? '',
    /· driver: NVIDIA 550\.54\.14 is loaded, but libcuda\.so\.1 is not found/,
  );
  const whole = {
    ...driven,
    libraries: new Set([...libraries, 'libcuda.so.1', 'libcudnn.so.9']),
    exists: (path: string) => path === '/runtime/libonnxruntime_providers_cuda.so',
  };
  assert.deepEqual(said(whole), [
    '✓ driver: NVIDIA 550.54.14',
    '✓ toolkit: CUDA 12',
    '✓ cuDNN: cuDNN 9',
    '✓ provider: libonnxruntime_providers_cuda.so',
  ]);
});
