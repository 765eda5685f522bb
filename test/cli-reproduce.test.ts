// `pipe reproduce`: bit-equal, within tolerance, different; the project itself stays as it was.

import assert from 'node:assert/strict';
import {readdirSync, rmSync} from 'node:fs';
import {test} from 'node:test';
import type {ActionResult, Fingerprint} from '../src/action/action.ts';
import {compareWithLock, type Verdict} from '../src/cli/reproduction.ts';
import type {Digest} from '../src/core/digest.ts';
import type {InstanceId, Plan} from '../src/plan/plan.ts';
import type {LockEntry} from '../src/store/ledger/lock-file.ts';
import {CliProject} from './rig/cli-project.ts';

/** A stage whose numbers come from a file that the key does not know: another machine, in one line. */
const STUDY = `
pipeline: study
stages:
  measure:
    sandbox: project
    run: |
      echo "{\\"score\\": $(cat "$PWD/machine.txt")}" > "$metrics"
      cp "$PWD/machine.txt" "$out/raw.bin"
    out: {raw: raw.bin}
  table:
    run: |
      printf '| score |\\n| --: |\\n| %s |\\n' "$(cat "$in_raw")" > "$out/table.md"
    in: {raw: measure.raw}
    out: {table: table.md}
    publish: results
`;

async function ranStudy(): Promise<CliProject> {
  const project = new CliProject(STUDY);
  project.write('machine.txt', '0.9');
  await project.expect(0, 'run', 'study');
  return project;
}

test('the same again is bit-equal, and nothing of the project is touched', async () => {
  using project = await ranStudy();
  const before = [project.read('pipelines/study.lock.json'), readdirSync(project.path('cache/runs')).length];
  rmSync(project.path('results'), {recursive: true});
  assert.match(await project.expect(0, 'reproduce', 'study'), /✓ reproduced: 2 bit-equal\n$/);
  const after = [project.read('pipelines/study.lock.json'), readdirSync(project.path('cache/runs')).length];
  assert.deepEqual(after, before);
  assert.deepEqual(readdirSync(project.folder).includes('results'), false);
});

test('everything is made on this machine, wherever the settings send it', async () => {
  using project = await ranStudy();
  project.edit('pipelines/study.yaml', '  table:\n', '  table:\n    resources: {pool: lab}\n');
  project.write(
    'pipe.config.yaml',
    "executor: slurm\nexecutors: {lab: {kind: queue, url: 'redis://127.0.0.1:1'}}\n",
  );
  assert.match(await project.expect(0, 'reproduce', 'study'), /✓ reproduced: 2 bit-equal\n$/);
});

test('what is a little off is within tolerance, by metrics and by the numbers of a table', async () => {
  using project = await ranStudy();
  project.write('machine.txt', '0.9004');
  const said = await project.expect(0, 'reproduce', 'study');
  assert.match(said, /≈ measure {2}score 0\.9 → 0\.9004 \(0\.044 %\), raw\.bin 0\.9 → 0\.9004 \(0\.044 %\)/);
  assert.match(said, /≈ table {2}table\.md 0\.9 → 0\.9004/);
  assert.match(said, /✓ reproduced: 2 within 0\.1 %/);
  assert.doesNotMatch(said, /other code/, 'inputs that came out otherwise are no other code');
});

test('what is further off is different: exit code 1, unless the tolerance allows it', async () => {
  using project = await ranStudy();
  project.write('machine.txt', '0.91');
  const said = await project.expect(1, 'reproduce', 'study');
  assert.match(said, /✗ measure/);
  assert.match(said, /✗ not reproduced: 2 different/);
  await project.expect(0, 'reproduce', 'study', '--tolerance', '0.05');
});

test('on a fresh clone the lock file is enough', async () => {
  using project = await ranStudy();
  rmSync(project.path('cache'), {recursive: true});
  assert.match(await project.expect(0, 'reproduce', 'study'), /2 bit-equal/);
});

test('a failure is no reproduction, and code that changed since is said', async () => {
  using project = await ranStudy();
  project.write('pipelines/study.yaml', STUDY.replace('printf', 'exit 5; printf'));
  const failed = await project.expect(1, 'reproduce', 'study');
  assert.match(failed, /✗ not reproduced: 1 bit-equal, 1 without a result/);
  project.write('pipelines/study.yaml', STUDY.replace('printf', 'true; printf'));
  const changed = await project.expect(0, 'reproduce', 'study');
  assert.match(changed, /! 1 instance has other code or parameters than when the lock file was written/);
});

const digest = (letter: string): Digest => letter.repeat(64) as Digest;

function verdictOf(
  before: Partial<LockEntry>,
  after: Partial<ActionResult>,
  texts: Record<string, string> = {},
) {
  const id = 'stage' as InstanceId;
  const fingerprint = digest('f') as unknown as Fingerprint;
  const plan = {
    instances: [{id, outputs: {}, inputs: {}, choosers: [], after: [], isVolatile: false}],
  } as unknown as Plan;
  const result = {outputs: {}, metrics: {}, ...after} as ActionResult;
  const outcome = {status: 'cached', fingerprint, result, shared: false} as const;
  const lock = new Map([[id, {fingerprint, outputs: {}, metrics: {}, ...before}]]);
  const options = {tolerance: 0.01, textOf: (of: Digest) => texts[of]};
  const [compared] = compareWithLock(plan, lock, new Map([[id, outcome]]), options);
  return compared?.verdict.is satisfies Verdict['is'] | undefined;
}

const file = (letter: string) => ({a: {kind: 'file', digest: digest(letter), size: 1}}) as const;

test('bytes without numbers are spoken for by metrics, and are different without them', () => {
  assert.equal(verdictOf({outputs: file('a')}, {outputs: file('a')}), 'bit-equal');
  assert.equal(verdictOf({outputs: file('a')}, {outputs: file('b')}), 'different');
  const [before, after] = [{x: 1}, {x: 1.001}];
  const withMetrics = verdictOf({outputs: file('a'), metrics: before}, {outputs: file('b'), metrics: after});
  assert.equal(withMetrics, 'within-tolerance');
  assert.equal(verdictOf({metrics: {x: 1}}, {metrics: {x: 1.1}}), 'different');
  assert.equal(verdictOf({metrics: {x: 0}}, {metrics: {x: -0}}), 'within-tolerance');
  assert.equal(verdictOf({metrics: {x: 1}}, {metrics: {y: 1}}), 'different');
});

test('tables are compared by their numbers, whatever width these give them', () => {
  const texts = {
    [digest('a')]: '| x    |\n| ---- |\n| 9.99 |',
    [digest('b')]: '| x     |\n| ----- |\n| 10.01 |',
    [digest('c')]: '| y     |\n| ----- |\n| 10.01 |',
  };
  assert.equal(verdictOf({outputs: file('a')}, {outputs: file('b')}, texts), 'within-tolerance');
  assert.equal(verdictOf({outputs: file('a')}, {outputs: file('c')}, texts), 'different');
});
