// Mistakes, as their author meets them: exit code 2, every one with its place, what was expected, and how to mend it.

import assert from 'node:assert/strict';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const PIPELINE = `pipeline: study
params: {seeds: [1, 2]}
profiles:
  quick: {seeds: [1]}
stages:
  work:
    run: echo "$seed" > "$out/a.txt"
    matrix: {seed: "\${seeds}"}
    out: {a: a.txt}
  gather:
    run: cat "$in_all"/*.txt > "$out/b.txt"
    in: {all: {each: work.a}}
    out: {b: b.txt}
`;

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  /** The pipeline, where it is another one than usual. */
  readonly pipeline?: string;
}

const CASES: readonly Case[] = [
  {name: 'a command that is misspelled', args: ['rnu']},
  {name: 'an option that is misspelled', args: ['run', 'study', '--forse']},
  {name: 'an option without its value', args: ['run', 'study', '--set']},
  {name: 'a number of jobs that is none', args: ['run', 'study', '--jobs', 'many']},
  {name: 'a device that is unknown', args: ['run', 'study', '--device', 'gpu']},
  {name: 'a shell that is unknown', args: ['completion', 'tcsh']},
  {name: 'two options that exclude each other', args: ['run', 'study', '--fail-fast', '--keep-going']},
  {name: 'a file that is not there', args: ['run', 'pipelines/studdy.yaml']},
  {name: 'a target that is unknown', args: ['run', 'study', 'wrok']},
  {name: 'an axis that is unknown', args: ['run', 'study', 'work[sede=1]']},
  {name: 'a value that the axis does not have', args: ['run', 'study', 'work[seed=9]']},
  {name: 'a selector that is not closed', args: ['run', 'study', '--from', 'work[seed=1']},
  {name: 'a parameter that is unknown', args: ['run', 'study', '--set', 'sedes=[1]']},
  {name: 'a profile that is unknown', args: ['run', 'study', '--profile', 'quik']},
  {name: 'a mirror that is not there', args: ['run', 'study', '--mirror', 'nowhere']},
  {
    name: 'two mistakes in the file at once',
    args: ['plan', 'study'],
    pipeline: PIPELINE.replace('each: work.a', 'each: wrok.a').replace('matrix:', 'matrx:'),
  },
  {name: 'a run that is unknown', args: ['diff', 'x1', 'x2']},
  {name: 'several instances where one is meant', args: ['get', 'study', 'work']},
  {name: 'nothing to reproduce', args: ['reproduce', 'study']},
  {name: 'a tolerance that is no share', args: ['reproduce', 'study', '--tolerance', '5%']},
  {name: 'a size that is none', args: ['gc', '--max-size', 'small']},
];

const file = join(import.meta.dirname, 'fixtures', 'cli-mistakes.txt');

test('every mistake ends with 2 and is said as it should be', async () => {
  const said: string[] = [];
  for (const {name, args, pipeline} of CASES) {
    using project = new CliProject(pipeline ?? PIPELINE);
    const {code, stdout, stderr} = await project.pipe(...args);
    assert.equal(code, 2, `${name}: ${stdout}${stderr}`);
    assert.equal(stdout, '', name);
    const shown = stderr.replaceAll(project.folder, 'PROJECT').trimEnd();
    said.push(`## ${name}\n$ pipe ${args.join(' ')}\n${shown}\n`);
  }
  const text = said.join('\n');
  if (process.env.UPDATE_SNAPSHOTS === '1') writeFileSync(file, text);
  assert.equal(text, existsSync(file) ? readFileSync(file, 'utf8') : '', 'UPDATE_SNAPSHOTS=1 rewrites it');
});

test('a declaration that is none is a mistake at the place that uses it', async () => {
  using project = new CliProject('pipeline: study\nstages:\n  work:\n    uses: ./work.ts\n');
  const module = (outputs: string): string =>
    `import {defineStage, z} from 'pipe-ml/stage';
     export default defineStage({about: '', params: z.object({}), inputs: {}, outputs: ${outputs}, run() {}});`;
  project.write('work.ts', module("{part: {kind: 'file', path: 'a.txt'}}"));
  const {code, stderr} = await project.pipe('plan', 'study');
  assert.equal(code, 2);
  assert.match(stderr, /expected 'file', 'folder' or {kind, name} for `outputs\.part`, got/);
  assert.match(stderr, /pipelines\/study\.yaml:4:11/);
  project.write('work.ts', module("{part: 'file'"));
  const broken = await project.pipe('plan', 'study');
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /work\.ts:2:/, 'the place in the module');
});

test('with --json a mistake is one event on standard output', async () => {
  using project = new CliProject(PIPELINE);
  const {code, stdout, stderr} = await project.pipe('run', 'study', 'wrok', '--json');
  assert.equal(code, 2);
  assert.equal(stderr, '');
  const event = JSON.parse(stdout);
  assert.equal(event.type, 'diagnosed');
  assert.match(event.diagnostics[0].hint, /work/);
});

test('nothing at all gives the help; every command has one with examples', async () => {
  using project = new CliProject(PIPELINE);
  const help = await project.expect(0);
  const commands = [...help.matchAll(/^ {2}([a-z]+)\b.* {2,}/gm)].map(([, name]) => name ?? '');
  assert.ok(commands.includes('reproduce') && commands.includes('run'), help);
  for (const command of commands.filter(name => name !== 'help')) {
    assert.match(await project.expect(0, command, '--help'), /Examples:\n {2}\$ /, command);
  }
  assert.match(await project.expect(0, '--version'), /^\d+\.\d+\.\d+\n$/);
});

test('what the machine refuses is said in one line, and is no bug of pipe', async () => {
  using project = new CliProject(PIPELINE);
  project.write('cache', 'a file where the store should be a folder\n');
  const {code, stderr} = await project.pipe('run', 'study');
  assert.equal(code, 2);
  assert.match(stderr, /^error\[machine\]: .*cache.*: a file is where a folder should be; move it away\n$/);
});
