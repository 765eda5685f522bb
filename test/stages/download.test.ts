import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {after, before, test} from 'node:test';
import {gzipSync} from 'node:zlib';
import {pack} from 'tar-stream';
import {StageError} from '../../src/stage/define.ts';
import {sources} from '../../stages/data/catalogue.ts';
import {supply} from '../../stages/data/supply.ts';
import download from '../../stages/download.ts';
import {cutAfter, type DownloadServer, inTurn, ranged, startServer, status} from './download-server.ts';
import {runStage, type StageRun, temporaryFolder} from './rig.ts';

const mirror = resolve(import.meta.dirname, '../../../shared/data');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const content = Buffer.from(
  Array.from({length: 300_000}, (_, index) => (index * 7919 + (index >> 8)) & 0xff),
);

let server: DownloadServer;
before(async () => {
  server = await startServer();
});
after(() => server.close());

type FileParams = Readonly<Record<string, unknown>>;

const fetchFiles = (files: readonly FileParams[], surroundings: Parameters<typeof runStage>[2] = {}) =>
  runStage(download, {dataset: 'mine', files, idle_seconds: 0.3, attempts: 2}, surroundings);

const contentOf = (run: StageRun, name: string): Buffer => readFileSync(join(run.files.data ?? '', name));

async function refusal(work: Promise<unknown>): Promise<StageError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof StageError, String(error));
    return error;
  }
  throw new Error('expected a StageError, got success');
}

test('a cut connection is continued where it was cut, with Range and If-Range', async () => {
  server.serve('/cut', inTurn(cutAfter(content, 100_000, {etag: '"one"'}), ranged(content)));
  const run = await fetchFiles([{name: 'cut', urls: [`${server.url}/cut`], sha256: sha256(content)}]);
  assert.deepEqual(contentOf(run, 'cut'), content);
  const [first, second] = server.requests.filter(request => request.path === '/cut');
  assert.equal(first?.range, undefined);
  assert.match(second?.range ?? '', /^bytes=[1-9]\d*-$/);
  assert.ok(!existsSync(`${run.files.data}.partial`), 'nothing partial is left');
});

test('a file that changed on the host is loaded anew rather than glued together', async () => {
  const old = Buffer.from(content).fill(1);
  server.serve('/changed', inTurn(cutAfter(old, 100_000, {etag: '"old"'}), ranged(content, '"new"')));
  const run = await fetchFiles([{name: 'changed', urls: [`${server.url}/changed`], sha256: sha256(content)}]);
  assert.deepEqual(contentOf(run, 'changed'), content);
});

test('a host without Range or validators is asked for the whole file again', async () => {
  const whole = inTurn(cutAfter(content, 100_000, {}), (_request, response) => {
    response.writeHead(200).end(content);
  });
  server.serve('/plain', whole);
  const run = await fetchFiles([{name: 'plain', urls: [`${server.url}/plain`], sha256: sha256(content)}]);
  assert.deepEqual(contentOf(run, 'plain'), content);
  assert.ok(server.requests.filter(({path}) => path === '/plain').every(({range}) => range === undefined));
});

test('a partial download that survives in the checkpoint is continued by the next try', async () => {
  const checkpoint = temporaryFolder();
  const file = {name: 'kept', urls: [`${server.url}/kept`], sha256: sha256(content)};
  server.serve('/kept', inTurn(cutAfter(content, 200_000, {etag: '"one"'}), status(404)));
  await refusal(fetchFiles([file], {checkpoint}));
  assert.ok(existsSync(join(checkpoint, 'kept')));
  server.serve('/kept', ranged(content));
  assert.deepEqual(contentOf(await fetchFiles([file], {checkpoint}), 'kept'), content);
  assert.match(server.requests.at(-1)?.range ?? '', /^bytes=[1-9]/);
});

test('a wrong beginning that was continued is thrown away and the file loaded anew', async () => {
  const checkpoint = temporaryFolder();
  const url = `${server.url}/spoiled`;
  writeFileSync(join(checkpoint, 'spoiled'), Buffer.alloc(1000, 9));
  writeFileSync(join(checkpoint, 'spoiled.state'), JSON.stringify({url, validator: '"one"'}));
  server.serve('/spoiled', ranged(content));
  const run = await fetchFiles([{name: 'spoiled', urls: [url], sha256: sha256(content)}], {checkpoint});
  assert.deepEqual(contentOf(run, 'spoiled'), content);
});

test('hosts are tried in order, redirects are followed, and each failure is told with its reason', async () => {
  server.serve('/moved', (_request, response) => {
    response.writeHead(302, {location: `${server.url}/target`}).end();
  });
  server.serve('/target', ranged(content));
  server.serve('/busy', status(503));
  server.serve('/wrong', ranged(Buffer.from('other bytes')));
  server.serve('/silent', (_request, response) => {
    response.writeHead(200, {'content-length': '100'});
    response.write('a');
  });
  const bad = ['/missing', '/busy', '/wrong', '/silent'].map(path => server.url + path);
  const good = await fetchFiles([
    {name: 'file', urls: [...bad, `${server.url}/moved`], sha256: sha256(content)},
  ]);
  assert.deepEqual(contentOf(good, 'file'), content);

  const error = await refusal(fetchFiles([{name: 'file', urls: bad, sha256: sha256(content)}]));
  assert.match(error.message, /cannot get file of mine; 4 places were tried/);
  for (const url of bad) assert.ok(error.message.includes(url), url);
  assert.match(error.message, /HTTP 404/);
  assert.match(error.message, /HTTP 503 .*\(2 tries\)/);
  assert.match(error.message, /expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}/);
  assert.match(error.message, /no data for 0\.3 s/);
  assert.match(error.hint ?? '', /put file into DIR\/mine\/ and run with --mirror DIR/);
  assert.match(error.hint ?? '', /--set dataset=digits/);
});

test('a busy host that recovers is asked again', async () => {
  server.serve('/recovers', inTurn(status(503), ranged(content)));
  const run = await fetchFiles([{name: 'file', urls: [`${server.url}/recovers`], sha256: sha256(content)}]);
  assert.deepEqual(contentOf(run, 'file'), content);
});

test('a digest may be that of the gzip file or that of its content, and the result is the same', async () => {
  const packed = gzipSync(content, {level: 9});
  const other = gzipSync(content, {level: 1});
  server.serve('/packed', ranged(packed));
  server.serve('/other', ranged(other));
  const file = (path: string, digest: string) =>
    fetchFiles([{name: 'x.gz', urls: [server.url + path], sha256: digest, unpack: 'gzip'}]);
  const runs = [await file('/packed', sha256(packed)), await file('/other', sha256(content))];
  for (const run of runs) {
    assert.deepEqual(readdirSync(run.files.data ?? '').sort(), ['source.json', 'x']);
    assert.deepEqual(contentOf(run, 'x'), content);
  }
  const [first, second] = runs.map(run => contentOf(run, 'source.json').toString());
  assert.equal(first, second);
  const error = await refusal(file('/other', sha256(packed)));
  assert.match(error.message, /expected sha256/);
});

interface TarMember {
  readonly name: string;
  readonly type?: 'file' | 'symlink' | 'link';
  readonly linkname?: string;
}

async function tarGz(members: readonly TarMember[]): Promise<Buffer> {
  const archive = pack();
  for (const {name, type = 'file', linkname} of members) {
    if (linkname === undefined) archive.entry({name, type}, 'hello');
    else archive.entry({name, type, linkname});
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}

test('an archive is unpacked; members that leave the folder, links and twins make it refused', async () => {
  const unpack = (bytes: Buffer) => {
    server.serve('/archive', ranged(bytes));
    const urls = [`${server.url}/archive`];
    return fetchFiles([{name: 'a.tar.gz', urls, sha256: sha256(bytes), unpack: 'tar.gz'}]);
  };
  const good = await unpack(await tarGz([{name: './a/b.txt'}, {name: 'c.txt'}]));
  assert.equal(contentOf(good, 'a/b.txt').toString(), 'hello');
  assert.equal(contentOf(good, 'c.txt').toString(), 'hello');
  const bad: readonly [TarMember[], RegExp][] = [
    [[{name: '../out.txt'}], /"\.\.\/out\.txt" would be written outside of its folder/],
    [[{name: 'a/../../out.txt'}], /outside of its folder/],
    [[{name: '/etc/out.txt'}], /outside of its folder/],
    [[{name: 'a\\..\\out.txt'}], /outside of its folder/],
    [[{name: 'l', type: 'symlink', linkname: '/etc/passwd'}], /its member l is a symlink/],
    [[{name: 'a'}, {name: 'l', type: 'link', linkname: 'a'}], /its member l is a link/],
    [[{name: 'a'}, {name: './a'}], /has \.\/a twice/],
  ];
  for (const [members, reason] of bad) {
    assert.match((await refusal(unpack(await tarGz(members)))).message, reason);
  }
  const whole = await tarGz([{name: 'a'}]);
  assert.match((await refusal(unpack(whole.subarray(0, whole.length - 12)))).message, /it is damaged/);
});

test('the embedded digits need no network and carry their attribution', async () => {
  const run = await runStage(download, {dataset: 'digits'});
  assert.equal(contentOf(run, 'digits.csv').toString().trimEnd().split('\n').length, 1797);
  const source = JSON.parse(contentOf(run, 'source.json').toString());
  assert.equal(source.attribution.sha256, source.sha256['digits.csv']);
  assert.match(source.attribution.licence, /CC BY 4\.0/);
});

test('MNIST comes from a mirror whose gzip framing differs, checked by content', async context => {
  if (!existsSync(join(mirror, 'mnist'))) return context.skip('no mirror with MNIST at ../shared/data');
  const run = await runStage(download, {dataset: 'mnist'}, {mirror});
  assert.equal(run.metrics.bytes, 2 * 16 + 2 * 8 + 70_000 * 785);

  return undefined;
});

test('a file of the mirror that is not the right one is refused with its path', async () => {
  const broken = temporaryFolder();
  mkdirSync(join(broken, 'mnist'));
  const path = join(broken, 'mnist/labels.gz');
  writeFileSync(path, gzipSync(Buffer.alloc(60_008)));
  const file = {name: 'labels.gz', urls: [`${server.url}/none`], sha256: sha256(content), unpack: 'gzip'};
  const error = await refusal(runStage(download, {dataset: 'mnist', files: [file]}, {mirror: broken}));
  assert.ok(error.message.includes(path), error.message);
  assert.match(error.message, /labels: expected sha256 [0-9a-f]{64}, got/);
});

test('a part of CIFAR-10 is refused by default, named in the hint, and recorded when accepted', async context => {
  if (!existsSync(join(mirror, 'cifar10'))) return context.skip('no mirror with CIFAR-10 at ../shared/data');
  const offline = (sources.cifar10.parts[0] ?? []).map(one => ({
    ...one,
    urls: one.urls.map(() => `${server.url}/none`),
  }));
  const error = await refusal(
    supply(offline, {
      set: 'cifar10',
      folder: temporaryFolder(),
      work: temporaryFolder(),
      mirror,
      system: undefined,
      acceptsSubset: false,
      needed: ['cifar-10-binary.tar.gz'],
      idleMs: 1000,
      attempts: 1,
      pauseMs: 1,
      mostBytes: 1e9,
      signal: new AbortController().signal,
      log: () => {},
      onProgress: () => {},
    }),
  );
  assert.match(error.hint ?? '', /cifar-10-binary-mini\.tar\.gz; `subset: accept` takes it/);
  const run = await runStage(download, {dataset: 'cifar10', subset: 'accept'}, {mirror});
  assert.equal(JSON.parse(contentOf(run, 'source.json').toString()).is_subset, true);
  assert.equal(contentOf(run, 'test_batch.bin').length, 2000 * 3073);
  const named = await runStage(download, {dataset: 'cifar10-mini'}, {mirror});
  assert.deepEqual(contentOf(named, 'test_batch.bin'), contentOf(run, 'test_batch.bin'));
  assert.equal(JSON.parse(contentOf(named, 'source.json').toString()).is_subset, true);
  return undefined;
});

test('a data set that only a mirror can have says so', async () => {
  const error = await refusal(runStage(download, {dataset: 'cifar10-mini'}));
  assert.match(error.message, /cannot get cifar-10-binary-mini\.tar\.gz of cifar10; no host has it/);
  assert.match(
    error.hint ?? '',
    /put cifar-10-binary-mini\.tar\.gz into DIR\/cifar10\/ and run with --mirror/,
  );
});

test('files of a package of the operating system are taken before hosts are asked, and checked', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'good.gz'), gzipSync(content, {level: 1}));
  writeFileSync(join(folder, 'bad.gz'), gzipSync(content.subarray(1)));
  server.serve('/bad.gz', inTurn(ranged(gzipSync(content))));
  for (const name of ['good', 'bad']) {
    const target = temporaryFolder();
    const taken: string[] = [];
    await supply(
      [
        {
          file: `${name}.gz`,
          urls: [`${server.url}/${name}.gz`],
          digest: null,
          unpacking: {kind: 'gzip', to: name, content: {algorithm: 'sha256', hex: sha256(content)}},
          isSubset: false,
        },
      ],
      {
        set: 'mine',
        folder: target,
        work: temporaryFolder(),
        mirror: undefined,
        system: {folder, hint: ''},
        acceptsSubset: false,
        needed: [],
        idleMs: 1000,
        attempts: 1,
        pauseMs: 1,
        mostBytes: 1e9,
        signal: new AbortController().signal,
        log: line => taken.push(line),
        onProgress: () => {},
      },
    );
    assert.deepEqual(readFileSync(join(target, name)), content);
    assert.match(taken.at(-1) ?? '', name === 'good' ? /taken from .*good\.gz/ : /downloaded from/);
  }
});

test('MNIST without a network says how to run on the embedded digits', async () => {
  const offline = (sources.mnist.parts[0] ?? []).map(one => ({...one, urls: [`${server.url}/none`]}));
  const error = await refusal(
    supply(offline, {
      set: 'mnist',
      folder: temporaryFolder(),
      work: temporaryFolder(),
      mirror: undefined,
      system: undefined,
      acceptsSubset: false,
      needed: ['train-images-idx3-ubyte.gz'],
      idleMs: 1000,
      attempts: 1,
      pauseMs: 1,
      mostBytes: 1e9,
      signal: new AbortController().signal,
      log: () => {},
      onProgress: () => {},
    }),
  );
  assert.match(error.hint ?? '', /--set dataset=digits/);
});

test('an unknown data set is a mistake of the parameters, with what there is', () => {
  const parsed = download.params.safeParse({dataset: 'minst'});
  assert.match(parsed.error?.message ?? '', /expected digits, mnist, .*got minst/);
});
