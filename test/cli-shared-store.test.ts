// A store that machines share: what a colleague has made is fetched and not made again, only what is read is fetched,
// a store that lies cannot put in wrong bytes, and one that is down costs nothing but a line.

import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {startRemoteExecution, startWebCache} from './rig/servers.ts';

const base = mkdtempSync(join(tmpdir(), 'pipe-shared-'));
after(() => rmSync(base, {recursive: true, force: true}));

const STUDY = `
pipeline: study
params: {n: 3}
stages:
  data:
    run: head -c 3000000 /dev/zero | tr '\\0' x > "$out/big.bin"; echo made-data
    with: {n: "\${n}"}
    out: {big: big.bin}
  tree:
    run: mkdir -p "$out_tree/a/b"; echo one > "$out_tree/a/one"; echo two > "$out_tree/a/b/two"
    in: {data: data}
    out: {tree: tree/}
  count:
    run: cat "$in_tree"/a/one "$in_tree"/a/b/two > "$out_table"
    in: {tree: tree.tree}
    out: {table: table.txt}
    publish: results/study
`;

const files = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, {recursive: true, withFileTypes: true})
        .filter(entry => entry.isFile())
        .map(entry => join(entry.parentPath, entry.name))
    : [];

async function colleague(store: string): Promise<void> {
  using project = new CliProject(STUDY);
  project.write('pipe.config.yaml', `store: "${store}"\n`);
  const ran = await project.pipe('run', 'study');
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /sent \d+ blobs/);
}

test('a second project computes nothing, and fetches its table but not the data in between', async () => {
  const store = join(base, 'folder');
  await colleague(store);
  using project = new CliProject(STUDY);
  const ended = await project.start(['run', 'study'], {env: {PIPE_STORE: `${store}?mode=read`}}).ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /3 cached/);
  assert.equal(project.read('results/study/table.txt'), 'one\ntwo\n');
  const largest = Math.max(...files(project.path('cache/blobs')).map(path => statSync(path).size));
  assert.ok(largest < 1_000_000, 'the large file stayed where it is');
  // An edit below it brings it here after all.
  project.write('pipelines/study.yaml', STUDY.replace('echo one >', 'wc -c < "$in_data/big.bin" >'));
  const edited = await project.start(['run', 'study'], {env: {PIPE_STORE: `${store}?mode=read`}}).ended;
  assert.equal(edited.code, 0, edited.stderr);
  assert.equal(project.read('results/study/table.txt'), '3000000\ntwo\n');
});

for (const [name, start] of [
  ['a web server', startWebCache],
  ['the Remote Execution API', startRemoteExecution],
] as const) {
  test(`the same over ${name}`, async context => {
    await using server = await start();
    if (server === undefined) return context.skip(`${name} is not installed`);
    const env = {PIPE_STORE: server.url, PIPE_STORE_TOKEN: 'let-me-in'};
    using first = new CliProject(STUDY);
    const made = await first.start(['run', 'study'], {env}).ended;
    assert.equal(made.code, 0, made.stderr);
    using second = new CliProject(STUDY);
    const fetched = await second.start(['run', 'study'], {env}).ended;
    assert.match(fetched.stdout, /3 cached/, fetched.stderr);
    assert.equal(second.read('results/study/table.txt'), 'one\ntwo\n');
  });
}

test('bytes that are not those of their name never come in', async () => {
  const store = join(base, 'lying');
  await colleague(store);
  for (const path of files(join(store, 'cas'))) {
    if (statSync(path).size === 8) writeFileSync(path, 'one\nTWO\n');
  }
  using project = new CliProject(STUDY);
  const ended = await project.start(['run', 'study'], {env: {PIPE_STORE: store}}).ended;
  assert.equal(ended.code, 2);
  assert.match(ended.stdout, /gave other bytes under the name[\s\S]*--force makes it again/);
  assert.equal(existsSync(project.path('results/study/table.txt')), false);
});

test('a row whose blobs are gone is a miss, and is mended by who makes it again', async () => {
  const store = join(base, 'hollow');
  await colleague(store);
  cpSync(join(store, 'cas'), join(base, 'gone'), {recursive: true});
  rmSync(join(store, 'cas'), {recursive: true});
  await colleague(store);
  using project = new CliProject(STUDY);
  const ended = await project.start(['run', 'study'], {env: {PIPE_STORE: store}}).ended;
  assert.match(ended.stdout, /3 cached/);
});

test('rows that are cut short count as absent', async () => {
  const store = join(base, 'torn');
  await colleague(store);
  for (const path of files(join(store, 'ac'))) truncateSync(path, 50);
  using project = new CliProject(STUDY);
  const ended = await project.start(['run', 'study'], {env: {PIPE_STORE: store}}).ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /3 executed/);
});

test('a store that is down is said once and the run goes on, unless it is required', async () => {
  using project = new CliProject(STUDY);
  const ended = await project.start(['run', 'study'], {env: {PIPE_STORE: 'http://127.0.0.1:9/x'}}).ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stderr.match(/cannot be used/g)?.length, 1, ended.stderr);
  const required = {env: {PIPE_STORE: 'http://127.0.0.1:9/x?required=true'}};
  const refused = await project.start(['run', 'study', '--set', 'n=4'], required).ended;
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /the required store http:\/\/127\.0\.0\.1:9\/x cannot be used/);
});

test('an address that means nothing is a mistake', async () => {
  using project = new CliProject(STUDY);
  const ended = await project.start(['run', 'study'], {env: {PIPE_STORE: 'ftp://host'}}).ended;
  assert.equal(ended.code, 2);
  assert.match(ended.stderr, /expected a folder, http:\/\/…/);
});
