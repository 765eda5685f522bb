// Hosts and packages that mean no good: bombs, bodies that never end, other lengths than said, ways out of the web.

import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {existsSync, readdirSync} from 'node:fs';
import {after, before, test} from 'node:test';
import {crc32, deflateRawSync, gzipSync} from 'node:zlib';
import fc from 'fast-check';
import {pack} from 'tar-stream';
import {StageError} from '../../src/stage/define.ts';
import download from '../../stages/download.ts';
import {type DownloadServer, ranged, startServer} from './download-server.ts';
import {runStage} from './rig.ts';

const seed = {seed: process.env.FC_SEED === undefined ? 1 : Number(process.env.FC_SEED)};
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let server: DownloadServer;
before(async () => {
  server = await startServer();
});
after(() => server.close());

/** The message of a refusal; nothing of what was refused may be left in the output. */
async function refusal(file: Readonly<Record<string, unknown>>, more: object = {}): Promise<string> {
  const params = {dataset: 'mine', files: [file], idle_seconds: 5, attempts: 1, ...more};
  try {
    const run = await runStage(download, params);
    throw new Error(`expected a StageError, got ${readdirSync(run.files.data ?? '').join()}`);
  } catch (error) {
    assert.ok(error instanceof StageError, String(error));
    return error.message;
  }
}

const zeros = Buffer.alloc(80e6);

async function tarOf(name: string, content: Buffer): Promise<Buffer> {
  const archive = pack();
  archive.entry({name}, content);
  archive.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of archive) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** A zip with one deflated file. */
function zipOf(name: string, content: Buffer): Buffer {
  const packed = deflateRawSync(content);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(8, 4);
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), packed]);
  const central = Buffer.concat([
    Buffer.from('PK\x01\x02\x14\x00', 'latin1'),
    common,
    Buffer.alloc(14),
    Buffer.from(name),
  ]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

test('a package that holds out of all proportion is refused before it fills the disk', async () => {
  const bombs = {
    gzip: gzipSync(zeros),
    'tar.gz': gzipSync(await tarOf('x', zeros)),
    zip: zipOf('x', zeros),
  };
  for (const [unpack, bytes] of Object.entries(bombs)) {
    assert.ok(bytes.length < 200_000);
    server.serve('/bomb', ranged(bytes));
    const file = {name: 'bomb', urls: [`${server.url}/bomb`], sha256: sha256(bytes), unpack};
    assert.match(await refusal(file), /holds more than 250 times its \d+ bytes, as a bomb does/, unpack);
  }
});

test('a body that never ends, or is larger than allowed, is cut', async () => {
  let sent = 0;
  server.serve('/endless', (_request, response) => {
    response.writeHead(200);
    const more = (): void => {
      if (response.destroyed || sent > 200e6) return;
      sent += 65_536;
      response.write(Buffer.alloc(65_536), more);
    };
    more();
  });
  const file = (path: string) => ({name: 'x', urls: [server.url + path], sha256: '0'.repeat(64)});
  assert.match(await refusal(file('/endless'), {most_bytes: 1e6}), /more than 1000000 bytes came/);
  assert.ok(sent < 100e6, `${sent} bytes were sent`);
  server.serve('/large', ranged(Buffer.alloc(2e6)));
  assert.match(await refusal(file('/large'), {most_bytes: 1e6}), /more than 1000000 bytes/);
});

test('a redirect leads nowhere but to the web, and not in a circle', async () => {
  for (const to of ['file:///etc/passwd', 'data:text/plain,hello', 'ftp://127.0.0.1/x', '/circle']) {
    server.serve('/circle', (_request, response) => void response.writeHead(302, {location: to}).end());
    const file = {name: 'x', urls: [`${server.url}/circle`], sha256: '0'.repeat(64)};
    const message = await refusal(file);
    assert.match(message, /1 place was tried/, to);
    assert.doesNotMatch(message, /root:|expected sha256/, to);
  }
});

test('a package of any bytes is refused with a reason, and never a way out of its folder', async () => {
  const whole = {
    gzip: gzipSync('hello'),
    'tar.gz': gzipSync(await tarOf('a/b', Buffer.from('hello'))),
    zip: zipOf('a/b', Buffer.from('hello')),
  };
  const change = fc.record({
    unpack: fc.constantFrom('gzip' as const, 'tar.gz' as const, 'zip' as const),
    at: fc.nat(4096),
    bytes: fc.uint8Array({minLength: 1, maxLength: 6}),
    cut: fc.option(fc.nat(4096)),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({unpack, at, bytes, cut}) => {
      const damaged = Buffer.from(whole[unpack]);
      damaged.set(
        bytes.subarray(0, Math.max(0, damaged.length - (at % damaged.length))),
        at % damaged.length,
      );
      const served = cut === null ? damaged : damaged.subarray(0, cut % damaged.length);
      server.serve('/any', ranged(served));
      const file = {name: 'any', urls: [`${server.url}/any`], sha256: sha256(served), unpack};
      try {
        const run = await runStage(download, {dataset: 'mine', files: [file], idle_seconds: 5, attempts: 1});
        assert.ok(existsSync(run.files.data ?? ''));
      } catch (error) {
        assert.ok(error instanceof StageError, String(error));
      }
    }),
    {numRuns: 60, ...seed},
  );
});
