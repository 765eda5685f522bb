// Results that go on from shorter ones: the longest that is in the cache is handed over, instances of one run wait for
// one another, and the bytes are those of a result that was made from the start.

import assert from 'node:assert/strict';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, test} from 'node:test';
import type {Prefix} from '../src/action/action.ts';
import {reasonOf} from '../src/report/prediction-lines.ts';
import {likelyValues} from '../src/run/prefixes.ts';
import {CliProject} from './rig/cli-project.ts';
import {type Ended, ProjectRig} from './rig/project-rig.ts';

/** Counts from a seed, one line a step; `curve` tells nothing of where it began, `log` does. */
const WALK = `import {defineStage, z} from 'pipe-ml/stage';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';

export default defineStage({
  about: 'Walks',
  params: z.object({steps: z.int().positive(), seed: z.int().default(0), style: z.enum(['even', 'ending']).default('even'), fails: z.boolean().default(false)}),
  inputs: {},
  outputs: {curve: 'file', state: 'folder'},
  continues: {parameter: 'steps', from: 'state', when: {style: 'even'}},
  run({params, outputs, checkpoint, log, metric}) {
    const at = checkpoint + '/at.txt';
    const lines = checkpoint !== undefined && existsSync(at) ? readFileSync(at, 'utf8').trimEnd().split('\\n') : [];
    log('from ' + lines.length);
    if (params.fails) throw new Error('fell');
    while (lines.length < params.steps) lines.push(String(params.seed * 100 + lines.length));
    metric('last', Number(lines.at(-1)));
    writeFileSync(outputs.curve, lines.join('\\n') + '\\n');
    if (params.style === 'even') writeFileSync(outputs.state + '/at.txt', lines.join('\\n') + '\\n');
  },
});
`;

const walking = (matrix: string, more = ''): string =>
  `pipeline: p\nstages:\n  walk: {uses: ./stages/walk.ts, matrix: ${matrix}${more}}\n`;

const continuedBy = (ended: Ended, id: string): Prefix | null => {
  const outcome = ended.outcome(id);
  assert.ok(outcome.status === 'executed', `${id}: ${outcome.status}`);
  return outcome.result.made.continued;
};

async function rigWithWalk(): Promise<ProjectRig> {
  const rig = new ProjectRig();
  rig.write('stages/walk.ts', WALK);
  return rig;
}

test('a longer result goes on from the longest shorter one, and has the bytes of one that was made from the start', async () => {
  await using rig = await rigWithWalk();
  await rig.run(walking('{steps: [2, 3]}'));
  const longer = await rig.run(walking('{steps: [6]}'));
  const id = 'walk[steps=6]';
  assert.equal(continuedBy(longer, id)?.value, 3);
  const forced = await rig.run(walking('{steps: [6]}'), {forced: [id]});
  assert.equal(continuedBy(forced, id), null, 'one that is forced is made from the start');
  assert.deepEqual(forced.digests(), longer.digests());
  assert.deepEqual(forced.notices(), [], 'and is no other result');
  // What is shorter than all that there is, of another seed, or of other code, has nothing to go on from.
  const others = await rig.run(walking('[{steps: [1]}, {steps: [7], seed: [1]}]'));
  assert.equal(continuedBy(others, 'walk[steps=1]'), null);
  assert.equal(continuedBy(others, 'walk[steps=7,seed=1]'), null);
  rig.write('stages/walk.ts', WALK.replace('params.seed * 100', 'params.seed * 100 + 1'));
  const edited = await rig.run(walking('{steps: [8]}'));
  assert.equal(continuedBy(edited, 'walk[steps=8]'), null);
});

test('how far below the shorter result is does not matter; what may be elsewhere is guessed, at most sixteen times', async () => {
  await using rig = await rigWithWalk();
  await rig.run(walking('{steps: [7]}'));
  const longer = await rig.run(walking('{steps: [2011]}'));
  assert.equal(continuedBy(longer, 'walk[steps=2011]')?.value, 7);
  assert.deepEqual(likelyValues(1), []);
  assert.deepEqual(likelyValues(5), [4, 3, 2, 1]);
  assert.deepEqual(likelyValues(200), [199, 198, 197, 196, 100, 66, 50, 40, 20, 10, 5, 2, 1]);
  for (const value of [2, 33, 1_000, 123_457, 1e9]) assert.ok(likelyValues(value).length <= 16);
});

test('instances of one run go on from one another, whatever the order in which they are written', async () => {
  await using rig = await rigWithWalk();
  const ended = await rig.run(walking('{steps: [9, 2, 5], seed: [1, 2]}'), {machine: {cpus: 4}});
  for (const seed of [1, 2]) {
    assert.equal(continuedBy(ended, `walk[steps=2,seed=${seed}]`), null);
    assert.equal(continuedBy(ended, `walk[steps=5,seed=${seed}]`)?.value, 2);
    assert.equal(continuedBy(ended, `walk[steps=9,seed=${seed}]`)?.value, 5);
  }
  const started = ended.events.flatMap(event => (event.type === 'started' ? [event.prefix?.value ?? 0] : []));
  assert.deepEqual(started.sort(), [0, 0, 2, 2, 5, 5], 'events say it');
});

test('where parameters say so, nothing goes on from anything; after a failure, the next one begins by itself', async () => {
  await using rig = await rigWithWalk();
  const bound = await rig.run(walking('{steps: [2, 4], style: [ending]}'));
  assert.equal(continuedBy(bound, 'walk[steps=4,style=ending]'), null);
  const failing = await rig.run(walking('{steps: [2, 4], fails: [true]}'));
  assert.deepEqual(failing.ids('failed'), ['walk[steps=2,fails=true]', 'walk[steps=4,fails=true]']);
});

test('a state that is damaged is nobody’s: the result is made from the start', async () => {
  await using rig = await rigWithWalk();
  await using session = await rig.open();
  const first = await session.run(walking('{steps: [2]}'));
  const made = first.outcome('walk[steps=2]');
  assert.ok(made.status === 'executed');
  const state = made.result.outputs.state;
  assert.ok(state !== undefined);
  rmSync(rig.path(`cache/blobs/${state.digest.slice(0, 2)}/${state.digest.slice(2)}`));
  const longer = await session.run(walking('{steps: [4]}'));
  assert.equal(continuedBy(longer, 'walk[steps=4]'), null);
});

test('a prediction says what is there already', () => {
  const state = {kind: 'folder', digest: '0'.repeat(64), size: 1} as Prefix['state'];
  const prefix: Prefix = {
    fingerprint: '1'.repeat(64) as Prefix['fingerprint'],
    parameter: 'epochs',
    value: 100,
    state,
  };
  assert.equal(
    reasonOf({will: 'execute', stale: {why: 'never-run'}, prefix}),
    'first run; goes on from epochs=100',
  );
});

const base = mkdtempSync(join(tmpdir(), 'pipe-continue-'));
after(() => rmSync(base, {recursive: true, force: true}));

test('plan, why and show say it, also of a result that a colleague made', async () => {
  const store = join(base, 'store');
  {
    using project = new CliProject(walking('{steps: [3]}'));
    project.write('stages/walk.ts', WALK);
    project.write('pipe.config.yaml', `store: "${store}"\n`);
    assert.equal((await project.pipe('run', 'study')).code, 0);
  }
  using project = new CliProject(walking('{steps: [5]}'));
  project.write('stages/walk.ts', WALK);
  project.write('pipe.config.yaml', `store: "${store}"\n`);
  for (const command of ['plan', 'why']) {
    const {stdout} = await project.pipe(command, 'study');
    assert.match(stdout, /walk\[steps=5\].*first run; goes on from steps=3/, command);
  }
  const ran = await project.pipe('run', 'study');
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /first run; goes on from steps=3/);
  assert.match((await project.pipe('show', 'study', 'walk')).stdout, /after +steps=3, made as [0-9a-f]{12}/);
  assert.match((await project.pipe('log', 'study', 'walk')).stdout, /from 3/);
});
