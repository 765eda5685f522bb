// Who lives, across containers, reboots, stopped processes and clocks that differ: nobody ends or disowns a process of
// which the kernel here cannot speak, nobody waits for the dead, and who was only thought dead notices.

import assert from 'node:assert/strict';
import {spawn, spawnSync} from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {describe, test} from 'node:test';
import {setImmediate} from 'node:timers/promises';
import type {Fingerprint} from '../src/action/action.ts';
import {type Digest, digestBytes} from '../src/core/digest.ts';
import {orphans} from '../src/exec/process-group.ts';
import {removeOrphans} from '../src/host/atomic-file.ts';
import {giveSigns, Observer} from '../src/host/presence.ts';
import {
  identityIn,
  identityLabel,
  isAlive,
  isProcessAlive,
  ownIdentity,
  statOf,
} from '../src/host/process-identity.ts';
import {Checkpoints} from '../src/store/claims/checkpoint.ts';
import {ClaimTable} from '../src/store/claims/claim.ts';
import {RunGate} from '../src/store/claims/run-gate.ts';
import {CliProject, cli} from './rig/cli-project.ts';
import {HeldStages} from './rig/held-stages.ts';
import {Ended, ProjectRig} from './rig/project-rig.ts';
import {StoreRig} from './rig/store-rig.ts';

const own = ownIdentity();
const container = identityLabel({...own, space: String(Number(own.space) + 1)});
const otherBoot = identityLabel({...own, boot: own.boot === '00000000' ? '00000001' : '00000000'});
const key: Digest = digestBytes('key');

/** What starts a command in a process namespace of its own, as a container has it; `null` where that is not allowed. */
const unshare = ((): readonly string[] | null => {
  for (const flags of [
    ['-pf', '--mount-proc', '--kill-child'],
    ['-Urpf', '--mount-proc', '--kill-child'],
  ]) {
    if (spawnSync('unshare', [...flags, 'true']).status === 0) return ['unshare', ...flags];
  }
  return null;
})();
const skip = unshare === null ? 'process namespaces cannot be made here' : false;

/** A clock that a test moves on. */
class Clock {
  now = 0;
  readonly read = (): number => this.now;
}

describe('a process', () => {
  test('is known by its label, and by nothing that only looks like one', () => {
    assert.deepEqual(identityIn(`${identityLabel(own)}-7.run`), own);
    assert.equal(isAlive(own), true);
    assert.equal(isAlive({...own, born: '1'}), false, 'the number is used again');
    for (const text of ['', '12', '12-34', 'x-1-aaaaaaaa-1', '1-1-aaaaaaa-1', '1-1-aaaaaaaa-1x']) {
      assert.equal(identityIn(text), undefined, text);
    }
  });

  test('that is dead and not fetched by its parent does not live', {
    skip: !existsSync('/proc/self/stat'),
  }, async () => {
    const parent = spawn('/bin/sh', ['-c', 'sleep 1000 & echo $!; exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    try {
      const said = await new Promise<Buffer>(got => parent.stdout.once('data', got));
      const child = Number(String(said).trim());
      // From here on its parent is a program that fetches nobody.
      while (!readFileSync(`/proc/${parent.pid}/comm`, 'latin1').startsWith('cat')) await setImmediate();
      assert.equal(isProcessAlive(child), true);
      process.kill(child, 'SIGKILL');
      while (statOf(child)?.[0] !== 'Z') await setImmediate();
      assert.equal(isProcessAlive(child), false);
    } finally {
      parent.kill('SIGKILL');
    }
  });

  test('of another container lives while its sign changes, whatever the clocks say', () => {
    using rig = new StoreRig();
    const clock = new Clock();
    const observer = new Observer(rig.store, clock.read);
    assert.equal(observer.isAlive(container), false, 'without a sign there is nobody');
    const sign = rig.file(`cache/running/${container}`, '');
    assert.equal(observer.isAlive(container), 'unknown');
    for (let beat = 1; beat < 200; beat++) {
      clock.now += 1_000;
      if (beat % 3 === 0) utimesSync(sign, beat, beat);
      assert.notEqual(observer.isAlive(container), false);
    }
    const lastBeat = clock.now;
    while (observer.isAlive(container) !== false) clock.now += 1_000;
    assert.ok(clock.now - lastBeat > 40_000 && clock.now - lastBeat < 60_000);
  });

  test('does not count as dead because its observer was stopped, or the machine slept', () => {
    using rig = new StoreRig();
    const clock = new Clock();
    const observer = new Observer(rig.store, clock.read);
    rig.file(`cache/running/${container}`, '');
    assert.equal(observer.isAlive(container), 'unknown');
    clock.now += 3_600_000;
    assert.equal(observer.isAlive(container), 'unknown');
  });

  test('of an earlier boot is dead at once where only one kernel writes; elsewhere it may be another machine', () => {
    using rig = new StoreRig();
    const sign = rig.file(`cache/running/${otherBoot}`, '');
    const stop = giveSigns(rig.store);
    const isLocal = (statSync(join(rig.store, 'running', identityLabel(own))).mode & 0o044) !== 0;
    stop();
    assert.equal(new Observer(rig.store).isAlive(otherBoot), isLocal ? false : 'unknown');
    chmodSync(sign, 0o600);
    assert.equal(new Observer(rig.store).isAlive(otherBoot), 'unknown');
  });

  test('gives one sign per store, however often it is asked to, until the last one stops', () => {
    using rig = new StoreRig();
    const stops = [giveSigns(rig.store), giveSigns(rig.store)];
    const signs = (): string[] => readdirSync(join(rig.store, 'running'));
    assert.deepEqual(signs(), [identityLabel(own)]);
    stops[0]?.();
    stops[0]?.();
    assert.deepEqual(signs(), [identityLabel(own)]);
    stops[1]?.();
    assert.deepEqual(signs(), []);
  });
});

describe('a claim', () => {
  const claimed = (rig: StoreRig, n: number, token: string): void => {
    mkdirSync(join(rig.store, 'claims'), {recursive: true});
    symlinkSync(token, join(rig.store, 'claims', `${key}.${n}`));
  };

  test('of another container is respected while it gives signs, and taken over when it gives none', async () => {
    using rig = new StoreRig();
    const clock = new Clock();
    const claims = new ClaimTable(rig.store, new Observer(rig.store, clock.read));
    claimed(rig, 1, `${container}-0`);
    const sign = rig.file(`cache/running/${container}`, '');
    for (let beat = 1; beat < 100; beat++) {
      clock.now += 1_000;
      utimesSync(sign, beat, beat);
      const claim = await claims.acquire(key);
      assert.deepEqual(claim, {status: 'taken', by: {pid: own.pid, where: 'elsewhere'}});
    }
    for (let look = 0; look < 60; look++) {
      clock.now += 1_000;
      const claim = await claims.acquire(key);
      if (claim.status !== 'held') continue;
      assert.ok(claim.isHeld());
      assert.deepEqual(readdirSync(join(rig.store, 'claims')), [`${key}.2`], 'the next number');
      claim.release();
      assert.deepEqual(readdirSync(join(rig.store, 'claims')), []);
      return;
    }
    assert.fail('never taken over');
  });

  test('that was taken over is not held any more, and releasing it takes nothing from the new holder', async () => {
    using rig = new StoreRig();
    const claims = new ClaimTable(rig.store);
    const claim = await claims.acquire(key);
    assert.ok(claim.status === 'held' && claim.isHeld());
    rig.file(`cache/running/${container}`, '');
    claimed(rig, 2, `${container}-0`);
    assert.equal(claim.isHeld(), false);
    claim.release();
    assert.deepEqual(readdirSync(join(rig.store, 'claims')), [`${key}.2`]);
    assert.equal((await claims.acquire(key)).status, 'taken');
  });

  test('of processes that die goes from one to the next, and never to two at once', async () => {
    using rig = new StoreRig();
    claimed(rig, 3, `${identityLabel({...own, pid: 999_999_999})}-0`);
    rig.file('count', '0');
    const source = JSON.stringify(join(import.meta.dirname, '../src/store/claims/claim.ts'));
    const script = rig.file(
      'count.mts',
      `import {readFileSync, writeFileSync} from 'node:fs';
import {ClaimTable} from ${source};
const claims = new ClaimTable(${JSON.stringify(rig.store)});
for (let done = 0; done < 40; ) {
  const claim = await claims.acquire(${JSON.stringify(key)});
  if (claim.status === 'failed') throw new Error(JSON.stringify(claim));
  if (claim.status === 'taken') {
    await claims.wait(${JSON.stringify(key)}, new AbortController().signal);
    continue;
  }
  const count = Number(readFileSync('count', 'utf8'));
  await new Promise(resolve => setImmediate(resolve));
  writeFileSync('count', String(count + 1));
  done++;
  // Every tenth holder dies with it.
  if (done === 40 && process.argv[2] === 'die') process.kill(process.pid, 'SIGKILL');
  claim.release();
}
`,
    );
    const tsx = import.meta.resolve('tsx');
    const children = ['die', 'live', 'die', 'live'].map(
      how =>
        new Promise<number | null>((done, failed) => {
          const child = spawn(process.execPath, ['--import', tsx, script, how], {
            cwd: rig.folder,
            stdio: ['ignore', 'ignore', 'inherit'],
          });
          child.once('error', failed).once('close', done);
        }),
    );
    assert.deepEqual(await Promise.all(children), [null, 0, null, 0]);
    assert.equal(readFileSync(rig.path('count'), 'utf8'), '160');
  });
});

test('a sweep does not run beside a run elsewhere, and does not wait for one that is gone', async () => {
  using rig = new StoreRig();
  const sign = rig.file(`cache/running/${container}`, '');
  rig.file(`cache/running/${container}-0.run`, '');
  const clock = new Clock();
  let beat = 0;
  const beating = new RunGate(
    rig.store,
    new Observer(rig.store, () => {
      beat++;
      utimesSync(sign, beat, beat);
      return beat * 1_000;
    }),
  );
  const refused = await beating.enterSweep();
  assert.ok(!refused.ok && refused.error.where === 'elsewhere');
  const silent = new RunGate(
    rig.store,
    new Observer(rig.store, () => {
      clock.now += 1_000;
      return clock.now;
    }),
  );
  rig.must(await silent.enterSweep()).leave();
  assert.deepEqual(readdirSync(join(rig.store, 'running')), []);
});

test('what runs of other containers work in stays while they give signs, for however long', () => {
  using rig = new StoreRig();
  const inAYear = Date.now() + 365 * 86_400_000;
  rig.file(`cache/sandboxes/${container}-0/out/x`, 'x');
  rig.file(`cache/running/${container}`, '');
  assert.equal(removeOrphans(join(rig.store, 'sandboxes'), inAYear), 0);
  rmSync(join(rig.store, 'running'), {recursive: true});
  assert.equal(removeOrphans(join(rig.store, 'sandboxes'), inAYear), 1);
});

test('a checkpoint of another container is copied, not shared; one of a dead neighbour is taken over', () => {
  using rig = new StoreRig();
  const fingerprint = key as Fingerprint;
  const checkpoints = new Checkpoints(rig.store);
  const theirs = rig.file(`cache/checkpoints/${fingerprint}/${container}/step`, '7');
  const mine = rig.must(checkpoints.open(fingerprint));
  assert.equal(readFileSync(join(mine, 'step'), 'utf8'), '7');
  writeFileSync(theirs, '8: from a stage that does not know');
  assert.equal(readFileSync(join(mine, 'step'), 'utf8'), '7');
  assert.equal(
    rig.must(checkpoints.open(fingerprint)),
    mine === '' ? '' : rig.must(checkpoints.open(fingerprint)),
  );
  checkpoints.drop(fingerprint);
  const dead = identityLabel({...own, pid: 999_999_999});
  rig.file(`cache/checkpoints/${fingerprint}/${dead}/step`, '9');
  assert.equal(readFileSync(join(rig.must(checkpoints.open(fingerprint)), 'step'), 'utf8'), '9');
  assert.deepEqual(readdirSync(join(rig.store, 'checkpoints', fingerprint)), [identityLabel(own)]);
});

test('a run that was taken over while it was stopped records nothing, and takes what the other one makes', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  const text = `pipeline: p
stages:
  a:
    run: 'echo step >> "$checkpoint/step"; ${held.shell('a')}; cat "$checkpoint/step" > "$out_x"'
    out: {x: x}
    checkpoint: true
`;
  await using session = await rig.open();
  const run = await session.start(text);
  const first = await held.next('a');
  const [link = ''] = readdirSync(rig.path('cache/claims'));
  const other = join(rig.path('cache/claims'), link.replace(/\.1$/, '.2'));
  writeFileSync(rig.path(`cache/running/${container}`), '');
  symlinkSync(`${container}-0`, other);
  first.release();
  const waiting = await run.until(event => event.type === 'waiting');
  assert.ok(waiting.type === 'waiting');
  assert.equal(readdirSync(rig.path('cache/checkpoints')).length, 1, 'the checkpoint is not dropped');
  rmSync(other);
  (await held.next('a')).release();
  const ended = new Ended(await run.finished, run.events);
  assert.deepEqual(ended.ids('executed'), ['a']);
  assert.deepEqual(held.history, ['a', 'a'], 'the first result counted for nothing');
  assert.match(ended.notices().join(), /taken over by another run/);
});

describe('two containers on one host', () => {
  test('a runner leaves the stages of another container alone', {skip}, async () => {
    await using held = await HeldStages.open();
    using project = new CliProject(
      `pipeline: p\nstages:\n  a: {run: '${held.shell('a')}; echo a > "$out_x"', out: {x: x}}\n`,
    );
    const [command = '', ...flags] = unshare ?? [];
    const inside = spawn(command, [...flags, process.execPath, cli, 'run'], {
      cwd: project.folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = new Promise(done => inside.once('close', done));
    const stage = await held.next('a');
    const owners = readdirSync('/proc').flatMap(pid => {
      try {
        return /PIPE_OWNER=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1] ?? [];
      } catch {
        return [];
      }
    });
    const isForeign = (owner: string): boolean => ![undefined, own.space].includes(identityIn(owner)?.space);
    assert.ok(owners.some(isForeign), 'its processes can be seen from here');
    assert.deepEqual(orphans(), []);
    stage.release();
    assert.equal(await ended, 0);
  });

  test('a run waits for one in another container that makes the same, and has its result', {
    skip,
  }, async () => {
    await using held = await HeldStages.open();
    using project = new CliProject(
      `pipeline: p\nstages:\n  a: {run: '${held.shell('a')}; echo a > "$out_x"', out: {x: x}}\n`,
    );
    const [command = '', ...flags] = unshare ?? [];
    const inside = spawn(command, [...flags, process.execPath, cli, 'run'], {
      cwd: project.folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const insideEnded = new Promise(done => inside.once('close', done));
    const stage = await held.next('a');
    const outside = project.start(['run', '--explain']);
    await outside.until(/is being made by another run/);
    stage.release();
    assert.equal(await insideEnded, 0);
    const {code, stdout} = await outside.ended;
    assert.equal(code, 0, stdout);
    assert.deepEqual(held.history, ['a']);
  });
});
