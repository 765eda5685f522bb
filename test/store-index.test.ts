// The local index is a cache of what the ledger and the blobs know: whatever happens to its files, the next run sets
// aside what is damaged, makes the rows again and says so in one line. So do all other files of the store.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import fc from 'fast-check';
import {fingerprintOf} from '../src/action/action.ts';
import {KeyvActionCache} from '../src/store/index/action-cache.ts';
import {CliProject} from './rig/cli-project.ts';
import {StoreRig, shellAction} from './rig/store-rig.ts';

const seed = process.env.FC_SEED === undefined ? {} : {seed: Number(process.env.FC_SEED)};

const TEXT = `pipeline: p
params: {n: 1}
stages:
  a: {run: 'echo "$n" > "$out_x"', out: {x: x}, with: {n: "\${n}"}}
  b: {run: 'cat "$in_a/x" > "$out_y"', in: {a: a}, out: {y: y}, publish: results/b}
`;

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort();

type Damage = (path: string) => void;
const damages: Readonly<Record<string, Damage>> = {
  'bytes in the middle': path => {
    const file = openSync(path, 'r+');
    writeSync(file, 'garbage\0', Math.floor(statSync(path).size / 2));
    closeSync(file);
  },
  'cut short': path => truncateSync(path, Math.floor(statSync(path).size / 2)),
  emptied: path => truncateSync(path, 0),
  'full of zeros': path => writeFileSync(path, Buffer.alloc(statSync(path).size)),
  gone: path => unlinkSync(path),
  'a folder': path => {
    unlinkSync(path);
    mkdirSync(path);
  },
  'a full folder': path => {
    unlinkSync(path);
    mkdirSync(join(path, 'below'), {recursive: true});
  },
  'a named pipe': path => {
    unlinkSync(path);
    execFileSync('mkfifo', [path]);
  },
};

/** Two runs with different parameters: what the first one gave is known to the index, and to the ledger, alone. */
async function filled(): Promise<CliProject> {
  const project = new CliProject(TEXT);
  for (const n of ['1', '2']) {
    const {code, stderr} = await project.start(['run', '--set', `n=${n}`]).ended;
    assert.equal(code, 0, stderr);
  }
  return project;
}

test('rows that are damaged in any way are made again, in one run, with one line that says so', async () => {
  using project = await filled();
  const index = project.path('cache/index');
  for (const [name, damage] of Object.entries(damages)) {
    for (const path of filesBelow(index)) if (!path.endsWith('format')) damage(path);
    const {code, stdout, stderr} = await project.start(['run', '--set', 'n=1']).ended;
    assert.equal(code, 0, `${name}: ${stderr}`);
    if (name === 'gone') {
      // Nothing shows that they were there: made again by running.
      assert.equal((await project.start(['run', '--set', 'n=2']).ended).code, 0);
      continue;
    }
    assert.match(stdout, /2 cached/, name);
    assert.match(
      stderr,
      /^! cache\/index was damaged and is set aside in cache\/quarantine: 4 rows were made again/m,
    );
    assert.equal(stderr.match(/^!/gm)?.length, 1, stderr);
    assert.equal(filesBelow(index).length, 5);
    const calm = await project.start(['run', '--set', 'n=2']).ended;
    assert.doesNotMatch(calm.stderr, /^!/m);
    assert.match(calm.stdout, /2 cached/);
  }
});

test('an index that is gone, or something else, is made again', async () => {
  using project = await filled();
  const index = project.path('cache/index');
  for (const replace of [
    () => undefined,
    () => writeFileSync(index, 'no folder'),
    () => execFileSync('mkfifo', [index]),
    () => mkdirSync(index),
  ]) {
    rmSync(index, {recursive: true});
    replace();
    const {code, stdout, stderr} = await project.start(['run', '--set', 'n=1']).ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /2 cached/);
    assert.match(stderr, /4 rows were made again/);
    const other = await project.start(['run', '--set', 'n=2']).ended;
    assert.match(other.stdout, /2 cached/);
    assert.doesNotMatch(other.stderr, /^!/m);
  }
});

test('damage anywhere in the store is answered: the next run ends well and in the same bytes, and does not hang', async () => {
  using project = await filled();
  const kinds = Object.entries(damages);
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.integer({min: 1, max: 3}), async (which, how, count) => {
      for (let i = 0; i < count; i++) {
        const files = filesBelow(project.path('cache')).filter(path => !path.includes('/quarantine/'));
        const path = files[(which + i * 7_919) % files.length] ?? '';
        const [name, damage] = kinds[(how + i) % kinds.length] ?? ['', () => undefined];
        damage(path);
        for (const n of ['2', '1']) {
          const {code, stdout, stderr} = await project.start(['run', '--set', `n=${n}`]).ended;
          assert.equal(code, 0, `${path} ${name}: ${stdout}${stderr}`);
          assert.equal(project.read('results/b/y'), `${n}\n`);
        }
      }
    }),
    {numRuns: 12, ...seed},
  );
});

test('folders of the store that are something else are said, and nothing hangs or is a bug', async () => {
  using project = await filled();
  for (const name of readdirSync(project.path('cache'))) {
    const path = project.path(`cache/${name}`);
    if (!statSync(path).isDirectory()) continue;
    for (const how of ['file', 'fifo'] as const) {
      rmSync(path, {recursive: true, force: true});
      if (how === 'file') writeFileSync(path, '');
      else execFileSync('mkfifo', [path]);
      const {code, stderr} = await project.start(['run', '--set', 'n=1', '--force']).ended;
      assert.ok(code === 0 || code === 1 || code === 2, `${name} as a ${how}: ${code} ${stderr}`);
      assert.doesNotMatch(stderr, /a bug of pipe/, `${name} as a ${how}`);
    }
    rmSync(path, {recursive: true, force: true});
    assert.equal((await project.start(['run', '--set', 'n=1']).ended).code, 0, name);
  }
});

test('what the sweep has removed does not come back with a rebuilt index', async () => {
  using rig = new StoreRig();
  const kept = shellAction('kept');
  const swept = shellAction('swept');
  const results = {kept: rig.result('kept'), swept: rig.result('swept')};
  rmSync(rig.shelf.pathOf(rig.put('swept').digest));
  const said: string[] = [];
  const cache = new KeyvActionCache({kind: 'local', folder: rig.store}, rig.blobs, {
    remembered: () => [
      {fingerprint: fingerprintOf(kept), action: kept, results: [results.kept]},
      {fingerprint: fingerprintOf(swept), action: swept, results: [results.swept]},
      {fingerprint: fingerprintOf(swept), action: kept, results: []},
    ],
    onMended: sentence => said.push(sentence),
  });
  rig.forgetLooks();
  assert.deepEqual(rig.must(await cache.lookup(fingerprintOf(kept))), {status: 'hit', result: results.kept});
  assert.deepEqual(rig.must(await cache.fingerprints()), [fingerprintOf(kept)]);
  assert.equal(said.length, 1);
  assert.match(readFileSync(join(rig.store, 'index/format'), 'latin1'), /^1\n$/);
  await cache.close();
});

test('one line says that rows are damaged, however many a run meets, one after the other', async () => {
  using rig = new StoreRig();
  const actions = [1, 2, 3].map(n => shellAction(`echo ${n}`));
  const before = rig.cache();
  for (const action of actions) rig.must(await before.record(action, rig.result('x')));
  await before.close();
  for (const path of filesBelow(rig.path('cache/index'))) {
    if (!path.endsWith('format')) writeFileSync(path, 'rot');
  }
  const told: string[] = [];
  const mending = {remembered: () => [], onMended: (sentence: string) => void told.push(sentence)};
  const cache = new KeyvActionCache({kind: 'local', folder: rig.store}, rig.blobs, mending);
  for (const action of actions) {
    assert.deepEqual(rig.must(await cache.lookup(fingerprintOf(action))), {status: 'miss'});
  }
  assert.equal(told.length, 1, told.join('\n'));
  assert.equal(cache.setAside.length, 3);
  await cache.close();
});
