// Rows of the action cache that we would not have written: their names lead nowhere, and they count as absent.

import assert from 'node:assert/strict';
import {existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import fc from 'fast-check';
import {type Action, digestOfVariable, type Fingerprint, fingerprintOf} from '../src/action/action.ts';
import type {Json} from '../src/core/json.ts';
import {openIndex} from '../src/store/index/index-server.ts';
import {decodeRow} from '../src/store/index/row-schema.ts';
import {CliProject} from './rig/cli-project.ts';
import {StoreRig, shellAction} from './rig/store-rig.ts';

const TEXT = `pipeline: p
stages:
  a: {run: 'echo a > "$out_x"', out: {x: x}}
  b: {run: 'cat "$in_a/x" > "$out_y"', in: {a: a}, out: {y: y}, publish: results/b}
`;

interface RawRow {
  readonly action: {readonly work: {readonly command: string}};
  readonly results: Array<{outputs: Json; readonly log: string}>;
}

/** What everybody who writes to the index could do to its only row of stage `a`. */
async function spoil(project: CliProject, change: (row: RawRow) => void): Promise<void> {
  using rig = new StoreRig();
  const place = {kind: 'local', folder: project.path('cache')} as const;
  const cache = rig.cache(place);
  const fingerprints = rig.must(await cache.fingerprints());
  await cache.close();
  const opened = await openIndex(place);
  assert.ok(opened.ok);
  let spoilt = 0;
  for (const fingerprint of fingerprints) {
    const row = await opened.value.get<RawRow>(fingerprint);
    if (row?.action.work.command.startsWith('echo') !== true) continue;
    change(row);
    await opened.value.set(fingerprint, row);
    spoilt++;
  }
  await opened.value.disconnect();
  assert.equal(spoilt, 1);
}

test('an output named like a path out of the store leads nowhere, and its row is not used', async () => {
  using project = new CliProject(TEXT);
  const outside = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-precious-')));
  try {
    writeFileSync(join(outside, 'thesis.txt'), 'years of work');
    assert.equal((await project.start(['run']).ended).code, 0);
    for (const name of [`../../../../../..${outside}`, outside, '..', '__proto__']) {
      await spoil(project, ({results}) => {
        for (const result of results) {
          const artifact = {kind: 'folder', digest: result.log, size: 0};
          result.outputs = JSON.parse(`{${JSON.stringify(name)}: ${JSON.stringify(artifact)}}`);
        }
      });
      rmSync(project.path('cache/last'), {recursive: true});
      const again = await project.start(['run']).ended;
      assert.equal(again.code, 0, again.stderr);
      assert.match(again.stdout, /1 (ran|executed)/, `the row does not count: ${again.stdout}`);
      assert.ok(existsSync(join(outside, 'thesis.txt')));
      assert.equal(project.read('results/b/y'), 'a\n');
    }
  } finally {
    rmSync(outside, {recursive: true, force: true});
  }
});

test('a row under the key of another action is absent', async () => {
  using rig = new StoreRig();
  const cache = rig.cache();
  const wanted = shellAction('wanted');
  const other = shellAction('other');
  rig.must(await cache.record(other, rig.result('poison')));
  await cache.close();
  const opened = await openIndex({kind: 'local', folder: rig.store});
  assert.ok(opened.ok);
  await opened.value.set(fingerprintOf(wanted), await opened.value.get(fingerprintOf(other)));
  await opened.value.disconnect();
  const fresh = rig.cache();
  assert.deepEqual(rig.must(await fresh.lookup(fingerprintOf(wanted))), {status: 'miss'});
  assert.equal(rig.must(await fresh.actionOf(fingerprintOf(wanted))), undefined);
  await fresh.close();
});

test('results with other outputs than the declared ones, or of another kind, are dropped', () => {
  using rig = new StoreRig();
  const action = shellAction('x');
  const good = rig.result('good');
  const {x} = good.outputs;
  assert.ok(x !== undefined);
  const row = {
    format: 1,
    action,
    results: [
      {...good, outputs: {}},
      {...good, outputs: {x, y: x}},
      {...good, outputs: {x: {...x, kind: 'folder'}}},
      {...good, outputs: {x: {...x, size: -1}}},
      {...good, log: '../../etc/passwd'},
      {...good, metrics: {'a\u001b[2J': 1}},
      {...good, made: {...good.made, host: 'h\u001b]0;owned\u0007'}},
      good,
    ],
  };
  assert.deepEqual(decodeRow(row, fingerprintOf(action))?.results, [good]);
});

/** Every place of a JSON value. */
function* placesOf(
  value: Json,
  place: readonly (string | number)[] = [],
): Generator<readonly (string | number)[]> {
  yield place;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, below] of Object.entries(value)) yield* placesOf(below, [...place, key]);
}

test('whatever stands in a place of a row, what comes out is a row that we could have written', () => {
  using rig = new StoreRig();
  const producer = {
    cell: {seed: 1},
    isWhole: true,
    outputs: {x: {path: 'x', artifact: rig.put('x')}},
    metrics: {accuracy: 0.5},
    origin: {
      instance: 'train[seed=1]',
      fingerprint: digestOfVariable('f'),
      choosers: [{instance: 'best', params: {metric: 'accuracy'}, metrics: {cells: 3}}],
    },
  };
  const action: Action = {
    ...shellAction('x'),
    params: {lr: [0.1, {a: null}]},
    inputs: {one: {kind: 'one', content: producer}, each: {kind: 'each', contents: [producer]}},
    files: {'a/b c.txt': {digest: rig.put('file').digest, isExecutable: true}},
    env: {A: null, B: digestOfVariable('b')},
  };
  const row = JSON.parse(JSON.stringify({format: 1, action, results: [rig.result('a'), rig.result('b')]}));
  const places = [...placesOf(row)];
  const hostile = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('..', '../../x', '/etc', '', '__proto__', '\u001b[2J', 'a\0b', -1, 1.5),
  );
  fc.assert(
    fc.property(fc.constantFrom(...places), hostile, (place, value) => {
      const copy = structuredClone(row);
      if (place.length === 0) return decodeRow(value, fingerprintOf(action)) === undefined;
      let holder = copy;
      for (const key of place.slice(0, -1)) holder = holder[key];
      holder[place.at(-1) ?? ''] = value;
      const decoded = decodeRow(copy, fingerprintOf(action));
      if (decoded === undefined) return true;
      assert.deepEqual(decoded.action, action, 'the action is the one of the key');
      for (const result of decoded.results) {
        assert.deepEqual(Object.keys(result.outputs), ['x']);
        assert.match(String(result.outputs.x?.digest), /^[0-9a-f]{64}$/);
        assert.ok(
          Object.values(result.made).every(word => typeof word !== 'string' || !/\p{Cc}/u.test(word)),
        );
      }
      return true;
    }),
    {numRuns: 2_000},
  );
});

test('an action whose paths leave their folder is none, even under its own key', () => {
  for (const path of ['../x', '/x', 'a/../../x', 'a\0b', './x', '']) {
    const action: Action = {...shellAction('x'), outputs: {x: {kind: 'file', path}}};
    assert.equal(
      decodeRow({format: 1, action, results: []}, fingerprintOf(action) as Fingerprint),
      undefined,
      path,
    );
  }
});

test('a last result in the ledger with outputs that nobody declared is not recalled', async () => {
  using project = new CliProject(TEXT);
  assert.equal((await project.start(['run']).ended).code, 0);
  const path = 'cache/last/p.journal';
  const spoilt = project.read(path).replaceAll('"outputs":{"x":', '"outputs":{"z":');
  assert.notEqual(spoilt, project.read(path));
  mkdirSync(project.path('cache/last'), {recursive: true});
  writeFileSync(project.path(path), spoilt);
  const again = await project.start(['run']).ended;
  assert.equal(again.code, 0, again.stderr);
  assert.equal(project.read('results/b/y'), 'a\n');
});
