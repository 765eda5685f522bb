// Stages on other machines, beside the same stages here: `npm run bench:machines -- queue`. Each engine is named on the
// command line and measured where its servers are installed; without a name, all of them.

import {parseArgs} from 'node:util';
import type {Measure} from './measure.ts';
import {measureQueue} from './queue.ts';

const ENGINES: Readonly<Record<string, Measure>> = {queue: measureQueue};

const {values, positionals} = parseArgs({
  options: {stages: {type: 'string', default: '1000'}},
  allowPositionals: true,
});

for (const name of positionals.length === 0 ? Object.keys(ENGINES) : positionals) {
  const measure = ENGINES[name];
  if (measure === undefined)
    throw new Error(`expected one of ${Object.keys(ENGINES).join(', ')}, got ${name}`);
  const rows = await measure(Number(values.stages));
  if (rows === undefined) console.log(`${name}: its server is not installed`);
  else for (const {what, measured} of rows) console.log(`${name}: ${what}: ${measured}`);
}
