// `npm run prove:machines -- [--kills 200] [--controllers 20] [--seed N]`: a study on a real Slurm cluster under attack.
// Minutes to hours.

import {parseArgs} from 'node:util';
import {startSlurm} from '../rig/slurm.ts';
import {attack} from './machines-campaign.ts';

const {values} = parseArgs({
  options: {
    kills: {type: 'string', default: '200'},
    controllers: {type: 'string', default: '20'},
    seed: {type: 'string', default: String(Date.now())},
  },
});
const cluster = await startSlurm();
if (cluster === undefined) throw new Error('Slurm is not installed');
const seed = Number(values.seed);
console.log(`seed ${seed}`);
try {
  const rounds = await attack({
    cluster,
    seed,
    kills: Number(values.kills),
    controllers: Number(values.controllers),
    report: line => console.log(line),
  });
  console.log(`${rounds} rounds: nothing made twice, nothing lost, the bytes of local runs`);
} finally {
  await cluster[Symbol.asyncDispose]();
}
