// The action cache over files, over real Redis and PostgreSQL servers, and over servers that are gone.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {chmodSync, rmSync} from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {promisify} from 'node:util';
import {fingerprintOf} from '../src/action/action.ts';
import type {KeyvActionCache} from '../src/store/index/action-cache.ts';
import {describePlace, type IndexPlace, parseIndexPlace} from '../src/store/index/index-server.ts';
import {startPostgres, startRedis} from './rig/servers.ts';
import {StoreRig, shellAction} from './rig/store-rig.ts';

const action = shellAction('echo');
const fingerprint = fingerprintOf(action);

/** What every kind of index has to do. */
async function behave(rig: StoreRig, cache: KeyvActionCache, place: IndexPlace): Promise<void> {
  assert.deepEqual(rig.must(await cache.lookup(fingerprint)), {status: 'miss'});
  rig.must(await cache.note(action));
  assert.deepEqual(rig.must(await cache.lookup(fingerprint)), {status: 'miss'}, 'a failure is no result');
  assert.deepEqual(rig.must(await cache.actionOf(fingerprint)), action);

  const one = rig.result('one');
  assert.equal(rig.must(await cache.record(action, one)).differsFrom, undefined);
  assert.deepEqual(rig.must(await cache.lookup(fingerprint)), {status: 'hit', result: one});
  const other = rig.result('two');
  assert.deepEqual(rig.must(await cache.record(action, other)).differsFrom, one, 'not deterministic');
  assert.deepEqual(rig.must(await cache.resultsOf(fingerprint)), [one, other]);
  const later = rig.result('two', {startedAt: 5});
  rig.must(await cache.record(action, later));
  assert.deepEqual(rig.must(await cache.resultsOf(fingerprint)), [one, later], 'equal content is one result');

  const second = rig.cache(place);
  assert.deepEqual(
    rig.must(await second.lookup(fingerprint)),
    {status: 'hit', result: later},
    'kept outside',
  );
  await second.close();
}

test('over files: results are kept, several per action, and a second different one is told', async () => {
  using rig = new StoreRig();
  const place = {kind: 'local', folder: rig.store} as const;
  const cache = rig.cache(place);
  await behave(rig, cache, place);
  assert.deepEqual(rig.must(await cache.fingerprints()), [fingerprint]);
  rig.must(await cache.forget([fingerprint]));
  assert.deepEqual(rig.must(await cache.lookup(fingerprint)), {status: 'miss'});
  await cache.close();
});

test('a hit is believed only if every blob is there; an earlier result with its blobs serves', async () => {
  using rig = new StoreRig();
  const cache = rig.cache();
  const one = rig.result('one');
  const two = rig.result('two');
  rig.must(await cache.record(action, one));
  rig.must(await cache.record(action, two));
  await cache.close();
  const gone = rig.put('two');
  rmSync(rig.shelf.pathOf(gone.digest));
  rig.forgetLooks();
  const fresh = rig.cache();
  assert.deepEqual(rig.must(await fresh.lookup(fingerprint)), {status: 'hit', result: one});
  assert.deepEqual(rig.must(await fresh.lookup(fingerprint, two)), {status: 'hit', result: one});
  rmSync(rig.shelf.pathOf(rig.put('one').digest));
  rig.forgetLooks();
  const last = rig.cache();
  const lookup = rig.must(await last.lookup(fingerprint));
  assert.ok(lookup.status === 'lost' && lookup.output === 'x' && lookup.error.reason === 'missing-blob');
  await fresh.close();
  await last.close();
});

test('a result whose blobs are not in place is not recorded', async () => {
  using rig = new StoreRig();
  const cache = rig.cache();
  const result = rig.result('gone');
  rmSync(rig.shelf.pathOf(rig.put('gone').digest));
  const recorded = await cache.record(action, result);
  assert.ok(!recorded.ok && recorded.error.reason === 'missing-blob');
  assert.deepEqual(rig.must(await cache.lookup(fingerprint)), {status: 'miss'});
  await cache.close();
});

test('several processes write at once, and nothing is lost', async () => {
  using rig = new StoreRig();
  const root = join(import.meta.dirname, '..');
  const script = rig.file(
    'write.mts',
    `import {StoreRig, shellAction} from ${JSON.stringify(join(root, 'test/rig/store-rig.ts'))};
import {KeyvActionCache} from ${JSON.stringify(join(root, 'src/store/index/action-cache.ts'))};
using rig = new StoreRig();
const cache = new KeyvActionCache({kind: 'local', folder: ${JSON.stringify(rig.store)}}, rig.blobs);
for (let i = 0; i < 50; i++) rig.must(await cache.record(shellAction(process.argv[2] + ' ' + i), rig.result('x')));
await cache.close();
`,
  );
  const tsx = import.meta.resolve('tsx');
  const names = ['a', 'b', 'c'];
  await Promise.all(
    names.map(name => promisify(execFile)(process.execPath, ['--import', tsx, script, name])),
  );
  const cache = rig.cache();
  const found = new Set(rig.must(await cache.fingerprints()));
  const wanted = names.flatMap(name =>
    Array.from({length: 50}, (_, i) => fingerprintOf(shellAction(`${name} ${i}`))),
  );
  assert.equal(found.size, wanted.length);
  assert.ok(wanted.every(each => found.has(each)));
  await cache.close();
});

test('rows that this program would not have written count as absent', async () => {
  using rig = new StoreRig();
  const {openIndex} = await import('../src/store/index/index-server.ts');
  const index = rig.must(await openIndex({kind: 'local', folder: rig.store}));
  const rows = [
    null,
    7,
    {},
    {format: 2},
    {format: 1, action: {}, results: []},
    {format: 1, action, results: [{}]},
  ];
  for (const row of rows) {
    await index.set(fingerprint, row);
    const cache = rig.cache();
    assert.deepEqual(rig.must(await cache.lookup(fingerprint)), {status: 'miss'}, JSON.stringify(row));
    await cache.close();
  }
  await index.disconnect();
});

test('over a real Redis server', async context => {
  await using server = await startRedis();
  await onServer(context, server, 'redis-server');
});

test('over a real PostgreSQL server', async context => {
  await using server = await startPostgres();
  await onServer(context, server, 'postgresql');
});

async function onServer(context: TestContext, server: {readonly url: string} | undefined, name: string) {
  if (server === undefined) return context.skip(`${name} is not installed`);
  using rig = new StoreRig();
  const place = parseIndexPlace(server.url);
  assert.ok(place !== undefined);
  const cache = rig.cache(place);
  await behave(rig, cache, place);
  assert.deepEqual(rig.must(await cache.fingerprints()), [], 'a shared index is not ours to sweep');
  await cache.close();
}

test('a server that is gone or dies is an error, never a miss', async context => {
  using rig = new StoreRig();
  for (const scheme of ['redis', 'postgres']) {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    await new Promise(resolve => server.close(resolve));
    const place = parseIndexPlace(`${scheme}://user:secret@127.0.0.1:${address.port}`);
    assert.ok(place !== undefined);
    const cache = rig.cache(place);
    const answer = await cache.lookup(fingerprint);
    assert.ok(!answer.ok && answer.error.reason === 'io', scheme);
    assert.doesNotMatch(JSON.stringify(answer.error), /secret/, 'passwords stay out of messages');
    await cache.close();
  }
  const redis = await startRedis();
  if (redis === undefined) return context.skip('redis-server is not installed');
  const place = parseIndexPlace(redis.url);
  assert.ok(place !== undefined);
  const cache = rig.cache(place);
  rig.must(await cache.record(action, rig.result('x')));
  await redis[Symbol.asyncDispose]();
  assert.equal((await cache.lookup(fingerprint)).ok, false);
  await cache.close();
});

test('an address says what kind of index it is, and is shown without its password', () => {
  assert.deepEqual(parseIndexPlace('redis://h:1'), {kind: 'redis', url: 'redis://h:1'});
  assert.equal(parseIndexPlace('rediss://h')?.kind, 'redis');
  assert.equal(parseIndexPlace('postgresql://h/d')?.kind, 'postgres');
  assert.equal(parseIndexPlace('mysql://h'), undefined);
  assert.equal(describePlace({kind: 'redis', url: 'redis://me:secret@h:1/0'}), 'redis://h:1/0');
});

test('a folder that cannot be written is an error with its path', async context => {
  if (process.getuid?.() === 0) return context.skip('root may write anywhere');
  using rig = new StoreRig();
  rig.file('cache/x', '');
  chmodSync(rig.store, 0o500);
  const answer = await rig.cache().lookup(fingerprint);
  chmodSync(rig.store, 0o700);
  assert.ok(!answer.ok && answer.error.reason === 'io');
});
