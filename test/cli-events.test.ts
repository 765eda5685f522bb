// What `--json` writes, against the schema that is published: every line, whatever happens in the run.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {Ajv2020} from 'ajv/dist/2020.js';
import {eventJsonSchema} from '../src/report/event-schema.ts';
import {CliProject, packageRoot} from './rig/cli-project.ts';

const published: object = JSON.parse(readFileSync(join(packageRoot, 'docs/events.schema.json'), 'utf8'));
const validate = new Ajv2020({strict: false}).compile(published);

interface Line {
  readonly type: string;
  readonly [key: string]: unknown;
}

function linesOf(stdout: string): Line[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((text): Line => {
      const line: Line = JSON.parse(text);
      const isValid: boolean = validate(line);
      assert.ok(isValid, `${JSON.stringify(validate.errors)}\n${text}`);
      return line;
    });
}

const typesOf = (lines: readonly Line[]): Set<string> => new Set(lines.map(({type}) => type));

const STUDY = `
pipeline: study
stages:
  cells:
    run: echo '[{"x":1},{"x":2}]' > "$out/cells.json"
    out: {cells: cells.json}
  work:
    uses: ./work.ts
    matrix: {from: cells.cells}
    publish: results
  flaky:
    run: exit 4
    retries: {times: 1, backoff: 0.01s}
  below:
    run: 'true'
    in: {flaky: flaky}
`;

const WORK = `
import {defineStage, z} from 'pipe-ml/stage';
export default defineStage({
  about: 'Works.',
  params: z.object({x: z.number()}),
  inputs: {},
  outputs: {part: 'file'},
  async run({params, outputs, metric, progress}) {
    const {writeFile} = await import('node:fs/promises');
    console.log('working');
    progress({done: 1, total: 2, unit: 'step', detail: 'half'});
    await writeFile(outputs.part, String(params.x));
    metric('x', params.x);
  },
});
`;

test('the published schema is the one of this build', () => {
  assert.deepEqual(
    published,
    JSON.parse(JSON.stringify(eventJsonSchema())),
    'pipe schema --events writes it',
  );
});

test('a run of all kinds of events, then one from the cache', async () => {
  using project = new CliProject(STUDY);
  project.write('work.ts', WORK);
  const first = await project.pipe('run', 'study', '--json');
  assert.equal(first.code, 1, first.stderr);
  const lines = linesOf(first.stdout);
  const types = typesOf(lines);
  for (const type of ['planned', 'expanded', 'started', 'log', 'finished', 'retrying', 'run-finished']) {
    assert.ok(types.has(type), `${type} among ${[...types]}`);
  }
  const statuses = lines.flatMap(line => (line.type === 'finished' ? [JSON.stringify(line.outcome)] : []));
  for (const status of ['executed', 'failed', 'skipped']) {
    assert.ok(
      statuses.some(text => text.includes(`"status":"${status}"`)),
      status,
    );
  }
  assert.equal(first.stderr, '');
  const again = await project.pipe('run', 'study', 'work', '--json', '--replay');
  assert.equal(again.code, 0, again.stderr);
  const types2 = typesOf(linesOf(again.stdout));
  assert.ok(types2.has('replayed'), [...types2].join());
});

test('mistakes and reproductions are lines of the same schema', async () => {
  using project = new CliProject(STUDY.replace('exit 4', 'exit 0'));
  project.write('work.ts', WORK);
  const ran = await project.pipe('run', 'study', '--json');
  assert.equal(ran.code, 0, ran.stdout);
  const wrong = await project.pipe('run', 'study', 'nothing', '--json');
  assert.deepEqual([...typesOf(linesOf(wrong.stdout))], ['diagnosed']);
  const reproduced = await project.pipe('reproduce', 'study', '--json');
  assert.equal(reproduced.code, 0, reproduced.stdout);
  assert.equal(linesOf(reproduced.stdout).at(-1)?.type, 'compared');
});
