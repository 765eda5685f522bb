// Every study that is shipped runs whole at the size of its profile `smoke`: without a network, in seconds, twice.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {after, test} from 'node:test';
import {promisify} from 'node:util';

const execute = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const project = mkdtempSync(join(tmpdir(), 'pipe-studies-'));
after(() => rmSync(project, {recursive: true, force: true}));
cpSync(join(root, 'pipelines'), join(project, 'pipelines'), {
  recursive: true,
  filter: path => !path.endsWith('.lock.json'),
});

interface Answer {
  readonly code: number;
  readonly text: string;
}

async function pipe(...args: readonly string[]): Promise<Answer> {
  try {
    const {stdout, stderr} = await execute(process.execPath, [join(root, 'dist/cli.js'), ...args], {
      cwd: project,
      maxBuffer: 2 ** 26,
    });
    return {code: 0, text: stdout + stderr};
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && typeof error.code === 'number')) throw error;
    const texts = ['stdout', 'stderr'].map(name => String(Reflect.get(error, name) ?? ''));
    return {code: error.code, text: texts.join('')};
  }
}

const studies = readdirSync(join(root, 'pipelines'))
  // two-engines needs PyTorch, and has a test of its own.
  .filter(name => name.endsWith('.yaml') && name !== 'two-engines.yaml')
  .map(name => name.replace(/\.yaml$/, ''))
  .sort();

for (const study of studies) {
  test(`${study} runs from data to tables, and a second time from the cache`, {
    timeout: 600_000,
  }, async () => {
    const file = `pipelines/${study}.yaml`;
    const first = await pipe('run', file, '--profile', 'smoke');
    assert.equal(first.code, 0, first.text);
    const folder = join(project, 'results', `${study}-smoke`);
    const table = readFileSync(join(folder, 'table.md'), 'utf8');
    assert.match(table, /± /, 'seeds vary, so there is a spread');
    if (study !== 'mnist-search') {
      assert.match(table, /^\| .*optimizer .*test accuracy \(%\)/m);
      assert.match(table, /^\| .*sam .*± /m);
      assert.match(table, /pairs can never reach p < 0\.05/);
    }
    for (const name of ['table.csv', 'table.tex']) assert.ok(existsSync(join(folder, name)));
    const plan = await pipe('plan', file, '--profile', 'smoke');
    assert.equal(plan.code, 0, plan.text);
  });
}

test('the grid on MNIST can be run on the embedded digits by one setting', {timeout: 600_000}, async () => {
  const settings = ['epochs=1', 'grid_epochs=1', 'seeds=[0,1]', 'lrs=[0.1]', 'rhos=[0.05]', 'dataset=digits'];
  const {code, text} = await pipe(
    'run',
    'pipelines/mnist-grid.yaml',
    ...settings.flatMap(setting => ['--set', setting]),
  );
  assert.equal(code, 0, text);
  assert.match(text, /Published numbers for mnist are left out/);
});
