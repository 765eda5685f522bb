// `npm run prove:faults`: the proofs of docs/reliability.md, whole or a part of them.

import {parseArgs} from 'node:util';
import {nameOf, sweepFaults} from './faults.ts';
import {sweepPowerCuts} from './power.ts';
import {buildPreload} from './preload.ts';
import {MIXES, shareOnce, stopAndTakeOver} from './sharing.ts';

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    seed: {type: 'string', default: String(Date.now() % 1_000_000)},
    seconds: {type: 'string'},
    most: {type: 'string'},
    in: {type: 'string', multiple: true, default: []},
    how: {type: 'string', multiple: true, default: []},
  },
});

const seed = Number(values.seed);
const forMs = values.seconds === undefined ? Number.POSITIVE_INFINITY : Number(values.seconds) * 1000;
const atMost = values.most === undefined ? Number.POSITIVE_INFINITY : Number(values.most);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function faults(library: string): Promise<number> {
  const reports = await sweepFaults(
    {library, seed, scenarios: values.in, hows: values.how, forMs, atMost},
    (scenario, fault, wrong) => {
      if (wrong.length > 0) say(`✗ ${scenario} ${nameOf(fault)}\n  ${wrong.join('\n  ')}`);
    },
  );
  for (const {scenario, calls, possible, tried, failures} of reports) {
    say(`${scenario}: ${calls} calls, ${possible} faults, ${tried} tried, ${failures.length} failures`);
  }
  return reports.reduce((sum, {failures}) => sum + failures.length, 0);
}

async function power(library: string): Promise<number> {
  const reports = await sweepPowerCuts(
    {library, seed, scenarios: values.in, forMs, atMost},
    (scenario, cut, wrong) => {
      if (wrong.length > 0) say(`✗ ${scenario} --seed ${cut}\n  ${wrong.join('\n  ')}`);
    },
  );
  for (const {scenario, calls, tried, failures} of reports) {
    say(`${scenario}: ${calls} calls, ${tried} states of the disk, ${failures.length} failures`);
  }
  return reports.reduce((sum, {failures}) => sum + failures.length, 0);
}

async function sharing(library: string): Promise<number> {
  const rounds = values.most === undefined ? 11 : atMost;
  let failures = 0;
  for (const mix of MIXES) {
    let twice = 0;
    for (let round = 0; round < rounds; round++) {
      const shared = await shareOnce(mix, 60, library);
      twice += shared.twice;
      failures += shared.wrong.length + shared.twice;
      for (const wrong of shared.wrong) say(`✗ ${mix}: ${wrong}`);
    }
    say(`four runners, ${mix}: ${rounds} rounds of 60 stages, ${twice} made twice`);
  }
  const stopped = await stopAndTakeOver();
  for (const wrong of stopped) say(`✗ stopped: ${wrong}`);
  say(`a runner that was stopped for a minute, and taken over: ${stopped.length} failures`);
  return failures + stopped.length;
}

const PROOFS = new Map([
  ['faults', faults],
  ['power', power],
  ['sharing', sharing],
]);
const library = buildPreload();
if (library === undefined) {
  say('expected Linux, glibc and a C compiler (cc)');
  process.exitCode = 2;
} else {
  say(`seed ${seed}`);
  const [name = 'faults'] = positionals;
  const proof = PROOFS.get(name);
  if (proof === undefined) throw new Error(`expected one of ${[...PROOFS.keys()].join(', ')}, got ${name}`);
  process.exitCode = (await proof(library)) === 0 ? 0 : 1;
}
