// What goes wrong in a stage module, as its author sees it: places in the sources, whatever the bundle looks like.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const PIPELINE = 'pipeline: study\nstages:\n  work:\n    uses: ./stages/work.ts\n';
const moduleOf = (top: string, body: string): string =>
  `import {defineStage, z} from 'pipe-ml/stage';\n${top}\nexport default defineStage({\n  about: '',\n  params: z.object({}),\n` +
  `  inputs: {},\n  outputs: {},\n  async run({metric, log}) {\n${body}\n  },\n});\n`;

test('a stack trace names files, lines and columns of the sources, in modules that are loaded late as well', async () => {
  using project = new CliProject(PIPELINE);
  project.write(
    'lib/late.ts',
    '// A comment that the bundle does not have.\n\nexport function fail(reason: string): never {\n  throw new Error(reason);\n}\n',
  );
  project.write(
    'stages/work.ts',
    moduleOf('', "    const {fail} = await import('../lib/late.ts');\n    fail('no luck');"),
  );
  const {code, stderr, stdout} = await project.pipe('run', 'study');
  assert.equal(code, 1);
  const said = stdout + stderr;
  assert.match(said, /no luck/);
  assert.match(said, /at fail \(lib\/late\.ts:4:9\)/);
  assert.match(said, /stages\/work\.ts:10:5/);
  assert.doesNotMatch(said, /chunk-|cache\/code|worker\.js/);
});

test('a rejection that nobody handles names the stage and the place', async () => {
  using project = new CliProject(PIPELINE);
  project.write(
    'stages/work.ts',
    moduleOf('', "    void Promise.reject(new Error('nobody cares'));\n    await new Promise(() => {});"),
  );
  const {code, stderr, stdout} = await project.pipe('run', 'study');
  assert.equal(code, 1);
  assert.match(stdout + stderr, /work[\s\S]*nobody cares[\s\S]*stages\/work\.ts:9:25/);
});

test('what cannot be followed is said once, when the code is new', async () => {
  using project = new CliProject(PIPELINE);
  project.write(
    'stages/work.ts',
    moduleOf('const name = () => String(process.pid);', '    if (log.length > 9) await import(name());'),
  );
  const first = await project.pipe('plan', 'study');
  assert.match(
    first.stderr,
    /note: stages\/work\.ts:9:\d+: this import cannot be followed.*list what it loads/,
  );
  const second = await project.pipe('plan', 'study');
  assert.doesNotMatch(second.stderr, /cannot be followed/);
});

test('a metric that is not finite is a result, and is shown', async () => {
  using project = new CliProject(
    `${PIPELINE}  after:\n    run: cat "$in_runs/index.json" > "$out_x"\n    in: {runs: {each: work}}\n    out: {x: x.json}\n`,
  );
  project.write('stages/work.ts', moduleOf('', "    metric('loss', NaN);\n    metric('low', -Infinity);"));
  await project.expect(0, 'run', 'study');
  assert.match(await project.expect(0, 'show', 'study', 'work'), /loss +NaN[\s\S]*low +-Infinity/);
  const shown: {readonly metrics: unknown} = JSON.parse(
    await project.expect(0, 'show', 'study', 'work', '--json'),
  );
  assert.deepEqual(shown.metrics, {loss: 'NaN', low: '-Infinity'});
  assert.match(project.read('pipelines/study.lock.json'), /"loss":"NaN"/);
  assert.match(await project.expect(0, 'run', 'study'), /cached/);
});

test('a mistake of the user is not tried again', async () => {
  using project = new CliProject(`${PIPELINE}    retries: {times: 3, backoff: 1s}\n`);
  project.write(
    'stages/work.ts',
    moduleOf(
      "import {StageError} from 'pipe-ml/stage';",
      "    throw new StageError('a corrupt file', 'get another');",
    ),
  );
  const {code, stderr, stdout} = await project.pipe('run', 'study', '--json');
  assert.equal(code, 1, stderr);
  assert.doesNotMatch(stdout, /"retrying"/);
});
