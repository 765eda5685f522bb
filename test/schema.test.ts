// The JSON Schema that editors use: takes what the reader takes, and points at the usual mistakes.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {test} from 'node:test';
import {Ajv2020} from 'ajv/dist/2020.js';
import {parse} from 'yaml';

const root = resolve(import.meta.dirname, '..');
const printed = execFileSync(process.execPath, [join(root, 'dist/cli.js'), 'schema'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
});
const check = new Ajv2020({strict: false, allErrors: true}).compile(JSON.parse(printed));
const isValid = (text: string): boolean => check(parse(text)) as boolean;

for (const name of readdirSync(join(root, 'pipelines')).filter(each => each.endsWith('.yaml'))) {
  test(`the schema takes ${name}`, () => {
    const text = readFileSync(join(root, 'pipelines', name), 'utf8');
    assert.ok(isValid(text), JSON.stringify(check.errors?.slice(0, 3), null, 2));
  });
}

const stage = (text: string): string => `pipeline: p\nstages:\n  it: ${text}\n`;

const mistakes: Readonly<Record<string, string>> = {
  'an unknown key of the file': 'pipeline: p\nstage: {}\nstages: {it: {run: "true"}}\n',
  'no name': 'stages: {it: {run: "true"}}\n',
  'an unknown key of a stage': stage('{run: "true", inn: {a: b}}'),
  'both uses and run': stage('{run: "true", uses: train}'),
  'neither uses nor run': stage('{in: {a: b}}'),
  'a parameter of the wrong type': stage('{uses: train, in: {data: d}, with: {epochs: many}}'),
  'an unknown parameter': stage('{uses: train, in: {data: d}, with: {epoch: 3}}'),
  'a gather of a list': stage('{run: "true", in: {a: {each: [b]}}}'),
  'an axis of one value': stage('{run: "true", matrix: {seed: 1}}'),
};

for (const [what, text] of Object.entries(mistakes)) {
  test(`the schema refuses ${what}`, () => {
    assert.equal(isValid(text), false);
  });
}

test('the schema takes references wherever a value may stand', () => {
  assert.ok(
    isValid(
      stage(
        '{uses: train, in: {data: d}, matrix: {seed: "${seeds}"}, with: {epochs: "${n}", hidden: "${h}"}}',
      ),
    ),
    JSON.stringify(check.errors?.slice(0, 3), null, 2),
  );
});
