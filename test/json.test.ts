// Canonical JSON and digests of it: one text for one value, whatever order it was built in.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {digestBytes, digestJson} from '../src/core/digest.ts';
import {byCodeUnit, canonicalJson, type Json} from '../src/core/json.ts';

const values = fc.jsonValue({noUnicodeString: false}) as fc.Arbitrary<Json>;

/** The same value, its keys inserted in another order. */
function shuffled(value: Json): Json {
  if (Array.isArray(value)) return value.map(shuffled);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, below]) => [key, shuffled(below)]),
  );
}

test('equal values have one text, which reads back as the value', () => {
  fc.assert(
    fc.property(values, value => {
      const text = canonicalJson(value);
      assert.equal(canonicalJson(shuffled(value)), text);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.doesNotMatch(
        text.replaceAll(/"(?:[^"\\]|\\.)*"/g, ''),
        /\s/,
        'no white space outside of strings',
      );
    }),
  );
});

test('different values have different texts and digests', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const isSame = JSON.stringify(shuffled(shuffled(a))) === JSON.stringify(shuffled(shuffled(b)));
      if (!isSame && canonicalJson(a) !== canonicalJson(b)) {
        assert.notEqual(digestJson('action', a), digestJson('action', b));
      }
      if (canonicalJson(a) === canonicalJson(b)) {
        assert.deepEqual(JSON.parse(canonicalJson(a)), JSON.parse(canonicalJson(b)));
      }
    }),
  );
});

test('keys are sorted by code unit, as every machine does, and not by locale', () => {
  assert.equal(
    canonicalJson({ä: 1, z: 2, Z: 3, '10': 4, '9': 5, '😀': 6, '\uffff': 7}),
    '{"10":4,"9":5,"Z":3,"z":2,"ä":1,"😀":6,"\uffff":7}',
  );
  assert.deepEqual(['b', 'a', 'B', 'é'].sort(byCodeUnit), ['B', 'a', 'b', 'é']);
});

test('numbers that JSON has no text for are bugs, and minus zero is zero', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => canonicalJson({x: bad}));
  }
  assert.equal(canonicalJson(-0), '0');
  assert.equal(canonicalJson([0.1, 1e21, 1e-7]), '[0.1,1e+21,1e-7]');
});

test('digests of different kinds never meet', () => {
  assert.notEqual(digestJson('action', {}), digestJson('folder', {}));
  assert.notEqual(digestJson('action', {}), digestBytes('{}'));
  assert.equal(digestBytes('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
