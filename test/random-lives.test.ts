// Random pipelines, random edits, random faults: a few lives of a project, each held against a model that computes
// everything from nothing. `npm run prove:model` lives as many as are asked for.

import {test} from 'node:test';
import fc from 'fast-check';
import {histories, Life} from './rig/random-history.ts';

const seed = process.env.FC_SEED === undefined ? {} : {seed: Number(process.env.FC_SEED)};

test('whatever was edited, damaged, killed or swept, a run gives what its pipeline says and runs what has changed', async () => {
  await fc.assert(
    fc.asyncProperty(histories, async history => {
      using life = new Life(history.study);
      await life.live(history);
    }),
    {numRuns: 12, endOnFailure: true, seed: 1, ...seed},
  );
});
