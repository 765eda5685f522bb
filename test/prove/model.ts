// `npm run prove:model -- --runs 500 --seed 7`: random lives of projects against the model, as many as are asked for.

import {parseArgs} from 'node:util';
import fc from 'fast-check';
import {histories, Life} from '../rig/random-history.ts';

const {values} = parseArgs({
  options: {
    seed: {type: 'string'},
    runs: {type: 'string', default: '200'},
    path: {type: 'string'},
    shrink: {type: 'boolean'},
  },
});
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const runs = Number(values.runs);
process.stdout.write(`seed ${seed}, ${runs} lives\n`);
const startedAt = Date.now();
let lives = 0;
let steps = 0;
await fc.assert(
  fc.asyncProperty(histories, async history => {
    using life = new Life(history.study);
    try {
      await life.live(history);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new Error(`${error.message}\n\n${life.log.join('\n')}`, {cause: error});
    }
    lives++;
    steps += history.steps.length;
    if (lives % 10 === 0) {
      process.stdout.write(
        `${lives} lives, ${steps} steps, ${Math.round((Date.now() - startedAt) / 1000)} s\n`,
      );
    }
  }),
  {
    numRuns: runs,
    seed,
    endOnFailure: values.shrink !== true,
    ...(values.path === undefined ? {} : {path: values.path}),
  },
);
process.stdout.write(
  `seed ${seed}: ${lives} lives, ${steps} steps, all as the model says, in ${Math.round((Date.now() - startedAt) / 1000)} s\n`,
);
