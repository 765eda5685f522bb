// What the store keeps in small files: journals that are cut anywhere, file states and their racy rule, the records
// of runs, lock files, and the gate between runs and sweeps.

import assert from 'node:assert/strict';
import {readFileSync, statSync, truncateSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import fc from 'fast-check';
import type {Fingerprint} from '../src/action/action.ts';
import {renderDiagnostic} from '../src/core/diagnostic.ts';
import {digestBytes} from '../src/core/digest.ts';
import {Journal} from '../src/host/journal.ts';
import {identityLabel, ownIdentity} from '../src/host/process-identity.ts';
import {type InstanceId, instanceId} from '../src/plan/plan.ts';
import {FileStateCache} from '../src/store/blobs/file-state.ts';
import {RunGate} from '../src/store/claims/run-gate.ts';
import {Ledger} from '../src/store/ledger/ledger.ts';
import {
  formatLock,
  type Lock,
  lockEntry,
  lockPathOf,
  mergeLock,
  parseLock,
  readLock,
  writeLock,
} from '../src/store/ledger/lock-file.ts';
import {StoreRig, shellAction} from './rig/store-rig.ts';

test('a journal that is cut at any byte keeps what is whole, and goes on', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.stringMatching(/^[a-d]$/), fc.nat(99)), {minLength: 1, maxLength: 12}),
      fc.nat(1000),
      (entries, cut) => {
        using rig = new StoreRig();
        const path = rig.file('journal', '');
        const journal = new Journal(path);
        for (const [key, value] of entries) {
          journal.set(key, `{${value}}`);
          journal.save();
        }
        const {size} = statSync(path);
        const kept = cut % (size + 1);
        truncateSync(path, kept);
        const text = readFileSync(path, 'utf8');
        const expected = new Map<string, string>();
        for (const line of text.split('\n').slice(0, -1)) {
          const [key = '', value = ''] = line.split('\t');
          expected.set(key, value);
        }
        const after = new Journal(path);
        assert.deepEqual(new Map(after.entries()), expected);
        after.set('e', '{new}');
        after.save();
        const last = new Journal(path);
        assert.equal(last.get('e'), '{new}', 'a torn line does not swallow the next one');
        // Cut right before its line break, a line is whole: once the break is there, it counts.
        const [torn = '', tornValue = '', sum = ''] = (text.split('\n').at(-1) ?? '').split('\t');
        if (sum.length === 8) expected.set(torn, tornValue);
        for (const [key, value] of expected) assert.equal(last.get(key), value);
      },
    ),
    {numRuns: 60},
  );
});

test('a journal that is mostly waste is rewritten, and keeps what others appended', () => {
  using rig = new StoreRig();
  const path = rig.file('journal', '');
  const journal = new Journal(path);
  for (let i = 0; i < 3000; i++) journal.set('key', `{${i}}`);
  const other = new Journal(path);
  other.set('other', '{theirs}');
  other.save();
  journal.save();
  assert.match(readFileSync(path, 'utf8'), /^other\t\{theirs\}\t[0-9a-f]{8}\nkey\t\{2999\}\t[0-9a-f]{8}\n$/);
});

test('a file is read again only when its state is new', () => {
  using rig = new StoreRig();
  const path = rig.file('data.txt', 'one');
  const longAgo = new Date('2020-01-01');
  utimesSync(path, longAgo, longAgo);
  // The change of its times is a change of state as well, and a fresh one is racy.
  const later = (): number => Date.now() + 10_000;
  const states = new FileStateCache(join(rig.store, 'files.journal'), later);
  assert.equal(rig.must(states.digestFile(path)), digestBytes('one'));
  states.save();
  const journal = new Journal(join(rig.store, 'files.journal'));
  for (const [key] of [...journal.entries()]) journal.set(key, digestBytes('forged'));
  journal.save();
  const trusting = new FileStateCache(join(rig.store, 'files.journal'), later);
  assert.equal(rig.must(trusting.digestFile(path)), digestBytes('forged'), 'its bytes were not read');
  writeFileSync(path, 'two');
  assert.equal(rig.must(trusting.digestFile(path)), digestBytes('two'));
});

test('a file that was touched a moment ago is not remembered: it may change again without a new state', () => {
  using rig = new StoreRig();
  const path = rig.file('data.txt', 'one');
  const now = (): number => statSync(path).mtimeMs;
  const states = new FileStateCache(join(rig.store, 'files.journal'), now);
  assert.equal(rig.must(states.digestFile(path)), digestBytes('one'));
  states.save();
  const {mtime, atime} = statSync(path);
  writeFileSync(path, 'two');
  utimesSync(path, atime, mtime);
  assert.equal(rig.must(states.digestFile(path)), digestBytes('two'));
});

test('patterns name files, folders and globs; what matches nothing is said', () => {
  using rig = new StoreRig();
  for (const path of ['src/a.ts', 'src/deep/b.ts', 'src/deep/c.js', 'src/.hidden', 'notes.md'])
    rig.file(path, path);
  const names = (...patterns: string[]): string[] =>
    Object.keys(rig.must(rig.files.digestFiles(rig.folder, patterns)));
  assert.deepEqual(names('src'), ['src/.hidden', 'src/a.ts', 'src/deep/b.ts', 'src/deep/c.js']);
  assert.deepEqual(names('src/*.ts'), ['src/a.ts']);
  assert.deepEqual(names('src/**/*.ts', 'notes.md'), ['notes.md', 'src/a.ts', 'src/deep/b.ts']);
  assert.deepEqual(names('src', '!src/deep'), ['src/.hidden', 'src/a.ts']);
  // Taken away of what is before it, and of nothing that is listed after it.
  assert.deepEqual(names('src', '!src/**', 'src/a.ts'), ['src/a.ts']);
  const missing = rig.files.digestFiles(rig.folder, ['src/*.py', 'nowhere.txt']);
  assert.ok(!missing.ok);
  assert.deepEqual(
    missing.error.map(({error}) => error.reason),
    ['no-match', 'no-match'],
  );
});

const ids: readonly InstanceId[] = [
  instanceId('a', {}),
  instanceId('b', {lr: 0.1, seed: 1}),
  instanceId('b', {lr: 0.1, seed: 2}),
];
const fingerprintNamed = (text: string): Fingerprint => digestBytes(text) as Fingerprint;

function lockOf(rig: StoreRig, names: readonly InstanceId[], text = 'x'): Lock {
  return new Map(
    names.map(id => [
      id,
      lockEntry(fingerprintNamed(id), {...rig.result(`${id} ${text}`), metrics: {m: 0.5}}),
    ]),
  );
}

test('a lock file has one sorted line per instance and is read as it was written', () => {
  using rig = new StoreRig();
  const lock = lockOf(rig, ids.toReversed());
  const text = formatLock(lock);
  assert.equal(text.split('\n').length, 4 + ids.length + 2);
  const read = rig.must(parseLock({path: 'x.lock.json', text}));
  assert.deepEqual([...read.keys()], [...ids].sort());
  assert.equal(formatLock(read), text);
  const path = rig.path('pipelines/x.lock.json');
  assert.equal(lockPathOf({file: 'pipelines/x.yaml', profile: null}), 'pipelines/x.lock.json');
  assert.equal(lockPathOf({file: 'pipelines/x.yaml', profile: 'smoke'}), 'pipelines/x-smoke.lock.json');
  assert.equal(rig.must(writeLock(path, lock)), true);
  assert.equal(rig.must(writeLock(path, lock)), false, 'an equal text is not written');
  assert.equal(rig.must(readLock(rig.path('nowhere'), 'nowhere')).size, 0);
});

test('a partial run keeps the lines of the others; an instance that is gone loses its line', () => {
  using rig = new StoreRig();
  const before = lockOf(rig, ids);
  const fresh = lockOf(rig, ids.slice(0, 1), 'new');
  const merged = mergeLock(before, ids.slice(0, 2), fresh);
  assert.deepEqual([...merged.keys()], ids.slice(0, 2));
  assert.deepEqual(merged.get(ids[0] ?? instanceId('', {})), fresh.get(ids[0] ?? instanceId('', {})));
});

test('a lock file with the markers of a merge, or of another format, is a mistake with its place', () => {
  for (const text of ['{\n<<<<<<< HEAD\n', '[]', '{"format": 2}']) {
    const parsed = parseLock({path: 'pipelines/x.lock.json', text});
    assert.ok(!parsed.ok);
    assert.match(renderDiagnostic(parsed.error), /pipelines\/x\.lock\.json:\d+:\d+/);
  }
});

const header = (run: string, startedAt: number) => ({
  run,
  pipeline: 'p',
  file: 'pipelines/p.yaml',
  params: {},
  argv: [],
  host: 'host',
  platform: 'test',
  startedAt,
});

test('the record of a run survives truncation at any byte; what had begun counts as unfinished', () => {
  using rig = new StoreRig();
  const run = '20260101-000000-0000';
  const [a = instanceId('', {}), b = instanceId('', {})] = ids;
  const recorder = new Ledger(rig.store).begin(header(run, 1));
  recorder.started(a, fingerprintNamed('a'), shellAction('a'), 'local', 2);
  recorder.finished(
    a,
    {
      status: 'executed',
      fingerprint: fingerprintNamed('a'),
      result: rig.result('a'),
      stale: {why: 'never-run'},
      attempts: 1,
      sameBytes: false,
    },
    3,
  );
  recorder.started(b, fingerprintNamed('b'), shellAction('b'), 'local', 4);
  const path = join(rig.store, 'runs', `${run}.jsonl`);
  const ledger = new Ledger(rig.store);
  assert.equal(ledger.run(run)?.instances.get(b)?.status, 'unfinished');
  assert.equal(ledger.last('p', b)?.status, 'unfinished');
  assert.equal(ledger.last('p', a)?.status, 'done');
  recorder.end(5, 4);
  const whole = readFileSync(path);
  for (let size = whole.length; size >= 0; size--) {
    writeFileSync(path, whole.subarray(0, size));
    const record = new Ledger(rig.store).run(run);
    if (record === undefined) continue;
    const status = record.instances.get(a)?.status;
    assert.ok(status === undefined || status === 'unfinished' || status === 'finished');
    assert.equal(record.end !== undefined, size >= whole.length - 1);
  }
});

test('what a run found as it was is one line that points at the run which made it', () => {
  using rig = new StoreRig();
  const id = ids[0] ?? instanceId('', {});
  const fingerprint = fingerprintNamed('a');
  const result = rig.result('a');
  const first = new Ledger(rig.store).begin(header('20260101-000000-0000', 1));
  first.finished(
    id,
    {status: 'executed', fingerprint, result, stale: {why: 'never-run'}, attempts: 1, sameBytes: false},
    2,
  );
  first.end(3, 2);
  const ledger = new Ledger(rig.store);
  const second = ledger.begin(header('20260102-000000-0000', 4));
  second.finished(id, {status: 'cached', fingerprint, result, shared: false}, 5);
  second.end(6, 2);
  const record = new Ledger(rig.store).run('20260102-000000-0000');
  assert.ok(record !== undefined);
  assert.deepEqual(record.instances.get(id), {status: 'known', from: '20260101-000000-0000'});
  assert.deepEqual(new Ledger(rig.store).outcomeOf(record, id), {
    status: 'cached',
    shared: false,
    fingerprint,
    result,
  });
  assert.deepEqual(new Ledger(rig.store).runIds(), ['20260102-000000-0000', '20260101-000000-0000']);
});

test('any number of runs or one sweep; what the dead left at the gate does not count', async () => {
  using rig = new StoreRig();
  const gate = new RunGate(rig.store);
  const calm = new AbortController().signal;
  const dead = identityLabel({...ownIdentity(), pid: 999_999_999});
  rig.file(`cache/running/${dead}-0.run`, '');
  const one = await gate.enterRun(calm);
  const two = await gate.enterRun(calm);
  const refused = await gate.enterSweep();
  assert.ok(!refused.ok && refused.error.pid === process.pid);
  one?.leave();
  two?.leave();
  const sweep = rig.must(await gate.enterSweep());
  assert.equal((await gate.enterSweep()).ok, false);
  let isIn = false;
  const run = gate.enterRun(calm).then(pass => {
    isIn = true;
    return pass;
  });
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(isIn, false, 'a run waits for the sweep');
  sweep.leave();
  (await run)?.leave();
  const stopped = new AbortController();
  const again = rig.must(await gate.enterSweep());
  const waiting = gate.enterRun(stopped.signal);
  stopped.abort();
  assert.equal(await waiting, undefined);
  again.leave();
});

test('a line of a journal that is not what was written is forgotten, whatever of it was changed', () => {
  using rig = new StoreRig();
  const path = rig.file('cache/files.journal', '');
  const journal = new Journal(path);
  for (const key of ['a', 'b', 'c']) journal.set(key, `value of ${key}`);
  journal.save();
  const whole = readFileSync(path);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({min: 1, max: 255}), (at, change) => {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ change;
      writeFileSync(path, damaged);
      const after = new Journal(path);
      for (const [key, value] of after.entries()) assert.equal(value, `value of ${key}`);
      // The last line without its end is one that a kill cut short.
      if (at < whole.length - 1) assert.ok(after.countDamaged() > 0);
      after.retain(() => true);
      assert.equal(new Journal(path).countDamaged(), 0);
    }),
    {numRuns: 300},
  );
});
