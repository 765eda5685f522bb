// The blob store on a real disk: addresses, atomicity, damage, folders, restoring.

import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {test} from 'node:test';
import fc from 'fast-check';
import type {Artifact} from '../src/action/action.ts';
import {digestBytes} from '../src/core/digest.ts';
import {StoreRig} from './rig/store-rig.ts';

test('a blob is where its digest says, read-only, and putting it again changes nothing', () => {
  using rig = new StoreRig();
  const put = rig.must(rig.blobs.putBytes('hello'));
  assert.deepEqual(put, {kind: 'file', digest: digestBytes('hello'), size: 5});
  const path = join(rig.store, 'blobs', put.digest.slice(0, 2), put.digest.slice(2));
  assert.equal(readFileSync(path, 'utf8'), 'hello');
  assert.equal(statSync(path).mode & 0o222, 0);
  const before = statSync(path, {bigint: true});
  rig.must(rig.blobs.putBytes('hello'));
  assert.equal(statSync(path, {bigint: true}).ino, before.ino);
  assert.deepEqual(readdirSync(join(rig.store, 'tmp')), []);
});

test('taking a file moves it, copying it leaves it, and both are the same blob', async () => {
  using rig = new StoreRig();
  const source = rig.file('source', 'bytes');
  const copied = rig.must(await rig.blobs.admit(source, 'file', 'copy'));
  assert.ok(existsSync(source));
  const taken = rig.must(await rig.blobs.admit(source, 'file', 'take'));
  assert.ok(!existsSync(source));
  assert.deepEqual(taken, copied);
});

test('a file with a second name is copied when taken, so that no edit reaches the store', async () => {
  using rig = new StoreRig();
  const source = rig.file('source', 'bytes');
  const {linkSync} = await import('node:fs');
  linkSync(source, rig.path('other'));
  const taken = rig.must(await rig.blobs.admit(source, 'file', 'take'));
  appendFileSync(rig.path('other'), ' and more');
  assert.equal(rig.blobs.findLoss(taken), undefined);
  assert.equal(rig.must(rig.blobs.read(taken.digest)).toString(), 'bytes');
});

test('large files are hashed while they are copied', async () => {
  using rig = new StoreRig();
  const bytes = Buffer.alloc(20_000_000, 'abcdefg');
  const source = rig.file('large', bytes);
  const admitted = rig.must(await rig.blobs.admit(source, 'file', 'copy'));
  assert.equal(admitted.digest, digestBytes(bytes));
  assert.equal(rig.blobs.findLoss(admitted), undefined);
});

test('a folder is a Merkle tree: names, empty folders and the executable bit come back', async () => {
  using rig = new StoreRig();
  rig.file('in/a.txt', 'a');
  rig.file('in/sub/ö 😀.txt', 'b');
  rig.file('in/run.sh', '#!/bin/sh\n');
  chmodSync(rig.path('in/run.sh'), 0o755);
  mkdirSync(rig.path('in/empty/below'), {recursive: true});
  const artifact = rig.must(await rig.blobs.admit(rig.path('in'), 'folder', 'copy'));
  rig.must(await rig.blobs.restore(artifact, rig.path('out'), 'copy'));
  assert.deepEqual(tree(rig.path('out')), tree(rig.path('in')));
  assert.equal(statSync(rig.path('out/run.sh')).mode & 0o111, 0o111);
  assert.equal(statSync(rig.path('out/a.txt')).mode & 0o111, 0);
  const again = rig.must(await rig.blobs.admit(rig.path('out'), 'folder', 'copy'));
  assert.deepEqual(again, artifact);
});

test('random folders come back as they were, and equal folders have equal digests', async () => {
  const name = fc.stringMatching(/^[a-zé_. -]{1,6}$/).filter(text => !/^\.{1,2}$/.test(text));
  const content = fc.dictionary(
    fc.array(name, {minLength: 1, maxLength: 3}).map(parts => parts.join('/')),
    fc.string({maxLength: 8}),
    {maxKeys: 6},
  );
  await fc.assert(
    fc.asyncProperty(content, async files => {
      using rig = new StoreRig();
      mkdirSync(rig.path('in'));
      for (const [path, text] of Object.entries(files)) {
        // A name may be a folder for one and a file for another: the first wins.
        try {
          rig.file(`in/${path}`, text);
        } catch {}
      }
      const artifact = rig.must(await rig.blobs.admit(rig.path('in'), 'folder', 'copy'));
      rig.must(await rig.blobs.restore(artifact, rig.path('out'), 'link'));
      assert.deepEqual(tree(rig.path('out')), tree(rig.path('in')));
      assert.deepEqual(rig.must(await rig.blobs.admit(rig.path('out'), 'folder', 'copy')), artifact);
    }),
    {numRuns: 30},
  );
});

test('links inside a folder are stored as what they point to; links that leave it, dangle or loop are refused', async () => {
  using rig = new StoreRig();
  rig.file('secret', 'outside');
  rig.file('in/a.txt', 'a');
  symlinkSync('a.txt', rig.path('in/b.txt'));
  const artifact = rig.must(await rig.blobs.admit(rig.path('in'), 'folder', 'copy'));
  assert.deepEqual(
    rig.must(rig.blobs.filesOf(artifact)).map(({path}) => path),
    ['a.txt', 'b.txt'],
  );
  for (const target of ['../secret', 'nowhere', '.', rig.path('secret')]) {
    rmSync(rig.path('in/b.txt'));
    symlinkSync(target, rig.path('in/b.txt'));
    const refused = await rig.blobs.admit(rig.path('in'), 'folder', 'copy');
    assert.ok(!refused.ok && refused.error.reason === 'refused', target);
  }
  rmSync(rig.path('in/b.txt'));
  const server = createServer().listen(rig.path('in/socket'));
  await new Promise(resolve => server.once('listening', resolve));
  const refused = await rig.blobs.admit(rig.path('in'), 'folder', 'copy');
  server.close();
  assert.ok(!refused.ok && refused.error.reason === 'refused');
});

test('damage is found by one stat, set aside, and told; the blob can be put again', () => {
  using rig = new StoreRig();
  const damages: Array<(path: string) => void> = [
    path => writeFileSync(path, 'evil!'),
    path => truncateSync(path, 0),
    path => rmSync(path),
  ];
  for (const damage of damages) {
    const artifact = rig.must(rig.blobs.putBytes('hello'));
    const path = rig.shelf.pathOf(artifact.digest);
    chmodSync(path, 0o644);
    damage(path);
    const loss = rig.blobs.findLoss(artifact);
    assert.match(loss?.reason ?? '', /damaged-blob|missing-blob/);
    assert.ok(!existsSync(path));
    rig.must(rig.blobs.putBytes('hello'));
    assert.equal(rig.blobs.findLoss(artifact), undefined);
  }
  assert.equal(readdirSync(join(rig.store, 'quarantine')).length, 2);
});

test('a blob that was only touched is read once and kept', () => {
  using rig = new StoreRig();
  const artifact = rig.must(rig.blobs.putBytes('hello'));
  utimesSync(rig.shelf.pathOf(artifact.digest), 1, 2);
  assert.equal(rig.blobs.findLoss(artifact), undefined);
  assert.ok(!existsSync(join(rig.store, 'quarantine')));
});

test('silent damage, which keeps size and times, is found by verify and by reading', async () => {
  using rig = new StoreRig();
  const artifact = rig.must(rig.blobs.putBytes('hello'));
  rig.must(rig.blobs.putBytes('fine'));
  const path = rig.shelf.pathOf(artifact.digest);
  const {mtime, atime} = statSync(path);
  chmodSync(path, 0o644);
  writeFileSync(path, 'jello');
  utimesSync(path, atime, mtime);
  const verified = rig.must(await rig.blobs.verify());
  assert.deepEqual([verified.blobs, verified.damaged.map(({digest}) => digest)], [2, [artifact.digest]]);
  const read = rig.blobs.read(artifact.digest);
  assert.ok(!read.ok && read.error.reason === 'missing-blob');
});

test('a folder blob that this store would not have written counts as damaged', () => {
  using rig = new StoreRig();
  for (const text of ['{}', '{"files":{"../up":{}},"folders":{}}', 'no json']) {
    const put = rig.must(rig.blobs.putBytes(text));
    const artifact: Artifact = {kind: 'folder', digest: put.digest, size: 0};
    assert.equal(rig.blobs.findLoss(artifact)?.reason, 'damaged-blob', text);
  }
});

test('restoring leaves alone what is right, mends what is not, and never reaches the store', async () => {
  using rig = new StoreRig();
  rig.file('in/a.txt', 'a');
  rig.file('in/sub/b.txt', 'b');
  const artifact = rig.must(await rig.blobs.admit(rig.path('in'), 'folder', 'copy'));
  const out = rig.path('out');
  assert.deepEqual(rig.must(await rig.blobs.restore(artifact, out, 'copy')), {files: 2, changed: 2});
  assert.deepEqual(rig.must(await rig.blobs.restore(artifact, out, 'copy')), {files: 2, changed: 0});
  writeFileSync(join(out, 'a.txt'), 'mine');
  assert.equal(rig.blobs.findLoss(artifact), undefined, 'the copy is the user’s own');
  assert.deepEqual(rig.must(await rig.blobs.restore(artifact, out, 'copy')), {files: 2, changed: 1});
  rmSync(join(out, 'sub'), {recursive: true});
  assert.deepEqual(rig.must(await rig.blobs.restore(artifact, out, 'copy')), {files: 2, changed: 1});
  writeFileSync(join(out, 'notes.txt'), 'by hand');
  rig.must(await rig.blobs.restore(artifact, out, 'copy'));
  assert.equal(readFileSync(join(out, 'notes.txt'), 'utf8'), 'by hand');
  rig.put('by hand');
  rig.must(await rig.blobs.restore(artifact, out, 'copy'));
  assert.equal(
    readFileSync(join(out, 'notes.txt'), 'utf8'),
    'by hand',
    'the store happens to have its bytes',
  );
});

test('what the user has is never replaced by something of another kind, also where the store has its bytes', async () => {
  using rig = new StoreRig();
  const artifact = rig.must(rig.blobs.putBytes('hello'));
  rig.file('out/mine.txt', 'mine');
  const refused = await rig.blobs.restore(artifact, rig.path('out'), 'copy');
  assert.ok(!refused.ok && refused.error.reason === 'refused');
  assert.equal(readFileSync(rig.path('out/mine.txt'), 'utf8'), 'mine');
  assert.deepEqual(readdirSync(rig.folder).sort(), ['cache', 'out'], 'nothing staged is left behind');
  rig.put('mine');
  const known = await rig.blobs.restore(artifact, rig.path('out'), 'copy');
  assert.ok(!known.ok && known.error.reason === 'refused');
  rmSync(rig.path('out'), {recursive: true});
  mkdirSync(rig.path('out/empty'), {recursive: true});
  rig.must(await rig.blobs.restore(artifact, rig.path('out'), 'copy'));
  assert.equal(readFileSync(rig.path('out'), 'utf8'), 'hello');
  writeFileSync(rig.path('out'), 'by hand');
  rig.file('in/a.txt', 'a');
  const folder = rig.must(await rig.blobs.admit(rig.path('in'), 'folder', 'copy'));
  const inTheWay = await rig.blobs.restore(folder, rig.path('out'), 'copy');
  assert.ok(!inTheWay.ok && inTheWay.error.reason === 'refused');
  assert.equal(readFileSync(rig.path('out'), 'utf8'), 'by hand');
});

test('a temporary name appears as a blob only by rename: a reader never sees half of one', async () => {
  using rig = new StoreRig();
  const blobs = join(rig.store, 'blobs');
  const bytes = Buffer.alloc(3_000_000, 'x');
  const source = rig.file('source', bytes);
  const admission = rig.blobs.admit(source, 'file', 'copy');
  let seen = 0;
  const look = (): void => {
    for (const path of walk(blobs)) {
      seen++;
      assert.equal(digestBytes(readFileSync(path)), digestBytes(bytes));
    }
  };
  let isDone = false;
  void admission.then(() => (isDone = true));
  while (!isDone) {
    look();
    await new Promise(resolve => setImmediate(resolve));
  }
  look();
  assert.ok(seen >= 1);
});

function walk(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, {withFileTypes: true}).flatMap(entry =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

/** Path → content, folders included. */
function tree(folder: string, prefix = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (lstatSync(path).isDirectory()) {
      found[`${prefix}${name}/`] = '';
      Object.assign(found, tree(path, `${prefix}${name}/`));
    } else found[prefix + name] = readFileSync(path, 'utf8');
  }
  return found;
}
