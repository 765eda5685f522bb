// TF.js's own specs of its ops, each read compiled. exceptions.json says of every spec that does not pass what it comes
// to; the list may only become shorter.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {exceptionsFile, runSuite, specFiles} from './tfjs-suite/suite.ts';

test("TF.js's specs of ops pass but for those on the list, and none of those passes", async () => {
  const listed: Readonly<Record<string, string>> = JSON.parse(readFileSync(exceptionsFile, 'utf8'));
  const outcomes = await runSuite(specFiles());
  assert.ok(outcomes.size > 3400, `only ${outcomes.size} specs were found`);
  const unlisted: string[] = [];
  const mended: string[] = [];
  for (const [name, outcome] of outcomes) {
    if (outcome.kind === 'passes') {
      if (Object.hasOwn(listed, name)) mended.push(name);
    } else if (listed[name]?.split(':')[0] !== outcome.kind) {
      unlisted.push(`${name} is ${outcome.kind}: ${outcome.why}`);
    }
  }
  const gone = Object.keys(listed).filter(name => !outcomes.has(name));
  assert.deepEqual(unlisted, [], 'specs that do not pass and are not on the list as such');
  assert.deepEqual([...mended, ...gone], [], 'specs on the list that pass, or are no more: take them off');
});
