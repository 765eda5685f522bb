// Killed anywhere: the runner dies by KILL at random moments, again and again; the next run needs no flag and ends in
// the same bytes as a run that nobody touched. And nothing of a killed run goes on.

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {test} from 'node:test';
import fc from 'fast-check';
import {CliProject} from './rig/cli-project.ts';
import {HeldStages} from './rig/held-stages.ts';
import {STUDY_FILE, writeSmallStudy} from './rig/small-study.ts';

const seed = process.env.FC_SEED === undefined ? {} : {seed: Number(process.env.FC_SEED)};

test('a run that is killed again and again ends in the same bytes', async () => {
  using calm = new CliProject();
  writeSmallStudy(calm);
  const expected = (await calm.execute(STUDY_FILE)).digests();
  // The moment: after so many events, and so many turns of the loop later.
  const moment = fc.record({events: fc.integer({min: 1, max: 30}), turns: fc.nat(400)});
  await fc.assert(
    fc.asyncProperty(fc.array(moment, {minLength: 1, maxLength: 4}), async moments => {
      using rig = new CliProject();
      writeSmallStudy(rig);
      for (const {events, turns} of moments) {
        let seen = 0;
        await rig.start(['run', STUDY_FILE, '--json'], {
          onLine: (_line, child) => {
            if (++seen === events) afterTurns(turns, () => child.kill('SIGKILL'));
          },
        }).ended;
      }
      const last = await rig.execute(STUDY_FILE);
      assert.deepEqual(last.digests(), expected);
      assert.equal(rig.read('results/study/table.md'), calm.read('results/study/table.md'));
      assert.equal(lockOf(rig), lockOf(calm), 'the lock files are the same');
      for (const folder of ['tmp', 'sandboxes', 'running']) {
        assert.deepEqual(readdirSync(rig.path(`cache/${folder}`)), [], `${folder} is empty`);
      }
      const verified = await rig.pipe('verify');
      assert.equal(verified.code, 0, `${verified.stdout}${verified.stderr}`);
    }),
    {numRuns: 8, ...seed},
  );
});

test('what a killed runner had started does not go on', async () => {
  await using held = await HeldStages.open();
  using rig = new CliProject();
  rig.write(
    'pipelines/p.yaml',
    `pipeline: p\nstages:\n  a: {run: '(${held.shell('child')}) & ${held.shell('a')}; echo a > "$out_x"', out: {x: x}}\n`,
  );
  let runner: import('node:child_process').ChildProcess | undefined;
  const first = rig.start(['run', 'p', '--json'], {
    onLine: (_line, child) => {
      runner = child;
    },
  }).ended;
  const a = await held.next('a');
  const child = await held.next('child');
  runner?.kill('SIGKILL');
  const said = await first;
  assert.equal(said.signal, 'SIGKILL');
  const second = rig.pipe('run', 'p', '--json');
  // The next run ends what is left before it makes the result anew.
  await Promise.all([a.gone, child.gone]);
  (await held.next('child')).release();
  (await held.next('a')).release();
  assert.equal((await second).code, 0);
});

const lockOf = (rig: CliProject): string => readFileSync(rig.path('pipelines/study.lock.json'), 'utf8');

function afterTurns(turns: number, then: () => void): void {
  if (turns === 0) then();
  else setImmediate(() => afterTurns(turns - 1, then));
}
