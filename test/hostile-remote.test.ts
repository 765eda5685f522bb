// Shared stores that mean no good, by each protocol that goes over a network: bodies that never end or fall silent, other
// lengths than said, other bytes under a right name, rows that are gigantic. The servers speak the real protocols.

import assert from 'node:assert/strict';
import {existsSync, mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {after, test} from 'node:test';
import * as grpc from '@grpc/grpc-js';
import {load} from '@grpc/proto-loader';
import {digestBytes} from '../src/core/digest.ts';
import {limitedTo} from '../src/store/remote/limited.ts';
import {parseRemote} from '../src/store/remote/open-remote.ts';
import type {Remote} from '../src/store/remote/remote.ts';
import {RemoteTier} from '../src/store/remote/tier.ts';
import {StoreRig} from './rig/store-rig.ts';

const folder = mkdtempSync(join(tmpdir(), 'pipe-hostile-'));
after(() => rmSync(folder, {recursive: true, force: true}));
const settings = {project: folder, packageRoot: resolve(import.meta.dirname, '..'), token: null};
const digest = digestBytes('x');
const PIECE = Buffer.alloc(65_536, 'x');
/** How much an endless body gives if nobody stops it. Bytes. */
const ENDLESS = 400e6;

interface Hostile {
  readonly url: string;
  /** Bytes that it has sent of bodies without an end. */
  sent: number;
  close(): Promise<void>;
}

/** Answers every GET with a body that does not end: to a client of HTTP stores, and of S3. */
async function startEndless(): Promise<Hostile> {
  const server = createServer((_request, response) => {
    response.writeHead(200);
    const more = (): void => {
      if (response.destroyed || hostile.sent > ENDLESS) return;
      hostile.sent += PIECE.length;
      response.write(PIECE, more);
    };
    more();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  };
  const hostile: Hostile = {url: `127.0.0.1:${port}`, sent: 0, close};
  return hostile;
}

/** The same over gRPC; a blob of few bytes comes with more of them, and a row is larger than a message may be. */
async function startEndlessFarm(): Promise<Hostile> {
  const definition = await load(['remote_execution.proto', 'bytestream.proto'], {
    keepCase: true,
    longs: String,
    includeDirs: [join(settings.packageRoot, 'data/remote-execution')],
  });
  const server = new grpc.Server({'grpc.max_send_message_length': -1});
  const serviceOf = (name: string): grpc.ServiceDefinition => {
    const found = definition[name];
    assert.ok(found !== undefined && !('format' in found), name);
    return found as grpc.ServiceDefinition;
  };
  server.addService(serviceOf('google.bytestream.ByteStream'), {
    Read(call: grpc.ServerWritableStream<unknown, {data: Buffer}>) {
      const more = (): void => {
        if (call.cancelled || hostile.sent > ENDLESS) return;
        hostile.sent += PIECE.length;
        if (call.write({data: PIECE})) setImmediate(more);
        else call.once('drain', more);
      };
      more();
    },
  });
  server.addService(serviceOf('build.bazel.remote.execution.v2.ContentAddressableStorage'), {
    BatchReadBlobs(_call: unknown, done: (error: null, answer: object) => void) {
      done(null, {responses: [{data: PIECE}]});
    },
  });
  server.addService(serviceOf('build.bazel.remote.execution.v2.ActionCache'), {
    GetActionResult(_call: unknown, done: (error: null, answer: object) => void) {
      done(null, {stdout_raw: Buffer.alloc(20 * 1024 ** 2, 'x')});
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const hostile: Hostile = {url: `127.0.0.1:${port}`, sent: 0, close: async () => server.forceShutdown()};
  return hostile;
}

async function open(address: string): Promise<Remote> {
  const parsed = parseRemote(address, settings);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error);
  return parsed.value.open();
}

const PROTOCOLS = [
  {name: 'HTTP', start: startEndless, addressOf: (url: string) => `http://${url}`},
  {name: 'S3', start: startEndless, addressOf: (url: string) => `s3://lab/x?endpoint=http://${url}`},
  {name: 'the Remote Execution API', start: startEndlessFarm, addressOf: (url: string) => `grpc://${url}`},
] as const;
Object.assign(process.env, {AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'us-east-1'});

for (const {name, start, addressOf} of PROTOCOLS) {
  test(`over ${name}, no more is taken of a row or a blob than it may have`, async () => {
    const hostile = await start();
    const {blobs, actions} = await open(addressOf(hostile.url));
    try {
      assert.deepEqual(await actions.get({digest, size: 1}), {ok: true, value: undefined});
      assert.ok(hostile.sent < 200e6, `${hostile.sent} bytes for a row`);
      for (const size of [1_000, 5_000_000]) {
        hostile.sent = 0;
        const to = join(folder, 'to');
        const fetched = await blobs.fetch({digest, size}, to);
        assert.ok(!fetched.ok, `${size}`);
        assert.match(fetched.error.message, new RegExp(`more than the ${size} bytes`));
        assert.ok(!existsSync(to), 'nothing is left of it');
        assert.ok(hostile.sent < 200e6, `${hostile.sent} bytes for a blob`);
      }
    } finally {
      await Promise.all([blobs.close(), actions.close()]);
      await hostile.close();
    }
  });
}

test('a body that falls silent is not waited for, and a short one is what it is', async () => {
  const silent = new Readable({read() {}});
  silent.push('half');
  const fails = pipeline(silent, limitedTo({digest, size: 8}, 20), async body => {
    for await (const _ of body);
  });
  await assert.rejects(fails, /fell silent after 4 bytes/);
  let text = '';
  await pipeline(Readable.from([Buffer.from('half')]), limitedTo({digest, size: 8}, 60_000), async body => {
    for await (const piece of body) text += String(piece);
  });
  assert.equal(text, 'half');
});

test('other bytes under a right name, too few of them, or none, are no blob, and nothing is kept of them', async () => {
  for (const bytes of ['other', 'wan', '']) {
    using rig = new StoreRig();
    const wanted = {kind: 'file', digest: digestBytes('wanted'), size: 6} as const;
    const place = rig.path('shared');
    rig.file(`shared/cas/${wanted.digest.slice(0, 2)}/${wanted.digest}`, bytes);
    const parsed = parseRemote(place, {...settings, project: rig.folder});
    assert.ok(parsed.ok);
    const tier = new RemoteTier({address: parsed.value, shelf: rig.shelf});
    const brought = await tier.bring(wanted);
    assert.ok(!brought.ok, bytes);
    assert.ok(rig.shelf.findLoss(wanted.digest, 6) !== undefined);
    assert.deepEqual(readdirSync(rig.path('cache/tmp')), []);
  }
});
