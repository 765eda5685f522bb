// Hostile and half-written files: whatever the text, reading and planning give diagnostics or a plan, never an
// exception. Every mistake is said once, in the file, and can be drawn; every plan is a graph in order.

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {test} from 'node:test';
import fc from 'fast-check';
import {type Diagnostic, renderDiagnostic} from '../src/core/diagnostic.ts';
import {canonicalJson} from '../src/core/json.ts';
import {readCells} from '../src/plan/cells.ts';
import {readChoice} from '../src/plan/choice.ts';
import type {Plan} from '../src/plan/plan.ts';
import {producersOf} from '../src/plan/plan-graph.ts';
import {parseSelector, printSelector} from '../src/plan/selector.ts';
import {parseJson} from '../src/spec/json-tree.ts';
import {jsonOf} from '../src/spec/tree.ts';
import {planText, STUDY} from './rig/pipelines.ts';

const seed = process.env.FC_SEED === undefined ? {} : {seed: Number(process.env.FC_SEED)};
const root = resolve(import.meta.dirname, '..');
const textsIn = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter(name => name.endsWith('.yaml'))
    .map(name => readFileSync(join(root, folder, name), 'utf8'));

const SHELL = `pipeline: shell
params: {seeds: [0, 1], net: {depth: 3}}
profiles: {quick: {seeds: [0]}}
stages:
  cells: {run: ./cells, out: {cells: cells.json}}
  a: {run: ./a, matrix: [{x: [1, 2], y: [a, b], exclude: [{x: 1, y: a}]}, {z: [null, true]}], out: [m/, t.csv]}
  b: {run: ./b, in: {a: a.t.csv, all: {each: a}}, matrix: {seed: "\${seeds}"}, with: {d: "\${net.depth}"}}
  c: {run: ./c, in: {list: [{each: b}, cells]}, publish: results/c, timeout: 1h, retries: {times: 2, backoff: 1s}}
  d: {run: ./d, in: {c: c}, matrix: {from: cells.cells}, resources: {cpus: 2, memory: 1GB, gpu: optional}}
`;
const valid = [STUDY, SHELL, ...textsIn('pipelines')];
const seeds = [...valid, ...textsIn('test/fixtures/bad')];

function checkMistakes(mistakes: readonly Diagnostic[]): void {
  const said = new Set<string>();
  for (const mistake of mistakes) {
    const drawn = renderDiagnostic(mistake);
    assert.ok(!said.has(drawn), `said twice:\n${drawn}`);
    said.add(drawn);
    const {span, message} = mistake;
    assert.ok(span, `no place: ${message}`);
    assert.ok(0 <= span.start && span.start <= span.end && span.end <= span.file.text.length, drawn);
    assert.doesNotMatch(drawn, /undefined|\[object |NaN(?!\b)/, drawn);
  }
}

function checkPlan(plan: Plan): void {
  const done = new Set<string>();
  for (const instance of plan.instances) {
    for (const producer of producersOf(instance)) assert.ok(done.has(producer), `${producer} comes too late`);
    assert.ok(!done.has(instance.id), `${instance.id} twice`);
    done.add(instance.id);
    canonicalJson(instance.params);
  }
}

async function checkText(text: string): Promise<void> {
  const read = await planText(text, {profile: 'quick', set: ['seeds=[7]']});
  const plan = await planText(text);
  for (const result of [read, plan]) {
    if (result.ok) checkPlan(result.value);
    else {
      assert.ok(result.error.length > 0);
      checkMistakes(result.error);
    }
  }
}

test('random text is a mistake or a plan', async () => {
  const bits = fc.constantFrom(
    ...[
      'pipeline: x',
      'stages:',
      'a:',
      '  ',
      '\n',
      '\t',
      '- ',
      '{',
      '}',
      '[',
      ']',
      ': ',
      ', ',
      '#',
      '"',
      "'",
    ],
    ...[
      '&a ',
      '*a',
      '!!str ',
      '<<: ',
      '? ',
      '| ',
      '>',
      '%YAML 1.1',
      '---',
      '...',
      '${',
      '}',
      '__proto__: ',
      '~',
    ],
    ...[
      'run: x',
      'uses: train',
      'in: ',
      'each: ',
      'matrix: ',
      'from: ',
      '.nan',
      '0x1F',
      '1e999',
      '\r\n',
      '\ufeff',
    ],
  );
  const text = fc.oneof(
    fc.array(bits, {maxLength: 40}).map(all => all.join('')),
    fc.string({unit: 'binary'}),
  );
  await fc.assert(fc.asyncProperty(text, checkText), {numRuns: 400, ...seed});
});

interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}
const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.record({
    at: fc.double({min: 0, max: 1, maxExcluded: true, noNaN: true}),
    remove: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(40)),
    insert: fc.oneof(
      fc.constantFrom(
        '',
        ' ',
        '\n',
        ':',
        '[',
        ']',
        '{',
        '}',
        ',',
        '"',
        '${',
        '- ',
        '&a ',
        '*a',
        '#',
        '\t',
        '../',
      ),
      fc.constantFrom(
        '__proto__',
        'each',
        'from',
        'null',
        '-1',
        '1e309',
        '[]',
        '{}',
        'true',
        'in: {x: a}',
        '\u0000',
      ),
      fc.string({maxLength: 5}),
    ),
  }),
  {minLength: 1, maxLength: 3},
);

const mutate = (text: string, changes: readonly Edit[]): string =>
  changes.reduce((now, {at, remove, insert}) => {
    const start = Math.floor(at * now.length);
    return now.slice(0, start) + insert + now.slice(start + remove);
  }, text);

test('a pipeline with slips of the keyboard is a mistake or a plan', async () => {
  const slips = fc.tuple(fc.constantFrom(...seeds), edits).map(([text, changes]) => mutate(text, changes));
  await fc.assert(fc.asyncProperty(slips, checkText), {numRuns: 600, ...seed});
});

test('a pipeline whose lines were moved, doubled or lost is a mistake or a plan', async () => {
  const moves = fc.array(fc.tuple(fc.nat(200), fc.nat(200), fc.constantFrom('move', 'double', 'lose')), {
    minLength: 1,
    maxLength: 4,
  });
  const shuffled = fc.tuple(fc.constantFrom(...valid), moves).map(([text, changes]) => {
    const lines = text.split('\n');
    for (const [from, to, how] of changes) {
      const taken =
        how === 'double'
          ? lines.slice(from % lines.length).slice(0, 1)
          : lines.splice(from % lines.length, 1);
      if (how !== 'lose') lines.splice(to % lines.length, 0, ...taken);
    }
    return lines.join('\n');
  });
  await fc.assert(fc.asyncProperty(shuffled, checkText), {numRuns: 300, ...seed});
});

test('a matrix file of any content is cells or mistakes in it', async () => {
  const cells = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .array(
        fc.dictionary(
          fc.constantFrom('lr', 'seed', '__proto__', 'from', 'a b', ''),
          fc.jsonValue({maxDepth: 1}),
        ),
      )
      .map(v => JSON.stringify(v)),
  );
  await fc.assert(
    fc.asyncProperty(cells, async text => {
      const file = {path: 'cells.json', text};
      const place = {file: {path: 'pipeline', text: 'cells'}, start: 0, end: 5};
      const read = readCells(file, place);
      if (!read.ok) checkMistakes(read.error);
      else
        for (const {cell} of read.value)
          for (const value of Object.values(cell)) assert.ok(value === null || typeof value !== 'object');
      const choice = readChoice(file, place);
      if (!choice.ok) checkMistakes(choice.error);
      else for (const {name} of choice.value) assert.match(name.value, /^[A-Za-z_][A-Za-z0-9_-]*$/);
    }),
    {numRuns: 300, ...seed},
  );
});

test('what is JSON is read as JSON.parse reads it, and what is none is refused at a place of the text', () => {
  const text = fc.oneof(
    fc.json(),
    fc.json({stringUnit: 'binary'}).map(json => json.replaceAll(',', ',\n\t')),
    fc.string({unit: fc.constantFrom(...'{}[]:,"\\ntrue0.1eE+-\n\t \ufeffN'), maxLength: 12}),
  );
  fc.assert(
    fc.property(text, written => {
      const {tree, mistakes} = parseJson({path: 'a.json', text: written});
      checkMistakes(mistakes);
      if (tree === null) {
        assert.equal(mistakes.length, 1);
        assert.throws(() => JSON.parse(written));
      } else if (mistakes.length === 0) {
        assert.equal(canonicalJson(jsonOf(tree)), canonicalJson(JSON.parse(written.replace(/^\ufeff/, ''))));
      }
    }),
    {numRuns: 2000, ...seed},
  );
});

test('a selector of any text is read, or its mistake is placed; what is read is printed the same', () => {
  const part = fc.constantFrom(
    'train',
    '[',
    ']',
    'seed',
    '=',
    '1..3',
    '|',
    ',',
    '"a,b"',
    '"',
    '0.1',
    ' ',
    '\\',
    '-',
  );
  const text = fc.oneof(
    fc.array(part, {maxLength: 10}).map(parts => parts.join('')),
    fc.string(),
  );
  fc.assert(
    fc.property(text, written => {
      const parsed = parseSelector(written, 'target');
      if (!parsed.ok) {
        checkMistakes([parsed.error]);
        return;
      }
      const printed = printSelector(parsed.value);
      const again = parseSelector(printed, 'target');
      assert.ok(again.ok, printed);
      assert.equal(printSelector(again.value), printed);
    }),
    {numRuns: 1000, ...seed},
  );
});
