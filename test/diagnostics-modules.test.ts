// Mistakes in stage modules and in bytes, by the command line: what only real files can be wrong about.

import assert from 'node:assert/strict';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const declared = (parts: string): string =>
  `import {defineStage, z} from 'pipe-ml/stage';\nexport default defineStage({${parts}});\n`;
const whole = "about: '', params: z.object({}), inputs: {}, outputs: {}, run() {}";

const MODULES: Readonly<Record<string, string>> = {
  'no default export': "export const stage = 'here';\n",
  'a function as default export': 'export default function train() {}\n',
  'a throw while it loads': `throw new Error('no GPU here');\n${declared(whole)}`,
  'an import that is not there': `import './nowhere.ts';\n${declared(whole)}`,
  'a package that is not installed': `import 'no-such-package-here';\n${declared(whole)}`,
  'a syntax error': 'export default defineStage({about: \n',
  'parameters that are no object': declared(
    "about: '', params: z.string(), inputs: {}, outputs: {}, run() {}",
  ),
  'an arity that is none': declared(
    "about: '', params: z.object({}), inputs: {data: 'many'}, outputs: {}, run() {}",
  ),
  'no work': declared("about: '', params: z.object({}), inputs: {}, outputs: {}"),
  'an output outside its folder': declared(
    "about: '', params: z.object({}), inputs: {}, outputs: {x: {kind: 'file', name: '../x'}}, run() {}",
  ),
  'outputs that overlap': declared(
    "about: '', params: z.object({}), inputs: {}, outputs: {a: {kind: 'folder', name: 'x'}, b: {kind: 'file', name: 'x/y'}}, run() {}",
  ),
  'a parameter that is no JSON': declared(
    "about: '', params: z.object({since: z.string().default('2020').transform(text => new Date(text))}), inputs: {}, outputs: {}, run() {}",
  ),
};

test('a stage module that is none is a mistake at the place that uses it', async () => {
  const said: string[] = [];
  for (const [name, text] of Object.entries(MODULES)) {
    using project = new CliProject('pipeline: study\nstages:\n  work:\n    uses: ./work.ts\n');
    project.write('work.ts', text);
    const {code, stdout, stderr} = await project.pipe('plan', 'study');
    assert.equal(code, 2, `${name}: ${stdout}${stderr}`);
    assert.match(stderr, /pipelines\/study\.yaml:4:11/, name);
    said.push(`## ${name}\n${stderr.replaceAll(project.folder, 'PROJECT').trimEnd()}\n`);
  }
  const file = join(import.meta.dirname, 'fixtures/module-mistakes.txt');
  if (process.env.UPDATE_SNAPSHOTS === '1') writeFileSync(file, said.join('\n'));
  assert.equal(
    said.join('\n'),
    existsSync(file) ? readFileSync(file, 'utf8') : '',
    'UPDATE_SNAPSHOTS=1 rewrites it',
  );
});

test('a file in another encoding is a mistake, and no byte of it reaches the terminal', async () => {
  using project = new CliProject('');
  for (const [bytes, message] of [
    [Buffer.from('\ufeffpipeline: study\nstages: {}\n', 'utf16le'), /expected text in UTF-8/],
    [Buffer.from('pipeline: study\nabout: Stra\xdfe\n', 'latin1'), /study\.yaml:2:12/],
    [Buffer.from('pipeline: study\nabout: "\x1b]0;title\x07"\n'), /control character U\+001B/],
  ] as const) {
    writeFileSync(join(project.folder, 'pipelines/study.yaml'), bytes);
    const {code, stderr} = await project.pipe('plan', 'study');
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.ok(!stderr.includes('\x1b'));
  }
});

test('an axis whose name is nearly that of a required parameter is told, and nothing that follows from it', async () => {
  using project = new CliProject(
    'pipeline: study\nstages:\n' +
      '  throw: {uses: ./stages/throw.ts, matrix: {dart: [1, 2]}}\n' +
      '  all: {run: "true", in: {runs: {each: throw}}}\n',
  );
  project.write(
    'stages/throw.ts',
    declared("about: '', params: z.object({darts: z.number()}), inputs: {}, outputs: {}, run() {}"),
  );
  const {code, stderr} = await project.pipe('plan', 'study');
  assert.equal(code, 2);
  assert.match(stderr, /study\.yaml:3:45[\s\S]*did you mean darts\?/);
  assert.equal(stderr.match(/^error/gm)?.length, 1, stderr);
});
