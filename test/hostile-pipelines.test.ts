// Pipelines that nobody can run: each is answered by a mistake, soon and within a bounded memory.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {planText} from './rig/pipelines.ts';

const range = (count: number): string => `[${Array.from({length: count}, (_, n) => n).join(', ')}]`;

async function mistakesOf(text: string): Promise<readonly string[]> {
  const planned = await planText(text);
  assert.ok(!planned.ok);
  return planned.error.map(({code}) => code);
}

test('axes that multiply into millions of instances are a mistake, in whatever way they meet', async () => {
  const stage = (name: string, axis: string): string =>
    `  ${name}: {run: 'true', matrix: {${axis}: ${range(400)}}}\n`;
  const all = `pipeline: p\nstages:\n${stage('a', 'x')}${stage('b', 'y')}`;
  for (const last of [
    `  c: {run: 'true', matrix: {x: ${range(400)}, y: ${range(400)}}}\n`,
    `  c: {run: 'true', in: {a: a, b: b}}\n`,
    `  c: {run: 'true', in: {a: a}, matrix: {z: ${range(400)}}}\n`,
    `  c: {run: 'true', in: {a: a, b: b}, matrix: {z: ${range(400)}}}\n`,
  ]) {
    assert.deepEqual(await mistakesOf(all + last), ['too-many-cells'], last);
  }
});

test('a value that is nested beyond all measure is a mistake', async () => {
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  assert.deepEqual(await mistakesOf(`pipeline: p\nparams: {a: ${deep}}\nstages: {s: {run: 'true'}}\n`), [
    'yaml-syntax',
  ]);
});
