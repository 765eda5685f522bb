// Reading what stage modules declare: their top level runs in a process of its own, with a limit and without the
// user's environment, and only when the code is new.

import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {DeclarationReader} from '../src/exec/declaration-reader.ts';
import {processesWith} from '../src/exec/process-group.ts';
import {describeDefinition, reviveDeclaration} from '../src/stage/declaration.ts';
import {defineStage, z} from '../src/stage/define.ts';
import {CliProject} from './rig/cli-project.ts';

const PIPELINE = 'pipeline: study\nstages:\n  work:\n    uses: ./work.ts\n';
const moduleOf = (top: string, params = 'z.object({})'): string =>
  `import {appendFileSync} from 'node:fs';\nimport {defineStage, z} from 'pipe-ml/stage';\n${top}\n` +
  `export default defineStage({about: '', params: ${params}, inputs: {}, outputs: {}, run() {}});\n`;

test('the top level of a stage module runs once per state of the code, without the environment and the words', async () => {
  using project = new CliProject(PIPELINE);
  const seen = project.path('seen.txt');
  const top = `console.log('said at load'); appendFileSync(${JSON.stringify(seen)}, String(process.env.TOKEN) + '\\n');`;
  project.write('work.ts', moduleOf(top));
  const env = {TOKEN: 'secret'};
  const said = await project.start(['plan', 'study'], {env}).ended;
  assert.equal(said.code, 10, said.stderr);
  assert.doesNotMatch(said.stdout + said.stderr, /said at load/);
  await project.start(['plan', 'study', '--set', 'x=1'], {env}).ended;
  project.edit('pipelines/study.yaml', 'uses', '# a comment\n    uses');
  await project.start(['plan', 'study'], {env}).ended;
  await project.start(['__complete', 'bash', '', 'pipe run study '], {env}).ended;
  assert.equal(readFileSync(seen, 'utf8'), 'undefined\n');
});

test('a module that ends, hangs or never settles while it loads is answered, and takes nobody along', async () => {
  using project = new CliProject(PIPELINE);
  const cases: ReadonlyArray<readonly [string, RegExp]> = [
    ['process.exit(0);', /ends its process while it is loaded \(exit code 0\)/],
    ['await new Promise(() => {});', /never ends loading: a top-level await/],
    ["throw new Error('no GPU here');", /fails while it is loaded: no GPU here/],
    ["process.kill(process.pid, 'SIGKILL');", /ends its process while it is loaded \(SIGKILL\)/],
  ];
  for (const [top, message] of cases) {
    project.write('work.ts', moduleOf(top));
    const {code, stderr} = await project.pipe('plan', 'study');
    assert.equal(code, 2, `${top}: ${stderr}`);
    assert.match(stderr, message);
    assert.match(stderr, /study\.yaml:4:11/);
  }
});

test('an endless loop is stopped after the limit, and the next module is read', async () => {
  using project = new CliProject();
  const mark = project.folder;
  const options = {cwd: project.folder, env: {...process.env, TMPDIR: mark}, limitMs: 300};
  const slow = new DeclarationReader({...options, entry: join(project.folder, 'loop.mjs')});
  // The entry stands for a process that is busy when its module loads.
  writeFileSync(join(project.folder, 'loop.mjs'), "process.on('message', () => { for (;;); });");
  assert.deepEqual(await slow.declare('/nowhere.mjs'), {
    ok: false,
    error: {reason: 'timed-out', afterMs: 300},
  });
  assert.deepEqual(processesWith('TMPDIR', mark), []);
  const reader = new DeclarationReader({...options, limitMs: 60_000});
  project.write('exits.mjs', 'process.exit(3);');
  project.write(
    'well.mjs',
    "export default {about: 'well', params: {type: 'object'}, inputs: {}, outputs: {}};",
  );
  assert.deepEqual(await reader.declare(project.path('exits.mjs')), {
    ok: false,
    error: {reason: 'exited', code: 3, signal: null},
  });
  const read = await reader.declare(project.path('well.mjs'));
  assert.deepEqual(read, {ok: false, error: {reason: 'unfit', problem: '`params` to be z.object({…})'}});
});

test('what a schema alone cannot say is judged by the module itself, and the answer is kept', async () => {
  using project = new CliProject(`${PIPELINE}    with: {low: 3, high: 2, tag: ' A '}\n`);
  const params = `z.object({low: z.number(), high: z.number(), tag: z.string().transform(text => text.trim())})
    .refine(({low, high}) => low < high, {message: 'expected low below high', path: ['low']})`;
  project.write('work.ts', moduleOf('', params));
  const refused = await project.pipe('plan', 'study');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /expected low below high[\s\S]*study\.yaml:5:17/);
  project.edit('pipelines/study.yaml', 'low: 3', 'low: 1');
  assert.match(await project.expect(10, 'plan', 'study'), /work/);
  await project.expect(0, 'run', 'study');
  const shown: {readonly params: unknown} = JSON.parse(
    await project.expect(0, 'show', 'study', 'work', '--json'),
  );
  assert.deepEqual(shown.params, {high: 2, low: 1, tag: 'A'});
});

test('a declaration as data gives the same answers as the definition', () => {
  const definition = defineStage({
    about: 'About.',
    params: z.object({
      lr: z.number().positive().max(1).default(0.1).describe('step size'),
      hidden: z.array(z.number().int().positive()).min(1).default([64]),
      kind: z.enum(['a', 'b']).optional(),
      limit: z
        .union([z.number(), z.literal('auto')])
        .nullable()
        .default(null),
      more: z.object({deep: z.boolean().default(true)}).optional(),
      by: z.record(z.string(), z.number()).optional(),
    }),
    inputs: {data: 'one'},
    outputs: {x: {kind: 'file', name: 'x.txt'}},
    usesDevice: true,
    run() {},
  });
  const data = describeDefinition(definition);
  assert.ok(data.ok && data.value.isExact);
  const declaration = reviveDeclaration(JSON.parse(JSON.stringify(data.value)));
  assert.ok(declaration);
  const {params: _own, run: _run, ...rest} = definition;
  const {params: _revived, ...other} = declaration;
  assert.deepEqual(other, rest);
  assert.deepEqual(Object.keys(declaration.params.shape), Object.keys(definition.params.shape));
  const given: unknown[] = [
    {},
    {lr: 0.5, hidden: [1, 2], kind: 'b', limit: 'auto', more: {}, by: {x: 1}},
    {lr: 2, hidden: [], kind: 'c', limit: 'x', more: {deep: 1}, by: {x: 'y'}},
    {lr: '1', hidden: [0.5, -1], more: 3},
  ];
  for (const each of given) {
    const a = definition.params.safeParse(each);
    const b = declaration.params.safeParse(each);
    assert.deepEqual(b.data, a.data);
    const shown = (issues: readonly z.core.$ZodIssue[] = []) => issues.map(({path, code}) => [path, code]);
    assert.deepEqual(shown(b.error?.issues), shown(a.error?.issues));
  }
  for (const inexact of [
    z.object({x: z.string().trim()}),
    z.object({x: z.number().refine(x => x > 1)}),
    z.object({x: z.coerce.number()}),
    z.object({x: z.email()}),
    z.object({x: z.number()}).refine(() => true),
    z.object({x: z.number().catch(1)}),
  ]) {
    const described = describeDefinition({...definition, params: inexact});
    assert.ok(described.ok && !described.value.isExact);
  }
});
