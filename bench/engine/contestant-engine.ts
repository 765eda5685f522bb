// One contestant, in a process of its own: the engine's compiled program.
// `contestant-engine.ts WORKLOAD RULE THREADS`: prints `ready`; then, for each line read, runs one measurement and
// prints the milliseconds per step.

import {createInterface} from 'node:readline';
import {compile} from '../../src/engine/compile.ts';
import {definition, indices, isRule} from './program.ts';
import {isWorkloadName, workload} from './workloads.ts';

const [name, rule, threads] = process.argv.slice(2);
if (!isWorkloadName(name) || !isRule(rule)) throw new RangeError(`no workload ${name} ${rule}`);
const measured = workload(name);
const program = await compile(definition(rule, measured), {device: 'cpu', threads: Number(threads)});
const scanned = indices(measured.steps, measured.batch, measured.samples);
await program.run(scanned);
process.stdout.write('ready\n');
for await (const _ of createInterface({input: process.stdin})) {
  const start = performance.now();
  await program.run(scanned);
  process.stdout.write(`${(performance.now() - start) / measured.steps}\n`);
}
await program.dispose();
