// What a stage does to its inputs, and what it leaves running, reaches neither the store nor other stages.

import assert from 'node:assert/strict';
import {existsSync, readdirSync} from 'node:fs';
import {test} from 'node:test';
import {type Action, type Artifact, type Fingerprint, fingerprintOf} from '../src/action/action.ts';
import {taintedBy} from '../src/action/taint.ts';
import {type Digest, digestBytes} from '../src/core/digest.ts';
import {HeldStages} from './rig/held-stages.ts';
import {type Ended, ProjectRig, type Session} from './rig/project-rig.ts';
import {shellAction} from './rig/store-rig.ts';

const artifactOf = (ended: Ended, id: string): Artifact => {
  const outcome = ended.outcome(id);
  assert.ok(outcome.status === 'executed' || outcome.status === 'cached', JSON.stringify(outcome));
  const {x} = outcome.result.outputs;
  assert.ok(x !== undefined);
  return x;
};

const verified = async (session: Session): Promise<number> => {
  const answer = await session.workspace.blobs.verify();
  assert.ok(answer.ok);
  return answer.value.damaged.length;
};

/** Writes into the input as whoever has the right to, and sets its time back so that nothing shows. */
const SPOIL =
  'chmod u+w "$in_a/x"; printf evil | dd of="$in_a/x" conv=notrunc status=none; touch -d @978307200 "$in_a/x"';

for (const [size, bytes] of [
  ['small', 1000],
  ['large', 1_000_000],
] as const) {
  test(`a stage that writes to its ${size} input fails, and what others read is right`, async () => {
    await using held = await HeldStages.open();
    await using rig = new ProjectRig();
    await using session = await rig.open();
    const text = `pipeline: p
stages:
  a: {run: 'head -c ${bytes} /dev/zero > "$out_x"', out: {x: x}}
  spoiler: {run: '${SPOIL}; echo spoilt > "$out_x"', in: {a: a}, out: {x: x}}
  sibling: {run: '${held.shell('sibling')}; cp "$in_a/x" "$out_x"', in: {a: a}, out: {x: x}}
`;
    const {finished, events, until} = await session.start(text, {machine: {cpus: 2}});
    const sibling = await held.next('sibling');
    await until(event => event.type === 'finished' && event.id === 'spoiler');
    sibling.release();
    const {outcomes} = await finished;
    const spoiler = [...outcomes].find(([id]) => id === 'spoiler')?.[1];
    assert.ok(spoiler?.status === 'failed', JSON.stringify(spoiler));
    assert.deepEqual(spoiler.failure, {reason: 'changed-input', path: 'in/a/x'});
    assert.equal(await verified(session), 0);
    // Whatever the sibling saw, what is recorded of it is what its input says.
    const again = await session.start(text, {selected: ['a', 'sibling']});
    const next = held.next('sibling').then(stage => stage.release());
    const {outcomes: second} = await again.finished;
    void next;
    const outcome = [...second].find(([id]) => id === 'sibling')?.[1];
    assert.ok(outcome?.status === 'executed' || outcome?.status === 'cached', JSON.stringify(outcome));
    assert.equal(outcome.result.outputs.x?.digest, digestBytes(new Uint8Array(bytes)));
    assert.ok(events.length > 0);
  });
}

test('a blob that a failing stage damaged is set aside as well', async () => {
  await using rig = new ProjectRig();
  await using session = await rig.open();
  const ended = await session.run(`pipeline: p
stages:
  a: {run: 'head -c 1000000 /dev/zero > "$out_x"', out: {x: x}}
  b: {run: '${SPOIL}; exit 1', in: {a: a}}
`);
  assert.deepEqual(ended.ids('failed'), ['b']);
  assert.equal(await verified(session), 0);
  const aside = rig.path('cache/quarantine');
  const {digest} = artifactOf(ended, 'a');
  // Where the file system has reflinks the blob was never reached.
  if (existsSync(aside)) assert.ok(readdirSync(aside).some(name => name.startsWith(digest)));
});

for (const [what, prefix] of [
  ['a session of its own', 'setsid'],
  ['an empty environment', 'env -i PATH="$PATH" setsid'],
] as const) {
  test(`a process in ${what} that outlives its stage cannot write into what is recorded`, async () => {
    await using held = await HeldStages.open();
    await using rig = new ProjectRig();
    await using session = await rig.open();
    const late = `exec 8>>"$1"; ${held.shell('late')}; echo late >&8`;
    rig.write('late.sh', late);
    const {finished} = await session.start(`pipeline: p
stages:
  a:
    run: |
      echo right > "$out_x"
      ${prefix} bash late.sh "$out_x" </dev/null >/dev/null 2>&1 &
      ${held.shell('a')}
    code: late.sh
    out: {x: x}
`);
    const straggler = await held.next('late');
    (await held.next('a')).release();
    await straggler.gone;
    const {outcomes} = await finished;
    const a = [...outcomes.values()][0];
    assert.ok(a?.status === 'executed', JSON.stringify(a));
    assert.equal(a.result.outputs.x?.digest, digestBytes('right\n'));
    assert.equal(await verified(session), 0);
  });
}

test('the results that a damaged blob may have spoilt are those of the actions that read it', () => {
  const file = (text: string): Artifact => ({kind: 'file', digest: digestBytes(text), size: 1});
  const folder: Artifact = {kind: 'folder', digest: digestBytes('folder'), size: 1};
  const reads = (artifact: Artifact): Action => ({
    ...shellAction('x'),
    inputs: {
      data: {
        kind: 'one',
        content: {cell: {}, isWhole: true, origin: null, outputs: {x: {path: 'x', artifact}}, metrics: {}},
      },
    },
  });
  const tracks: Action = {
    ...shellAction('x'),
    files: {'a.txt': {digest: digestBytes('damaged'), isExecutable: false}},
  };
  const actions = [shellAction('none'), reads(file('damaged')), reads(file('other')), reads(folder), tracks];
  const named = actions.map((action): [Fingerprint, Action] => [fingerprintOf(action), action]);
  const contentsOf = ({kind}: Artifact): Digest[] => (kind === 'folder' ? [digestBytes('damaged')] : []);
  assert.deepEqual(
    taintedBy(new Set([digestBytes('damaged')]), named, contentsOf),
    [1, 3, 4].map(index => named[index]?.[0]),
  );
});
