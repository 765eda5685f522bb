// What belongs to the code of a stage module, by the built command line: each edit here changes what the module would
// do, so it must run again; and what changes nothing must not run.

import assert from 'node:assert/strict';
import {mkdirSync, renameSync, rmSync, symlinkSync} from 'node:fs';
import {after, before, test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const FILE = 'pipelines/study.yaml';
const rig = new CliProject();

const manifest = (name: string, version: string, more: object = {}): string =>
  JSON.stringify({name, version, type: 'module', exports: './index.js', ...more});

const said = async (): Promise<unknown> => {
  const {ran, events} = await rig.execute(FILE);
  const finished = events.find(event => event.type === 'finished');
  assert.ok(finished?.type === 'finished' && 'result' in finished.outcome);
  return {ran, metrics: finished.outcome.result.metrics};
};

const cached = async (): Promise<void> => assert.deepEqual((await rig.execute(FILE)).ran, []);

before(async () => {
  rig.write('package.json', JSON.stringify({type: 'module', imports: {'#rate': './lib/rate-a.ts'}}));
  rig.write(FILE, 'pipeline: study\nstages:\n  work:\n    uses: ./stages/work.ts\n    with: {kind: one}\n');
  rig.write('lib/rate-a.ts', 'export const rate = 1;\n');
  rig.write('lib/rate-b.ts', 'export const rate = 2;\n');
  rig.write('stages/kinds/one.ts', 'export default 10;\n');
  rig.write('stages/kinds/two.ts', 'export default 20;\n');
  rig.write('stages/scale.js', 'export const scale = 100;\n');
  rig.write(
    'stages/work.ts',
    `import {defineStage, z} from 'pipe-ml/stage';
import {rate} from '#rate';
import {deep} from 'shallow';
import {linked} from 'linked';
import {scale} from './scale';
export default defineStage({
  about: '',
  params: z.object({kind: z.string()}),
  inputs: {},
  outputs: {},
  async run({params, metric}) {
    const {default: kind} = await import(\`./kinds/\${params.kind}.ts\`);
    metric('kind', kind);
    metric('rate', rate);
    metric('deep', deep);
    metric('linked', linked);
    metric('scale', scale);
  },
});
`,
  );
  rig.write('node_modules/shallow/package.json', manifest('shallow', '1.0.0', {dependencies: {deep: '*'}}));
  rig.write('node_modules/shallow/index.js', "export {deep} from 'deep';\n");
  rig.write('node_modules/deep/package.json', manifest('deep', '1.0.0'));
  rig.write('node_modules/deep/index.js', 'export const deep = 1;\n');
  rig.write('packages/linked/package.json', manifest('linked', '1.0.0'));
  rig.write('packages/linked/index.js', 'export const linked = 1;\n');
  symlinkSync('../packages/linked', rig.path('node_modules/linked'));
  assert.deepEqual(await said(), {
    ran: ['work'],
    metrics: {kind: 10, rate: 1, deep: 1, linked: 1, scale: 100},
  });
  await cached();
});
after(() => rig[Symbol.dispose]());

test('a file that a computed import can reach is part of the code, and so is a new one', async () => {
  rig.write('stages/kinds/one.ts', 'export default 11;\n');
  assert.deepEqual(await said(), {
    ran: ['work'],
    metrics: {kind: 11, rate: 1, deep: 1, linked: 1, scale: 100},
  });
  rig.write('stages/kinds/three.ts', 'export default 30;\n');
  assert.deepEqual((await rig.execute(FILE)).ran, ['work']);
  rig.edit(FILE, 'kind: one', 'kind: three');
  assert.deepEqual(await said(), {
    ran: ['work'],
    metrics: {kind: 30, rate: 1, deep: 1, linked: 1, scale: 100},
  });
  await cached();
});

test('the version of a package that an imported package needs is in the key', async () => {
  rig.write('node_modules/deep/index.js', 'export const deep = 2;\n');
  rig.write('node_modules/deep/package.json', manifest('deep', '1.1.0'));
  const {ran, events} = await rig.execute(FILE);
  assert.deepEqual(ran, ['work']);
  const started = events.find(event => event.type === 'started');
  assert.deepEqual(started?.type === 'started' && started.stale, {
    why: 'changed',
    changes: [{what: 'package', name: 'deep', before: '1.0.0', after: '1.1.0'}],
  });
  await cached();
});

test('a package that is found nearer than before is noticed by the record of the install', async () => {
  rig.write('node_modules/shallow/node_modules/deep/package.json', manifest('deep', '3.0.0'));
  rig.write('node_modules/shallow/node_modules/deep/index.js', 'export const deep = 3;\n');
  rig.write('node_modules/.package-lock.json', '{"lockfileVersion": 3}');
  assert.deepEqual((await rig.execute(FILE)).ran, ['work']);
  await cached();
});

test('the contents of a linked package count, as its version stays', async () => {
  rig.write('packages/linked/index.js', "export {linked} from './more.js';\n");
  rig.write('packages/linked/more.js', 'export const linked = 2;\n');
  assert.deepEqual((await rig.execute(FILE)).ran, ['work']);
  rig.write('packages/linked/more.js', 'export const linked = 3;\n');
  assert.deepEqual((await rig.execute(FILE)).ran, ['work']);
  await cached();
});

test('`imports` of package.json decides what a name means', async () => {
  rig.edit('package.json', 'rate-a', 'rate-b');
  assert.deepEqual((await rig.execute(FILE)).ran, ['work']);
  await cached();
});

test('a file that is found in the place of another is noticed', async () => {
  rig.write('stages/scale.ts', 'export const scale = 200;\n');
  assert.deepEqual((await rig.execute(FILE)).ran, ['work']);
  rmSync(rig.path('stages/scale.ts'));
  await cached();
});

test('a stage module that is renamed or moved is the same code', async () => {
  renameSync(rig.path('stages/work.ts'), rig.path('stages/labour.ts'));
  rig.edit(FILE, 'stages/work.ts', 'stages/labour.ts');
  await cached();
  mkdirSync(rig.path('stages/more'), {recursive: true});
  renameSync(rig.path('stages/labour.ts'), rig.path('stages/more/labour.ts'));
  rig.edit('stages/more/labour.ts', "'./scale'", "'../scale'");
  rig.edit(FILE, 'stages/labour.ts', 'stages/more/labour.ts');
  renameSync(rig.path('stages/kinds'), rig.path('stages/more/kinds'));
  await cached();
});
