// The documents stay true: every whole pipeline that a README shows is planned without a mistake, every part of a
// stage is read, and every key that the reader knows is in the manual.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {after, test} from 'node:test';
import {promisify} from 'node:util';
import {STAGE_KEYS} from '../src/spec/read-stage.ts';

const execute = promisify(execFile);
const root = resolve(import.meta.dirname, '..');
const project = mkdtempSync(join(tmpdir(), 'pipe-readme-'));
after(() => rmSync(project, {recursive: true, force: true}));
mkdirSync(join(project, 'pipelines'));
mkdirSync(join(project, 'stages'));
cpSync(join(root, 'package.json'), join(project, 'package.json'));

const blocksOf = (file: string, language: string): string[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(
    ([, found, text = '']) => (found === language ? [text] : []),
  );

async function plan(name: string, text: string): Promise<{code: number; said: string}> {
  writeFileSync(join(project, 'pipelines', `${name}.yaml`), text);
  const args = [join(root, 'dist/cli.js'), 'plan', `pipelines/${name}.yaml`, '--json'];
  try {
    const {stdout} = await execute(process.execPath, args, {
      cwd: project,
      // What an example declares has to be set.
      env: {...process.env, API_TOKEN: 'of-an-example', LEVEL: '1'},
    });
    return {code: 0, said: stdout};
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && typeof error.code === 'number')) throw error;
    return {code: error.code, said: String(Reflect.get(error, 'stdout'))};
  }
}

for (const file of ['README.md', 'pipelines/README.md']) {
  const whole = blocksOf(file, 'yaml').filter(text => /^stages:/m.test(text));
  test(`the pipelines of ${file} have no mistakes`, async () => {
    assert.ok(whole.length > 0);
    for (const [index, text] of whole.entries()) {
      const {code, said} = await plan(`example-${index}`, text);
      assert.equal(code, 10, `something would run:\n${said}`);
    }
  });
}

test('the parts of stages in the manual are read', async () => {
  const parts = blocksOf('pipelines/README.md', 'yaml').filter(text => text.startsWith('# part of a stage'));
  assert.ok(parts.length >= 4);
  const others = `
  preprocess: {run: "true"}
  train: {run: "true", out: {weights: w}, matrix: {fold: [0, 1]}}
  a: {run: "true", matrix: {fold: [0, 1]}}
  b: {run: "true", out: {table: t}}
  search: {run: "true", out: {cells: c.json}}
  best: {run: "true", out: {best: b.json}}
`;
  for (const [index, part] of parts.entries()) {
    const indented = part.replace(/^/gm, '    ').trimEnd();
    // The second line of `in` takes one instance of train, so the stage inherits its axis.
    const text = `pipeline: part\nparams: {seeds: [0]}\nstages:${others}  it:\n    run: "true"\n${indented}\n`;
    const {code, said} = await plan(`part-${index}`, text);
    assert.equal(code, 10, `${text}\n${said}`);
  }
});

test('the stage modules of the documents load', async () => {
  // A model of one's own, which README has as well, is no stage; test/stages/own-model.test.ts trains it.
  const modules = ['README.md', 'pipelines/README.md']
    .flatMap(file => blocksOf(file, 'ts'))
    .filter(text => text.includes('defineStage'));
  assert.ok(modules.length >= 2);
  mkdirSync(join(project, 'node_modules'), {recursive: true});
  cpSync(root, join(project, 'node_modules/pipe'), {
    recursive: true,
    filter: path => path === root || /(package\.json|[/]dist([/].*)?)$/.test(path),
  });
  cpSync(join(root, 'node_modules/zod'), join(project, 'node_modules/zod'), {recursive: true});
  for (const [index, text] of modules.entries()) {
    writeFileSync(join(project, 'stages', `module-${index}.ts`), text);
    const pipeline = `pipeline: m\nstages:\n  text: {run: "true"}\n  it: {uses: module-${index}, in: {text: text}}\n`;
    const {code, said} = await plan(`module-${index}`, pipeline);
    assert.equal(code, 10, said);
  }
});

test('the manual has every key of a stage', () => {
  const manual = readFileSync(join(root, 'pipelines/README.md'), 'utf8');
  for (const key of STAGE_KEYS) assert.match(manual, new RegExp(`^\\| \`${key}\``, 'm'), key);
});
