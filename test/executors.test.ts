// Executors by configuration: by name, with one-line defaults, per profile, per stage; several in one run.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {HeldStages} from './rig/held-stages.ts';

const study = (pool: string): string => `pipeline: study
profiles: {big: {}}
stages:
  a: {run: 'echo a > "$out/x"', resources: {${pool}}}
  b: {run: 'echo b > "$out/x"'}
`;

/** Which executor each instance was given to. */
async function placesOf(project: CliProject, ...args: readonly string[]): Promise<Record<string, string>> {
  const lines = (await project.expect(0, 'run', 'study', '--json', '--force', ...args)).trim().split('\n');
  const events: {type: string; id: string; executor: string}[] = lines.map(line => JSON.parse(line));
  return Object.fromEntries(
    events.filter(({type}) => type === 'started').map(({id, executor}) => [id, executor]),
  );
}

test('a stage goes to its pool, others where the command line, the profile or the settings say', async () => {
  using project = new CliProject(study('pool: near'));
  const executors = 'executors: {near: far, far: {kind: local, jobs: 1}, third: {kind: local}}\n';
  project.write('pipe.config.yaml', `${executors}profiles: {big: {executor: third}}\n`);
  assert.deepEqual(await placesOf(project), {a: 'far', b: 'local'}, 'one name stands for another');
  assert.deepEqual(await placesOf(project, '--profile', 'big'), {a: 'far', b: 'third'});
  assert.deepEqual(await placesOf(project, '--profile', 'big', '--executor', 'local'), {
    a: 'far',
    b: 'local',
  });
  project.write('pipe.config.yaml', `${executors}executor: third\n`);
  assert.deepEqual(await placesOf(project), {a: 'far', b: 'third'});
  const shown = JSON.parse(await project.expect(0, 'show', 'study', 'a', '--json'));
  assert.match(JSON.stringify(shown), /"executor": ?"far"/, 'the result carries it');
});

test('each executor has slots of its own: what waits for one holds up nothing at another', async () => {
  await using held = await HeldStages.open();
  const stage = (name: string, pool: string): string =>
    `  ${name}: {run: ${JSON.stringify(`${held.shell(name)}; echo x > "$out/x"`)}, resources: {pool: ${pool}}}\n`;
  using project = new CliProject(
    `pipeline: study\nstages:\n${stage('one', 'p')}${stage('two', 'p')}${stage('three', 'q')}`,
  );
  project.write('pipe.config.yaml', 'executors: {p: {kind: local, jobs: 1}, q: {kind: local, jobs: 1}}\n');
  const running = project.start(['run', 'study']);
  const [one, three] = await Promise.all([held.next('one'), held.next('three')]);
  three.release();
  one.release();
  (await held.next('two')).release();
  assert.equal((await running.ended).code, 0);
});

test('a pool that is not there is a mistake with its place, and so is one that cannot have the project', async () => {
  using project = new CliProject(study('pool: gpu-node'));
  project.write('pipe.config.yaml', 'executors: {gpu-nodes: local}\n');
  const near = await project.pipe('plan', 'study');
  assert.equal(near.code, 2);
  assert.match(
    near.stderr,
    /error\[unknown-pool\]: expected the name of an executor, got 'gpu-node'\n +--> pipelines\/study\.yaml:4:\d+/,
  );
  assert.match(near.stderr, /did you mean gpu-nodes\?/);
  project.write('pipe.config.yaml', '');
  assert.match((await project.pipe('run', 'study')).stderr, /executors: \{gpu-node: \{kind: …\}\}/);
  project.write(
    'pipelines/study.yaml',
    study('pool: cluster').replace("', resources", "', sandbox: project, resources"),
  );
  project.write('pipe.config.yaml', 'executors: {cluster: {kind: slurm}}\n');
  const away = await project.pipe('plan', 'study');
  assert.equal(away.code, 2, away.stdout);
  assert.match(away.stderr, /error\[no-project\].*\n +--> pipelines\/study\.yaml:4:\d+/);
  assert.match(
    (await project.pipe('run', 'study', 'b', '--executor', 'slrum')).stderr,
    /did you mean slurm\?/,
  );
});

test('mistakes in the settings of executors have places and did-you-means', async () => {
  using project = new CliProject(study('cpus: 1'));
  project.write(
    'pipe.config.yaml',
    `executor: lcoal
executors:
  a: {kind: slrum}
  b: {partition: x}
  c: {kind: slurm, partitoin: x, pilots: 0}
  d: nowhere
  e: 3
profiles: {big: {executor: f}, small: {exector: local}}
`,
  );
  const {stderr, code} = await project.pipe('plan', 'study');
  assert.equal(code, 2);
  const places = [...stderr.matchAll(/error\[(.+?)\].*\n +--> pipe\.config\.yaml:(\d+)/g)];
  assert.deepEqual(
    places.map(([, kind, line]) => `${kind} ${line}`).sort(),
    [
      'missing-key 4',
      'unknown-executor 1',
      'unknown-executor 6',
      'unknown-executor 8',
      'unknown-key 5',
      'unknown-key 8',
      'wrong-type 3',
      'wrong-type 5',
      'wrong-type 7',
    ],
    stderr,
  );
  assert.match(stderr, /did you mean local\?[\s\S]*did you mean/);
});
