// The proofs of docs/reliability.md, in small: faults put into the calls that change the disk, power cuts, and runners that
// share a store. The choice is one of a seed, `FC_SEED`; `npm run prove:faults`, `prove:power` and `prove:sharing` do the whole.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {sweepFaults} from '../proof/faults.ts';
import {sweepPowerCuts} from '../proof/power.ts';
import {buildPreload} from '../proof/preload.ts';
import {MIXES, shareOnce} from '../proof/sharing.ts';

const seed = Number(process.env.FC_SEED ?? 20_010_101);
const library = buildPreload();
const skip = library === undefined ? 'a C compiler, Linux and glibc are needed' : false;
const forMs = Number.POSITIVE_INFINITY;

test('a fault in any call that changes the disk costs nothing but the call: seed and call name it', {
  skip,
}, async context => {
  context.diagnostic(`seed ${seed}`);
  const reports = await sweepFaults({
    library: library ?? '',
    seed,
    scenarios: [],
    hows: [],
    forMs,
    atMost: 4,
  });
  assert.deepEqual(
    reports.flatMap(({scenario, failures}) => failures.map(each => ({scenario, ...each}))),
    [],
  );
});

test('whatever a power cut leaves of the disk, the next call heals it', {skip}, async context => {
  context.diagnostic(`seed ${seed}`);
  const reports = await sweepPowerCuts({library: library ?? '', seed, scenarios: [], forMs, atMost: 4});
  assert.deepEqual(
    reports.flatMap(({scenario, failures}) => failures.map(each => ({scenario, ...each}))),
    [],
  );
});

for (const mix of MIXES) {
  test(`four runners at once make nothing twice: ${mix}`, {skip}, async () => {
    assert.deepEqual(await shareOnce(mix, 60, library ?? ''), {twice: 0, wrong: []});
  });
}
