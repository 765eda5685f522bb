// The campaign of `npm run prove:machines` in short: a coordinator and a controller of Slurm are killed during a study.

import {after, test} from 'node:test';
import {attack} from './prove/machines-campaign.ts';
import {startSlurm} from './rig/slurm.ts';

const cluster = await startSlurm();
after(() => cluster?.[Symbol.asyncDispose]());
const seed = process.env.FC_SEED === undefined ? Date.now() % 2 ** 31 : Number(process.env.FC_SEED);

test(`a study under attack is made once, with the bytes of a local run (FC_SEED=${seed})`, {
  timeout: 600_000,
  skip: cluster === undefined && 'Slurm is not installed',
}, async context => {
  if (cluster === undefined) return;
  await attack({cluster, seed, kills: 2, controllers: 1, report: line => context.diagnostic(line)});
});
