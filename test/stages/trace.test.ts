// What `tabulate` writes beside its tables: for every number of a line, which results it comes from.

import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {parseCsv} from '../../src/report/page/csv.ts';
import type {Origin, StageInput, Study} from '../../src/stage/define.ts';
import {numberAt, parseTrace, type Trace} from '../../src/stage/trace.ts';
import aggregate from '../../stages/aggregate.ts';
import tabulate from '../../stages/tabulate.ts';
import {runStage} from './rig.ts';
import {runOf} from './runs.ts';

const metric = 'test_accuracy';
const fingerprintOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const originOf = (instance: string): Origin => ({
  instance,
  fingerprint: fingerprintOf(instance),
  choosers: [],
});

const run = (optimizer: string, seed: number, value: number): StageInput => ({
  ...runOf({optimizer, seed}, {metrics: {[metric]: value, diverged: 0}, weights: `${optimizer} ${seed}`}),
  origin: originOf(`train[optimizer=${optimizer},seed=${seed}]`),
});

const study = [
  ...[0.9711, 0.973, 0.9725].map((value, seed) => run('sgd', seed, value)),
  ...[0.9727, 0.9735, 0.9741].map((value, seed) => run('sam', seed, value)),
];

async function made(about?: Study) {
  const summary = await runStage(aggregate, {metric, compare: 'optimizer'}, {inputs: {runs: study}});
  const input = {...summary.asInput(), origin: originOf('summary')};
  const {files} = await runStage(tabulate, {}, {inputs: {summary: input}, ...(about && {study: about})});
  const read = (name: string): string => readFileSync(files[name] ?? '', 'utf8');
  const trace = parseTrace(read('trace'));
  assert.ok(trace);
  return {markdown: read('markdown'), csv: read('csv'), latex: read('latex'), trace};
}

/** Line, column and text of each cell that has a source. */
function cellsOf(trace: Trace, file: string, text: string, split: (line: string) => string[]) {
  const lines = text.split('\n');
  return Object.entries(trace.files[file]?.lines ?? {}).flatMap(([line, columns]) =>
    columns.flatMap((place, column) => {
      const shown = split(lines[Number(line) - 1] ?? '')[column]?.trim() ?? '';
      const number = place === null ? undefined : trace.numbers[place];
      return number === undefined ? [] : [{line: Number(line), column, shown, number}];
    }),
  );
}

test('each number of each file is found at its line and column, and every instance is one of the runs', async () => {
  const {markdown, csv, latex, trace} = await made();
  assert.deepEqual(trace.summary, {instance: 'summary', fingerprint: fingerprintOf('summary')});
  assert.equal(trace.instances.length, study.length);
  assert.ok(trace.instances.every(({instance, fingerprint}) => fingerprint === fingerprintOf(instance)));
  const all = {
    'table.md': cellsOf(trace, 'table.md', markdown, line => line.split('|').slice(1)),
    'table.csv': cellsOf(trace, 'table.csv', csv, line => parseCsv(line)[0] ?? []),
    'table.tex': cellsOf(trace, 'table.tex', latex, line => line.replace(/\\\\$/, '').split(' & ')),
  };
  for (const [file, cells] of Object.entries(all)) {
    assert.ok(cells.length > 12, file);
    for (const {shown, line, column} of cells)
      assert.match(shown, /\d|higher|lower|unpaired/, `${file}:${line}:${column}`);
  }
  // Nothing that looks like a number of the study is left without a source.
  const traced = new Set(all['table.md'].map(({line, column}) => `${line}:${column}`));
  for (const [at, line] of markdown.split('\n').entries()) {
    const isHead = markdown.split('\n')[at + 1]?.startsWith('| --') === true;
    const cells = line.startsWith('|') && !isHead ? line.split('|').slice(1, -1) : [];
    for (const [column, text] of cells.entries()) {
      if (/^ *[+−<]? ?\d/.test(text))
        assert.ok(traced.has(`${at + 1}:${column}`), `${at + 1}:${column} ${text}`);
    }
  }
});

test('a mean is of the runs of its row, a p value of both arms, a single value of its run', async () => {
  const {markdown, trace} = await made();
  const lines = markdown.split('\n');
  const lineOf = (start: string, from = 0): number =>
    lines.findIndex((line, at) => at >= from && line.startsWith(start)) + 1;
  const named = (places: readonly number[] = []): string[] =>
    places.map(place => trace.instances[place]?.instance ?? '');
  const mean = numberAt(trace, 'table.md', lineOf('| sam'), 2);
  assert.match(mean?.statistic ?? '', /^mean/);
  assert.deepEqual(
    named(mean?.of),
    [0, 1, 2].map(seed => `train[optimizer=sam,seed=${seed}]`),
  );
  const differences = lineOf('## Results: differences');
  const columns = lines[differences + 1]?.split('|').map(text => text.trim()) ?? [];
  const p = numberAt(trace, 'table.md', lineOf('| sam', differences), columns.indexOf('p, t test') - 1);
  assert.equal(p?.statistic, 'p value of the t test');
  assert.deepEqual(
    named(p?.against),
    [0, 1, 2].map(seed => `train[optimizer=sgd,seed=${seed}]`),
  );
  const every = lineOf('## Results: every run');
  const value = numberAt(trace, 'table.md', lineOf('| sgd', every), 2);
  assert.deepEqual(named(value?.of), ['train[optimizer=sgd,seed=1]']);
  assert.equal(trace.instances[value?.of[0] ?? -1]?.values[metric], 0.973);
});

test('a table says of what profile and of which parameters it is, unless it is the plain pipeline', async () => {
  const plain = await made({profile: null, changed: []});
  assert.doesNotMatch(plain.markdown, /Not the plain pipeline/);
  const {markdown, latex, trace} = await made({
    profile: 'smoke',
    changed: [{name: 'lr', plain: 0.1, value: 0.2}],
  });
  assert.match(markdown, /\n\nNot the plain pipeline: profile smoke; lr=0\.2 instead of 0\.1\.\n/);
  assert.match(latex, /Not the plain pipeline: profile smoke; lr=0\.2 instead of 0\.1\./);
  assert.equal(trace.study?.profile, 'smoke');
});

test('without origins there is a trace that names nothing', async () => {
  const bare = study.map(({origin: _, ...input}) => input);
  const summary = await runStage(aggregate, {metric, compare: 'optimizer'}, {inputs: {runs: bare}});
  const {files} = await runStage(tabulate, {}, {inputs: {summary: summary.asInput()}});
  const trace = parseTrace(readFileSync(files.trace ?? '', 'utf8'));
  assert.deepEqual(trace?.instances, []);
  assert.equal(trace?.summary, null);
});
