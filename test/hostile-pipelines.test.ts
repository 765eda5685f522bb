// Pipelines that nobody can run: each is answered by a mistake, soon and within a bounded memory.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {placeOf} from '../src/core/source.ts';
import {paletteOf} from '../src/report/palette.ts';
import {predictionLines} from '../src/report/prediction-lines.ts';
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

test('twenty thousand stages are planned, and more than can be read is refused before it is', async () => {
  const stages = Array.from({length: 20_000}, (_, n) => `  s${n}: {run: 'true'}\n`).join('');
  const planned = await planText(`pipeline: p\nstages:\n${stages}`);
  assert.ok(planned.ok && planned.value.instances.length === 20_000);
  const predictions = new Map(
    planned.value.instances.map(({id}) => [id, {will: 'depend', on: id, for: 'choice'}] as const),
  );
  assert.equal(predictionLines(planned.value, predictions, paletteOf(0), false).length, 20_002);
  assert.deepEqual(await mistakesOf(`pipeline: p\nabout: ${'x'.repeat(30e6)}\nstages:\n${stages}`), [
    'yaml-size',
  ]);
});

test('of a mistake in each of twenty thousand lines, each is told with its place', async () => {
  const lines = Array.from({length: 20_000}, (_, n) => `nope${n}: 1\n`).join('');
  const planned = await planText(`pipeline: p\nstages: {s: {run: 'true'}}\n${lines}`);
  assert.ok(!planned.ok);
  const places = planned.error.map(({span}) =>
    span === undefined ? 0 : placeOf(span.file, span.start).line,
  );
  assert.deepEqual(new Set(places), new Set(Array.from({length: 20_000}, (_, n) => n + 3)));
});
