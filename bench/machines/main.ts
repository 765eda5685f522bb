// Stages on other machines, beside the same stages here, and stores elsewhere: `npm run bench:machines -- slurm queue store`.
// Each is measured where its servers are installed; without a name, all of them. Peers: Snakemake's Slurm plug-in
// (`--peers`: stages that it gets) and DVC, from the path, or where SNAKEMAKE and DVC say. Exit code 1 where a target is missed.

import {parseArgs} from 'node:util';
import type {Measure} from './measure.ts';
import {measureQueue} from './queue.ts';
import {measureSlurm} from './slurm.ts';
import {measureStore} from './store.ts';

const ENGINES: Readonly<Record<string, Measure>> = {
  slurm: measureSlurm,
  queue: measureQueue,
  store: measureStore,
};

const {values, positionals} = parseArgs({
  options: {stages: {type: 'string', default: '1000'}, peers: {type: 'string', default: '30'}},
  allowPositionals: true,
});

for (const name of positionals.length === 0 ? Object.keys(ENGINES) : positionals) {
  const measure = ENGINES[name];
  if (measure === undefined)
    throw new Error(`expected one of ${Object.keys(ENGINES).join(', ')}, got ${name}`);
  const rows = await measure(Number(values.stages), Number(values.peers));
  if (rows === undefined) console.log(`${name}: its server is not installed`);
  else {
    for (const {what, measured, isMissed} of rows) {
      console.log(`${name}: ${what}: ${measured}${isMissed ? ', missed' : ''}`);
      if (isMissed) process.exitCode = 1;
    }
  }
}
