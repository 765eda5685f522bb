// The contract of a store elsewhere, held by each protocol against a real server of it.

import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {after, type TestContext, test} from 'node:test';
import {type Digest, digestBytes} from '../src/core/digest.ts';
import {parseRemote, type RemoteSettings} from '../src/store/remote/open-remote.ts';
import type {BlobName, Remote} from '../src/store/remote/remote.ts';
import {startRemoteExecution, startS3, startWebCache} from './rig/servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'pipe-remote-'));
after(() => rmSync(folder, {recursive: true, force: true}));
const settings: RemoteSettings = {
  project: folder,
  packageRoot: resolve(import.meta.dirname, '..'),
  token: 'let-me-in',
};

async function open(address: string): Promise<Remote> {
  const parsed = parseRemote(address, settings);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error);
  return parsed.value.open();
}

let files = 0;
function fileOf(bytes: Uint8Array): {path: string; blob: BlobName} {
  const path = join(folder, `file-${files++}`);
  writeFileSync(path, bytes);
  return {path, blob: {digest: digestBytes(bytes), size: bytes.byteLength}};
}

/** What every store elsewhere promises. `isConditional`: it can refuse a second row. */
async function holdsContract({blobs, actions}: Remote, isConditional: boolean): Promise<void> {
  const value = <T>(result: {ok: true; value: T} | {ok: false; error: {message: string}}): T => {
    if (!result.ok) throw new Error(result.error.message);
    return result.value;
  };
  // Sizes around each protocol's own borders: nothing at all, one message, several, parts.
  const sizes = [0, 1, 1_000, 2 * 1024 * 1024, 5 * 1024 * 1024 + 1];
  const sent = sizes.map(size => fileOf(randomBytes(size)));
  const absent = fileOf(randomBytes(100)).blob;
  assert.deepEqual(
    value(await blobs.has(sent.map(({blob}) => blob).filter(({size}) => size > 0))),
    new Set(),
  );
  const target = join(folder, `to-${files++}`);
  assert.equal(value(await blobs.fetch(absent, target)), false);
  for (const {path, blob} of sent) value(await blobs.push(blob, path));
  // A second time is no mistake.
  for (const {path, blob} of sent.slice(0, 4)) value(await blobs.push(blob, path));
  const found = value(await blobs.has([absent, ...sent.map(({blob}) => blob)]));
  assert.deepEqual(found, new Set(sent.map(({blob}) => blob.digest)));
  for (const {path, blob} of sent) {
    const to = join(folder, `to-${files++}`);
    assert.equal(value(await blobs.fetch(blob, to)), true);
    assert.ok(readFileSync(to).equals(readFileSync(path)), `${blob.size} bytes come back`);
  }
  // Many questions at once, after nothing that a random byte can be.
  const names = Array.from({length: 300}, (_, n) => ({digest: digestBytes(`absent ${n}`), size: 10}));
  assert.deepEqual(value(await blobs.has(names)), new Set<Digest>());

  const key = `pipe:action:1\n{"n":"${randomBytes(8).toString('hex')}"}`;
  const row = {digest: digestBytes(key), size: Buffer.byteLength(key)};
  const named = sent.map(({blob}) => blob);
  assert.equal(value(await actions.get(row)), undefined);
  assert.equal(value(await actions.put(row, '{"is":"first"}', named, 'new')), 'written');
  assert.equal(value(await actions.get(row)), '{"is":"first"}');
  if (isConditional) {
    assert.equal(value(await actions.put(row, '{"is":"second"}', named, 'new')), 'kept');
    assert.equal(value(await actions.get(row)), '{"is":"first"}');
    const other = {digest: digestBytes(`${key}2`), size: Buffer.byteLength(`${key}2`)};
    const writers = Array.from({length: 8}, (_, n) => actions.put(other, `{"n":${n}}`, named, 'new'));
    const answers = (await Promise.all(writers)).map(value);
    assert.equal(answers.filter(answer => answer === 'written').length, 1, 'one of many writers wins');
  }
  value(await actions.put(row, '{"is":"third"}', named, 'replace'));
  assert.equal(value(await actions.get(row)), '{"is":"third"}');
  await blobs.close();
  await actions.close();
}

/** A store that nobody serves is an error in bounded time, told without secrets. */
async function saysThatNobodyAnswers(address: string): Promise<void> {
  const {blobs, actions} = await open(address);
  const {blob, path} = fileOf(randomBytes(10));
  for (const answer of [await blobs.has([blob]), await blobs.push(blob, path), await actions.get(blob)]) {
    assert.equal(answer.ok, false);
    if (!answer.ok) assert.doesNotMatch(JSON.stringify(answer.error), /let-me-in|hunter2/);
  }
  await blobs.close();
  await actions.close();
}

const skip = (context: TestContext, what: string): void => context.skip(`${what} is not installed`);

test('a folder keeps the contract', async () => {
  await holdsContract(await open(join(folder, 'shared')), true);
});

test('a web server keeps the contract', async context => {
  await using server = await startWebCache();
  if (server === undefined) return skip(context, 'nginx');
  await holdsContract(await open(`${server.url}/team`), false);
  const {actions} = await (async () => {
    const parsed = parseRemote(server.url, {...settings, token: null});
    assert.ok(parsed.ok);
    return parsed.value.open();
  })();
  const refused = await actions.get({digest: digestBytes('x'), size: 1});
  assert.ok(!refused.ok && /answers 401/.test(refused.error.message), 'a token is asked for');
  assert.match(refused.error.hint ?? '', /PIPE_STORE_TOKEN/);
  await actions.close();
});

test('a web server that is not there is told', () =>
  saysThatNobodyAnswers('http://me:hunter2@127.0.0.1:9/x'));

test('an S3 server keeps the contract', async context => {
  await using server = await startS3();
  if (server === undefined) return skip(context, 'gofakes3 or versitygw');
  Object.assign(process.env, server.env);
  const {CreateBucketCommand, S3Client} = await import('@aws-sdk/client-s3');
  const admin = new S3Client({endpoint: server.url, forcePathStyle: true});
  await admin.send(new CreateBucketCommand({Bucket: 'lab'}));
  admin.destroy();
  await holdsContract(await open(`s3://lab/pipe?endpoint=${server.url}`), true);
  const {blobs} = await open(`s3://nobody/pipe?endpoint=${server.url}`);
  const refused = await blobs.push(fileOf(randomBytes(3)).blob, join(folder, `file-${files - 1}`));
  assert.ok(!refused.ok && /NoSuchBucket/.test(refused.error.message));
  await blobs.close();
});

test('a server of the Remote Execution API keeps the contract', async context => {
  await using server = await startRemoteExecution();
  if (server === undefined) return skip(context, 'buildbox-casd');
  await holdsContract(await open(server.url), false);
});

test('a server of the Remote Execution API that is not there is told', () =>
  saysThatNobodyAnswers('grpc://127.0.0.1:9'));

test('addresses that mean nothing are answered by what was expected', () => {
  for (const [address, expected] of [
    ['ftp://host/x', /expected a folder, http/],
    ['s3://bucket?endpont=x', /expected mode, required, endpoint/],
    ['http://host/?mode=write', /mode=read or mode=read-write/],
  ] as const) {
    const parsed = parseRemote(address, settings);
    assert.ok(!parsed.ok && expected.test(parsed.error), address);
  }
});
