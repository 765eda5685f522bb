// `pipe stages` says what each stage module takes and makes; the page of the manual is what it says.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {promisify} from 'node:util';
import {CliProject, cli, packageRoot} from './rig/cli-project.ts';

const execute = promisify(execFile);

test('docs/stages.md is what the declarations say', async () => {
  const {stdout} = await execute(process.execPath, [cli, 'stages', '--markdown'], {cwd: packageRoot});
  assert.equal(readFileSync(join(packageRoot, 'docs/stages.md'), 'utf8'), stdout, 'run: npm run docs');
});

test('every input and output of a built-in stage says what it holds', async () => {
  const {stdout} = await execute(process.execPath, [cli, 'stages', '--json'], {cwd: packageRoot});
  type Port = {readonly name: string; readonly holds: string};
  const stages = JSON.parse(stdout) as Array<{uses: string; inputs: Port[]; outputs: Port[]}>;
  const silent = stages.flatMap(({uses, inputs, outputs}) =>
    [...inputs, ...outputs].filter(({holds}) => holds === '').map(({name}) => `${uses}: ${name}`),
  );
  assert.deepEqual(silent, []);
});

test("one's own stage is told like the built-in ones, and a misspelt one is answered", async () => {
  using project = new CliProject();
  project.write(
    'stages/count.ts',
    `import {defineStage, z} from 'pipe-ml/stage';
export default defineStage({
  about: 'Counts.',
  params: z.object({step: z.number().int().positive().describe('how far'), unit: z.enum(['m', 'ft']).default('m')}),
  inputs: {text: 'one', others: 'each'},
  outputs: {count: 'file'},
  holds: {count: 'a number'},
  run() {},
});
`,
  );
  const told = await project.expect(0, 'stages', 'count');
  assert.match(told, /step +whole number > 0 +required +how far/);
  assert.match(told, /unit +m \| ft +m\n/);
  assert.match(told, /count +file count +a number/);
  assert.match(
    told,
    /uses: count\n +in: \{text: STAGE, others: \{each: STAGE\}\}\n +with: \{step: whole number > 0\}/,
  );
  const ended = await project.pipe('stages', 'cuont');
  assert.equal(ended.code, 2);
  assert.match(ended.stderr, /did you mean count\?/);
});
