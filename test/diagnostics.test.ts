// Every mistake of a pipeline file, as its author reads it. `fixtures/bad/NAME.yaml` is the file, `NAME.txt` what
// is said of it; `UPDATE_SNAPSHOTS=1` rewrites the texts. A first line `# pipe run FILE …` gives options.

import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {test} from 'node:test';
import type {ReadOptions} from '../src/spec/read-pipeline.ts';
import {drawAll, mistakesOf} from './rig/pipelines.ts';

const folder = `${import.meta.dirname}/fixtures/bad`;
const isUpdating = process.env.UPDATE_SNAPSHOTS === '1';
const names = readdirSync(folder)
  .filter(name => name.endsWith('.yaml'))
  .map(name => name.slice(0, -'.yaml'.length));

function optionsOf(text: string): ReadOptions {
  const words = /^# pipe run FILE (.*)$/m.exec(text)?.[1]?.split(' ') ?? [];
  const after = (flag: string): string[] => words.filter((_, index) => words[index - 1] === flag);
  return {profile: after('--profile')[0] ?? null, set: after('--set')};
}

for (const name of names) {
  test(`${name}: each mistake once, with its place and how to mend it`, async () => {
    const text = readFileSync(`${folder}/${name}.yaml`, 'utf8');
    const mistakes = await mistakesOf(text, optionsOf(text));
    const drawn = `${drawAll(mistakes)}\n`;
    const file = `${folder}/${name}.txt`;
    if (isUpdating) writeFileSync(file, drawn);
    assert.equal(drawn, existsSync(file) ? readFileSync(file, 'utf8') : '', 'UPDATE_SNAPSHOTS=1 rewrites it');
    for (const {span, message} of mistakes) assert.ok(span, `no place: ${message}`);
  });
}

test('every snapshot belongs to a file', () => {
  const stale = readdirSync(folder).filter(
    name => !names.some(known => name === `${known}.yaml` || name === `${known}.txt`),
  );
  if (isUpdating) for (const name of stale) rmSync(`${folder}/${name}`);
  else assert.deepEqual(stale, []);
});
