// The ground that everything stands on: places in texts, did-you-mean, how a mistake is drawn, order of graphs.
// Canonical JSON and digests have a test of their own.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {closest} from '../src/core/closest.ts';
import {mistake, renderDiagnostic} from '../src/core/diagnostic.ts';
import {digestBytes, isDigest, shortDigest} from '../src/core/digest.ts';
import {assertNever} from '../src/core/result.ts';
import {placeOf, type SourceFile} from '../src/core/source.ts';
import {orderByDependency} from '../src/plan/order.ts';

const seed = process.env.FC_SEED === undefined ? {} : {seed: Number(process.env.FC_SEED)};
const file = (text: string): SourceFile => ({path: 'p.yaml', text});
const draw = (text: string, start: number, end: number): string[] =>
  renderDiagnostic(mistake('it', 'is wrong', {file: file(text), start, end}))
    .split('\n')
    .slice(1);

const lines = fc.array(fc.string({unit: fc.constantFrom('a', 'é', '😀', ' ', '\t', ':')}), {minLength: 1});

test('a place is the line and column at which an editor puts it', () => {
  fc.assert(
    fc.property(lines, fc.constantFrom('\n', '\r\n'), fc.boolean(), (all, newline, hasMark) => {
      const mark = hasMark ? '\ufeff' : '';
      let offset = mark.length;
      for (const [index, line] of all.entries()) {
        for (let column = 0; column <= line.length; column++) {
          const place = placeOf(file(mark + all.join(newline)), offset + column);
          assert.deepEqual(place, {line: index + 1, column: column + 1, text: line});
        }
        offset += line.length + newline.length;
      }
    }),
    seed,
  );
});

test('a caret stands under what it points at: after tabs, wide letters, marks, and in long lines', () => {
  assert.deepEqual(draw('a: b\n\tkey: 1\n', 6, 9), ['   --> p.yaml:2:2', '  2 | \tkey: 1', '    | \t^^^']);
  assert.deepEqual(draw('学習: x', 4, 5), ['   --> p.yaml:1:5', '  1 | 学習: x', '    |       ^']);
  assert.deepEqual(draw('x: 学習', 3, 5), ['   --> p.yaml:1:4', '  1 | x: 学習', '    |    ^^^^']);
  assert.deepEqual(draw('\ufeffkey: 1', 0, 4), ['   --> p.yaml:1:1', '  1 | key: 1', '    | ^^^^']);
  const long = `${'x'.repeat(500)}here${'y'.repeat(500)}`;
  const [, text = '', caret = ''] = draw(long, 500, 504);
  assert.equal(text.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1), 'here');
  assert.ok(text.length < 200 && text.includes('| …') && text.endsWith('…'), text);
  assert.deepEqual(draw('\u001b[31mred', 5, 8), ['   --> p.yaml:1:6', '  1 | �[31mred', '    |      ^^^']);
});

test('whatever the range, at least one caret is drawn, in three lines', () => {
  const range = fc.tuple(lines, fc.nat(400), fc.nat(400));
  fc.assert(
    fc.property(range, ([all, from, length]) => {
      const text = all.map(line => line.repeat(20)).join('\n');
      const start = Math.min(from, text.length);
      const drawn = draw(text, start, Math.min(start + length, text.length));
      assert.equal(drawn.length, 3);
      assert.match(drawn[2] ?? '', /^ +\| [ \t]*\^+$/);
    }),
    seed,
  );
});

test('a slip of one key finds its word, another word finds none', () => {
  const known = ['optimizer', 'lr', 'rho', 'epochs', 'learning_rate'];
  for (const [slip, meant] of [
    ['optimiser', 'optimizer'],
    ['optimzier', 'optimizer'],
    ['OPTIMIZER', 'optimizer'],
    ['rl', 'lr'],
    ['epoch', 'epochs'],
    ['learning-rate', 'learning_rate'],
  ] as const) {
    assert.equal(closest(slip, known), meant, slip);
  }
  for (const other of ['momentum', 'x', '', 'batch']) assert.equal(closest(other, known), undefined, other);
});

test('the closest word is one of the candidates, and a word is closest to itself', () => {
  const word = fc.string({minLength: 1, maxLength: 12});
  fc.assert(
    fc.property(word, fc.array(word), (written, candidates) => {
      const found = closest(written, candidates);
      assert.ok(found === undefined || candidates.includes(found));
      assert.equal(closest(written, [...candidates, written])?.toLowerCase(), written.toLowerCase());
    }),
    seed,
  );
});

test('a digest is told from other text; a union that is not exhausted throws', () => {
  const digest = digestBytes('');
  assert.ok(isDigest(digest) && digest.startsWith(shortDigest(digest)));
  for (const other of ['', digest.slice(1), digest.toUpperCase(), `${digest}0`])
    assert.ok(!isDigest(other), other);
  assert.throws(() => assertNever('else' as never), /unexpected case "else"/);
});

/** A random graph: for each node, the nodes that it depends on. */
const graphs = fc
  .integer({min: 1, max: 12})
  .chain(size =>
    fc.array(fc.uniqueArray(fc.nat(size - 1), {maxLength: 3}), {minLength: size, maxLength: size}),
  );

test('an order puts everything after what it needs, and leaves out only what lies on a loop', () => {
  fc.assert(
    fc.property(graphs, needs => {
      const {sorted, loops} = orderByDependency(needs.keys(), node => needs[node] ?? []);
      const place = new Map(sorted.map((node, index) => [node, index]));
      assert.equal(place.size, sorted.length, 'each once');
      for (const node of sorted) {
        for (const need of needs[node] ?? []) {
          const before = place.get(need);
          if (before !== undefined) assert.ok(before < (place.get(node) ?? 0), `${need} before ${node}`);
        }
      }
      const looped = [...needs.keys()].filter(node => reaches(needs, node, node));
      for (const node of needs.keys()) assert.ok(place.has(node) || looped.includes(node), `${node} is lost`);
      assert.equal(loops.length > 0, looped.length > 0);
      const members = loops.flatMap(loop => loop.slice(0, -1));
      assert.equal(new Set(members).size, members.length, 'no node in two loops');
      for (const loop of loops) {
        assert.equal(loop[0], loop.at(-1));
        for (const [index, node] of loop.slice(0, -1).entries()) {
          assert.ok(needs[node]?.includes(loop[index + 1] ?? -1), `${node} needs ${loop[index + 1]}`);
        }
      }
    }),
    {numRuns: 500, ...seed},
  );
});

function reaches(needs: readonly (readonly number[])[], from: number, to: number): boolean {
  const seen = new Set<number>();
  const open = [...(needs[from] ?? [])];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (!seen.has(node)) open.push(...(needs[node] ?? []));
    seen.add(node);
  }
  return seen.has(to);
}

test('a list that is in order comes back as it is, however long its chain', () => {
  const size = 100_000;
  const {sorted} = orderByDependency(Array(size).keys(), node => (node === 0 ? [] : [node - 1]));
  assert.ok(sorted.length === size && sorted.every((node, index) => node === index));
  const back = orderByDependency(Array(size).keys(), node => (node === size - 1 ? [] : [node + 1]));
  assert.equal(back.sorted[0], size - 1, 'no recursion that runs out of stack');
});
