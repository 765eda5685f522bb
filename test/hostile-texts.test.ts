// Names, paths and logs of others: those of `test/corpora`, and random ones made of their parts. Whatever they are, nothing
// throws, no path leaves its folder, and nothing of them is obeyed by a terminal.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {StringDecoder} from 'node:string_decoder';
import {test} from 'node:test';
import fc from 'fast-check';
import {renderDiagnostic} from '../src/core/diagnostic.ts';
import {digestBytes} from '../src/core/digest.ts';
import {isPlainLine, isPrintable, printable, withSigns} from '../src/core/printable.ts';
import {LogTail, readTail, tailOf} from '../src/exec/log-tail.ts';
import {parseSelector, printSelector} from '../src/plan/selector.ts';
import {readPath} from '../src/spec/path.ts';
import {decodeFolder, encodeFolder} from '../src/store/blobs/folder-blob.ts';
import {planText} from './rig/pipelines.ts';
import {StoreRig} from './rig/store-rig.ts';

const corpus = (name: string): string[] =>
  JSON.parse(readFileSync(join(import.meta.dirname, 'corpora', name), 'utf8'));
const NAMES = corpus('names.json');
const LOGS = corpus('logs.json').map(text => Buffer.from(text, 'base64'));

const piece = fc.oneof(fc.constantFrom(...NAMES), fc.string({unit: 'binary', maxLength: 12}));
const name = fc.oneof(
  piece,
  fc.array(piece, {minLength: 2, maxLength: 3}).map(pieces => pieces.join('/')),
);
const known = (texts: readonly string[]): Array<[string]> => texts.map(text => [text]);
const bytes = fc.array(fc.oneof(fc.constantFrom(...LOGS), fc.uint8Array({maxLength: 40})), {maxLength: 5});

test('no path that is taken leaves its folder, and its normal form is its own', () => {
  const root = resolve('/some/where');
  const property = fc.property(name, text => {
    const read = readPath(text);
    if (!read.ok) {
      assert.ok(isPrintable(printable(read.error)));
      return;
    }
    const {path} = read.value;
    const place = resolve(root, path);
    assert.ok(place === root || place.startsWith(`${root}/`), place);
    assert.ok(!path.includes('\0') && !path.includes('\n'));
    const again = readPath(path);
    assert.ok(again.ok && again.value.path === path);
  });
  fc.assert(property, {numRuns: 500, examples: known(NAMES)});
});

test('a listing from elsewhere is one whose names stay below their folder, and comes back as it was', () => {
  const digest = digestBytes('x');
  const property = fc.property(name, name, (file, folder) => {
    const listing = {
      files: new Map([[file, {digest, size: 1, isExecutable: false}]]),
      folders: new Map([[folder, digest]]),
    };
    const decoded = decodeFolder(encodeFolder(listing));
    if (decoded === undefined) return;
    assert.deepEqual(decoded, listing);
    for (const each of [file, folder]) {
      assert.equal(resolve('/a/b', `./${each}`), `/a/b/${each}`, JSON.stringify(each));
    }
  });
  fc.assert(property, {numRuns: 500, examples: NAMES.map(text => [text, 'other'])});
});

test('a selector is read or refused, and one that was read is printed as itself', () => {
  const selector = fc.tuple(name, name, name).map(([stage, axis, value]) => `${stage}[${axis}=${value}]`);
  const named = name.map(value => `s[x=${value}]`);
  const property = fc.property(fc.oneof(name, selector, named), text => {
    const parsed = parseSelector(text, 'target');
    if (!parsed.ok) {
      assert.ok(isPrintable(renderDiagnostic(parsed.error)), JSON.stringify(text));
      return;
    }
    const printed = printSelector(parsed.value);
    const again = parseSelector(printed, 'target');
    assert.ok(again.ok, printed);
    assert.equal(printSelector(again.value), printed);
  });
  fc.assert(property, {numRuns: 500, examples: NAMES.map(text => [`s[x=${text}]`])});
});

test('whatever names and values a pipeline uses, it is planned or refused', async () => {
  const property = fc.asyncProperty(name, name, async (value, path) => {
    const stage = {run: 'true', matrix: {x: [value, 'other']}, out: {o: path}};
    for (const pipeline of [
      {pipeline: 'p', stages: {s: stage}},
      {pipeline: 'p', stages: {[value]: {run: 'true', out: {[path]: 'o'}}}},
      {pipeline: value, params: {[path]: value}, stages: {s: {run: 'true', publish: path}}},
    ]) {
      const planned = await planText(JSON.stringify(pipeline));
      if (!planned.ok) {
        for (const diagnostic of planned.error) assert.ok(isPrintable(renderDiagnostic(diagnostic)));
        continue;
      }
      for (const {outputs} of planned.value.instances) {
        for (const {path: below} of Object.values(outputs)) assert.ok(readPath(below).ok);
      }
    }
  });
  await fc.assert(property, {numRuns: 60, examples: NAMES.map(text => [text, text])});
});

test('whatever a stage prints, its log is followed and shown, and nothing of it is obeyed', () => {
  using rig = new StoreRig();
  const property = fc.property(bytes, pieces => {
    const all = Buffer.concat(pieces);
    const path = rig.file('log', all);
    for (const lines of [readTail(path), tailOf(all), tailOf(all, true)]) {
      assert.ok(lines.length <= 20);
      for (const line of lines) assert.ok(isPrintable(printable(line)));
    }
    let told = '';
    const tail = new LogTail();
    tail.finish(tail.follow(path, text => (told += text)));
    assert.equal(told, all.toString('utf8'));
    assert.ok(isPrintable(printable(told)) && isPrintable(withSigns(told)));
    assert.equal(printable(printable(told)), printable(told));
    // Cut anywhere, a text is the same.
    const decoder = new StringDecoder('utf8');
    assert.equal(pieces.map(each => decoder.write(Buffer.from(each))).join('') + decoder.end(), told);
    if (isPlainLine(told)) assert.ok(isPrintable(told) && !told.includes('\n'));
  });
  fc.assert(property, {numRuns: 200, examples: LOGS.map(log => [[log]])});
});
