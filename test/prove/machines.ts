// `npm run prove:machines -- [slurm] [queue] [--kills 200] [--servers 20] [--workers 20] [--seed N]
// [--seconds N]`: a study under attack on a real Slurm cluster, and on a queue with real workers. `--kills`: of the
// coordinator; `--servers`: of the controller, or of Redis and of the store, each; no round begins after `--seconds`.

import {parseArgs} from 'node:util';
import {type Field, queueField, slurmField} from './fields.ts';
import {attack, COORDINATOR} from './machines-campaign.ts';

const FIELDS: Readonly<Record<string, () => Promise<Field | undefined>>> = {
  slurm: slurmField,
  queue: queueField,
};

const {values, positionals} = parseArgs({
  options: {
    kills: {type: 'string', default: '200'},
    servers: {type: 'string', default: '20'},
    workers: {type: 'string', default: '20'},
    seed: {type: 'string', default: String(Date.now() % 1_000_000)},
    seconds: {type: 'string'},
  },
  allowPositionals: true,
});
const seed = Number(values.seed);
for (const name of positionals.length === 0 ? Object.keys(FIELDS) : positionals) {
  const field = await FIELDS[name]?.();
  if (field === undefined)
    throw new Error(`${name} is not installed here, or none of ${Object.keys(FIELDS).join(', ')}`);
  try {
    const counts: Record<string, number> = {[COORDINATOR]: Number(values.kills)};
    for (const blow of field.blows)
      counts[blow.name] = Number(blow.name === 'worker' ? values.workers : values.servers);
    const what = Object.entries(counts).map(([each, count]) => `${count} ${each}`);
    console.log(`${name}, seed ${seed}: ${what.join(', ')}`);
    const seconds = values.seconds === undefined ? null : Number(values.seconds);
    const report = (line: string): void => console.log(line);
    const {rounds, struck, again} = await attack({field, seed, counts, seconds, report});
    const blows = Object.entries(struck).map(([each, count]) => `${each} ${count} times`);
    console.log(
      `${name}: ${rounds} rounds; struck: ${blows.join(', ')}. None lost, the bytes of local runs;`,
    );
    console.log(`${again} made again after their worker was killed, none otherwise`);
  } finally {
    await field[Symbol.asyncDispose]();
  }
}
