// What a kill leaves between two calls of the system: nobody takes it for damage or for a state that somebody wrote, and the
// next run removes it.

import assert from 'node:assert/strict';
import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {test} from 'node:test';
import type {Fingerprint} from '../src/action/action.ts';
import {digestBytes} from '../src/core/digest.ts';
import {namesIn} from '../src/host/atomic-file.ts';
import {withSum} from '../src/host/checked-line.ts';
import {appendLines, Journal} from '../src/host/journal.ts';
import {identityLabel, ownIdentity} from '../src/host/process-identity.ts';
import {Checkpoints} from '../src/store/claims/checkpoint.ts';
import {countDamagedLines, decodeRun} from '../src/store/ledger/run-record.ts';
import {folderRemote} from '../src/store/remote/folder-remote.ts';
import {CliProject} from './rig/cli-project.ts';
import {StoreRig} from './rig/store-rig.ts';

/** What a process of this machine is called that has ended: one with our number, born at another time. */
const DEAD = identityLabel({...ownIdentity(), born: '1'});

test('a line that a kill cut short is no damage, also once others have gone on', () => {
  using rig = new StoreRig();
  const header = {run: 'r', pipeline: 'p', file: 'p.yaml', params: {}, argv: [], host: 'h', platform: 'x'};
  const first = `${withSum(JSON.stringify({type: 'run', ...header, startedAt: 1}))}\n`;
  const git = `${withSum(JSON.stringify({type: 'git', commit: 'c', isClean: true}))}\n`;
  const end = `${withSum(JSON.stringify({type: 'end', at: 2, durationMs: 1}))}\n`;
  for (let cut = 0; cut <= git.length; cut++) {
    const path = rig.file('r.jsonl', first + git.slice(0, cut));
    appendLines(path, end);
    const text = readFileSync(path, 'utf8');
    assert.equal(countDamagedLines(text), 0, text);
    const record = decodeRun(text);
    assert.equal(record?.end?.at, 2);
    // All but the line break had been written: it counts.
    assert.equal(record.git?.commit, cut >= git.length - 1 ? 'c' : undefined);
    assert.ok(countDamagedLines(text.replace('"type":"end"', '"type":"and"')) > 0, 'rot is damage');
  }
  const journal = new Journal(rig.file('j', ''));
  journal.set('key', '{"value":1}');
  journal.save();
  const line = readFileSync(rig.path('j'), 'utf8');
  for (let cut = 0; cut <= line.length; cut++) {
    writeFileSync(rig.path('j'), line.slice(0, cut));
    const next = new Journal(rig.path('j'));
    next.set('other', '{}');
    next.save();
    const after = new Journal(rig.path('j'));
    assert.equal(after.countDamaged(), 0, line.slice(0, cut));
    assert.equal(after.get('key'), cut >= line.length - 1 ? '{"value":1}' : undefined);
  }
});

test('a checkpoint begins with the whole state of another action, or with nothing', async () => {
  using rig = new StoreRig();
  const checkpoints = new Checkpoints(rig.store);
  const action = digestBytes('action') as Fingerprint;
  const origin = digestBytes('origin') as Fingerprint;
  const own = rig.must(checkpoints.open(action));
  const half = async (to: string): Promise<boolean> => {
    mkdirSync(to);
    writeFileSync(join(to, 'a'), 'a');
    return false;
  };
  assert.equal(rig.must(await checkpoints.fill(action, own, origin, half)), false);
  assert.deepEqual(readdirSync(own), []);
  await assert.rejects(
    checkpoints.fill(action, own, origin, async to => {
      await half(to);
      throw new Error('killed');
    }),
  );
  assert.deepEqual(readdirSync(own), []);
  const whole = async (to: string): Promise<boolean> => {
    await half(to);
    writeFileSync(join(to, 'b'), 'b');
    return true;
  };
  assert.equal(rig.must(await checkpoints.fill(action, own, origin, whole)), true);
  assert.deepEqual(readdirSync(own).sort(), ['a', 'b']);
  // Of whom nothing else is known: a file that was being written beside.
  writeFileSync(join(dirname(own), `.pipe-${DEAD}-7.tmp`), '');
  assert.equal(rig.must(checkpoints.open(action)), own);
  assert.equal(rig.must(await checkpoints.fill(action, own, origin, half)), true, 'of another try');
  checkpoints.drop(action);
  assert.equal(existsSync(dirname(own)), false);
  assert.deepEqual(readdirSync(rig.path('cache/tmp')), []);
});

test('what was half sent to a folder that machines share is removed by the next one that sends', async () => {
  using rig = new StoreRig();
  const half = rig.file(`shared/tmp/${DEAD}-3`, 'half a blob');
  const blob = rig.put('whole');
  const {blobs} = folderRemote(rig.path('shared'));
  rig.must(await blobs.push({digest: blob.digest, size: blob.size}, rig.shelf.pathOf(blob.digest)));
  assert.equal(existsSync(half), false);
  assert.deepEqual(readdirSync(rig.path('shared/tmp')), []);
});

test('the next run removes what a killed one had staged, wherever that was', async () => {
  using project = new CliProject(
    `pipeline: p\nstages:\n  a: {run: 'echo 1 > "$out_x"; mkdir "$out_d/b"; echo 2 > "$out_d/b/y"', out: {x: x, d: d/}, publish: results}\n`,
  );
  const name = `.pipe-${DEAD}-5.tmp`;
  const places = ['pipelines', 'results', 'results/d/b', 'cache', 'cache/runs', 'cache/last', 'cache/plans'];
  const staged = places.map(place => `${place}/${name}`);
  // Published before: what was killed had begun to replace it.
  assert.equal((await project.pipe('run')).code, 0);
  project.write('pipelines/study.yaml', project.read('pipelines/study.yaml').replace('echo 2', 'echo 3'));
  for (const path of staged) project.write(path, 'half');
  project.write(`cache/tmp/${DEAD}-6`, 'half');
  // Nothing is damaged before it either.
  assert.equal((await project.pipe('verify')).code, 0);
  const ran = await project.pipe('run');
  assert.equal(ran.code, 0, ran.stdout);
  for (const path of staged) assert.equal(existsSync(project.path(path)), false, path);
  assert.deepEqual(namesIn(project.path('cache/tmp')), []);
  // Of a live process it stays.
  const live = `pipelines/.pipe-${identityLabel(ownIdentity())}-5.tmp`;
  project.write(live, 'half');
  assert.equal((await project.pipe('run')).code, 0);
  assert.equal(existsSync(project.path(live)), true, basename(live));
});
