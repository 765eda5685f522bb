// `npm run test:tfjs [-- FILE …]` runs TF.js's specs of ops and says of each that does not pass what it comes to; FILE is
// such as ops/gather. With `--write`, the list of exceptions is made anew, for a person to read before it is committed;
// what it says of a spec that still comes to the same stays as it was written.

import {readFileSync, writeFileSync} from 'node:fs';
import {exceptionsFile, runSuite, specFiles} from './suite.ts';

const args = process.argv.slice(2);
const names = args.filter(arg => !arg.startsWith('--'));
const files = specFiles().filter(file => names.length === 0 || names.includes(file));
const outcomes = await runSuite(files);
const before: Readonly<Record<string, string>> = JSON.parse(readFileSync(exceptionsFile, 'utf8'));
const counts = new Map<string, number>();
const exceptions: Record<string, string> = {};
for (const [name, outcome] of outcomes) {
  counts.set(outcome.kind, (counts.get(outcome.kind) ?? 0) + 1);
  if (outcome.kind === 'passes') continue;
  const said = before[name];
  exceptions[name] = said?.startsWith(`${outcome.kind}: `) ? said : `${outcome.kind}: ${outcome.why}`;
}
if (args.includes('--write')) writeFileSync(exceptionsFile, `${JSON.stringify(exceptions, null, 2)}\n`);
else for (const [name, what] of Object.entries(exceptions)) console.log(`${name}\n  ${what}`);
console.log(`${outcomes.size} specs: ${[...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
