// Runs the WebGPU suite in a process of its own, because drivers are looked for when a process starts. On a machine
// without a GPU it uses SwiftShader, a software driver in Debian's package chromium-common. Skipped without either.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';

const chromium = '/usr/lib/chromium';
const software = join(chromium, 'vk_swiftshader_icd.json');
const suite = fileURLToPath(new URL('./webgpu-suite.ts', import.meta.url));

/** The environment of the suite: without the one of the runner that runs this test. */
function environment(): NodeJS.ProcessEnv {
  const {NODE_TEST_CONTEXT: _, ...env} = process.env;
  if (!existsSync(software) || existsSync('/dev/dri') || env.VK_ICD_FILENAMES !== undefined) return env;
  const path = [chromium, env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  return {...env, VK_ICD_FILENAMES: software, LD_LIBRARY_PATH: path};
}

test('the engine on WebGPU gives what TF.js gives', async t => {
  const {code, output} = await new Promise<{code: unknown; output: string}>(resolve => {
    const options = {env: environment(), timeout: 180_000};
    const given = ['--import', 'tsx', '--test', '--test-reporter=tap', suite];
    execFile(process.execPath, given, options, (error, stdout, stderr) =>
      resolve({code: error === null ? 0 : (error.code ?? error.signal), output: stdout + stderr}),
    );
  });
  assert.equal(code, 0, output);
  const reason = /# SKIP (.*)/.exec(output)?.[1];
  if (reason !== undefined) t.skip(reason);
  else assert.match(output, /^# pass 3$/m);
});
