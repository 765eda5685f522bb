// What `npm pack` makes installs in an empty folder and works there: init, run, a stage module of the user's own.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {after, test} from 'node:test';
import {promisify} from 'node:util';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const base = mkdtempSync(join(tmpdir(), 'pipe-pack-'));
after(() => rmSync(base, {recursive: true, force: true}));

test('the packed package installs elsewhere, starts a project and runs it', {timeout: 300_000}, async () => {
  // npm before 11.19 runs install scripts unless it is told: see README, "In a project of your own".
  const {ONNXRUNTIME_NODE_INSTALL: _, ...inherited} = process.env;
  const env = {...inherited, npm_config_onnxruntime_node_install: 'skip'};
  // The build is there already (npm test makes it); packing must not clean it away under other tests.
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', base], {cwd: root, env});
  const [archive] = readdirSync(base).filter(name => name.endsWith('.tgz'));
  assert.ok(archive, 'npm pack wrote an archive');

  // As a newcomer does: the package writes a project that depends on the archive that it came from.
  await run('npx', ['--yes', `--package=${join(base, archive)}`, 'pipe', 'init', 'project'], {
    cwd: base,
    env,
  });
  const project = join(base, 'project');
  await run('npm', ['install', '--no-audit', '--no-fund'], {cwd: project, env});

  const pipe = (...args: string[]) => run('npx', ['--no-install', 'pipe', ...args], {cwd: project, env});
  await pipe('run', 'hello');
  assert.match(readFileSync(join(project, 'results/hello/table.md'), 'utf8'), /\| darts \| seed \|/);
  await pipe('run', 'pipelines/quickstart.yaml');
  const {stdout: plan} = await pipe('plan', 'pipelines/quickstart.yaml');
  assert.match(plan, /nothing to (do|run)/i);

  mkdirSync(join(project, 'stages'), {recursive: true});
  writeFileSync(
    join(project, 'stages/greet.ts'),
    `import {writeFileSync} from 'node:fs';
import {defineStage, z} from 'pipe-ml/stage';
export default defineStage({
  about: 'Writes a greeting.',
  params: z.object({name: z.string().default('world')}),
  inputs: {},
  outputs: {greeting: 'file'},
  run({params, outputs}) {
    writeFileSync(outputs.greeting, \`hello \${params.name}\`);
  },
});
`,
  );
  writeFileSync(
    join(project, 'pipelines/own.yaml'),
    'pipeline: own\nstages:\n  greet:\n    uses: greet\n    publish: results/own\n',
  );
  await pipe('run', 'pipelines/own.yaml');
  assert.ok(existsSync(join(project, 'results/own/greeting')));
});
