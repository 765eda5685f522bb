// docs/python.md, followed word by word, and the project of `pipe init --python`.

import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {chmodSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {delimiter, join, resolve} from 'node:path';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {noPython} from './rig/python.ts';

const root = resolve(import.meta.dirname, '..');
const skip = noPython;

/** A shell in which `npx pipe` is the built command line. */
function shellIn(rig: CliProject): (command: string) => {code: number | null; text: string} {
  const bin = rig.path('bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'npx'),
    `#!/bin/sh\nshift\nexec "${process.execPath}" "${join(root, 'dist/cli.js')}" "$@"\n`,
  );
  chmodSync(join(bin, 'npx'), 0o755);
  return command => {
    const env = {...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, NO_COLOR: '1', CI: '1'};
    const ended = spawnSync('bash', ['-c', command], {cwd: rig.folder, env, encoding: 'utf8'});
    return {code: ended.status, text: ended.stdout + ended.stderr};
  };
}

test('every file and every command of docs/python.md works as written', {skip}, () => {
  using rig = new CliProject();
  const text = readFileSync(join(root, 'docs/python.md'), 'utf8');
  for (const [, path = '', body = ''] of text.matchAll(/<!-- file: (\S+) -->\n```\w+\n([\s\S]*?)```/g))
    rig.write(path, body);
  const sh = shellIn(rig);
  assert.equal(sh('python3 train.py').code, 0, 'the script as it was');
  const commands = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, body = '']) =>
    body.trim().split('\n'),
  );
  const said = commands.map(command => {
    const {code, text} = sh(command);
    // `plan` ends in 10 where something would run.
    assert.equal(code, command.startsWith('npx pipe plan') ? 10 : 0, `${command}\n${text}`);
    return text;
  });
  const of = (start: string, nth = 0): string =>
    said[commands.flatMap((command, at) => (command.startsWith(start) ? [at] : []))[nth] ?? -1] ?? '';
  assert.match(of('npx pipe run study', 0), /8 executed/);
  assert.match(of('cat'), /\| lr \| loss \| SD \|\n\|--:\|--:\|--:\|\n\| 0\.01 \|/);
  assert.match(of('npx pipe run study', 1), /nothing to do: 8 cached/);
  assert.match(of('npx pipe run study --set'), /3 executed/);
  assert.match(of('npx pipe why'), /model\.py changed \(imported by stages\/train\.py\)/);
  assert.match(of('npx pipe show'), /imports\s+model\.py/);
  assert.match(of('npx pipe stages'), /lr[\s\S]*seed/);
});

test('pipe init --python writes a study that runs', {skip}, async () => {
  using rig = new CliProject();
  const made = await rig.pipe('init', '--python', 'study');
  assert.equal(made.code, 0, made.stderr);
  const sh = shellIn(rig);
  const {code, text} = sh('cd study && npx pipe run digits --profile quick');
  assert.equal(code, 0, text);
  assert.match(text, /6 executed/);
  const table = rig.read('study/results/digits-quick/table.md').trim().split('\n');
  assert.equal(table.length, 6);
  assert.match(table[0] ?? '', /^\| lr \| momentum \| runs \| accuracy \| SD \|$/);
  const wrong = sh(
    "cd study && sed -i 's/epochs: 30/epoch: 30/' pipelines/digits.yaml && npx pipe run digits",
  );
  assert.equal(wrong.code, 2);
  assert.match(wrong.text, /did you mean epochs\?/);
  const schema = JSON.parse(rig.read('study/pipelines/pipeline.schema.json')) as {
    $defs: Record<string, unknown>;
  };
  assert.match(JSON.stringify(schema.$defs['with-fit']), /how far a step goes/);
});
