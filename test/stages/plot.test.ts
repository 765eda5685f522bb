// The stage `plot`: every kind of picture from real outputs of `train` and `sharpness`, the same bytes each time,
// valid Vega-Lite, text that is drawn; and the numbers behind the pictures.

import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {before, test} from 'node:test';
import {decode} from 'fast-png';
import type {Cell, StageInput} from '../../src/stage/define.ts';
import {encodeDataset} from '../../stages/learn/dataset-file.ts';
import plot from '../../stages/plot.ts';
import {contourLines} from '../../stages/plots/contours.ts';
import {textWidth} from '../../stages/plots/font.ts';
import {logTicks} from '../../stages/plots/theme.ts';
import sharpness from '../../stages/sharpness.ts';
import train from '../../stages/train.ts';
import {syntheticDataset} from '../learn/training-rig.ts';
import {runStage, type StageRun, temporaryFolder} from './rig.ts';

const runs: StageInput[] = [];
const measured: StageInput[] = [];

before(async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'dataset.safetensors');
  const dataset = syntheticDataset({train: 60, validation: 20, test: 40});
  writeFileSync(file, encodeDataset(dataset));
  const data: StageInput = {path: folder, files: {dataset: file}, metrics: {}, cell: {}};
  for (const optimizer of ['sgd', 'sam']) {
    for (const seed of [0, 1, 2]) {
      const params = {hidden: [6], epochs: 3, batch_size: 20, optimizer, seed, lr: 0.05};
      const model = (await runStage(train, params, {inputs: {data}})).asInput({optimizer, seed});
      runs.push(model);
      const small = {power_iterations: 0, lanczos_steps: 12, eigenvalues: 3, line_points: 5, grid_points: 5};
      const measurement = await runStage(sharpness, small, {inputs: {model, data}});
      measured.push(measurement.asInput({optimizer, seed}));
    }
  }
});

const draw = (params: Readonly<Record<string, unknown>>, from: readonly StageInput[]): Promise<StageRun> =>
  runStage(plot, params, {inputs: {from}});
const read = (run: StageRun, name: string): Buffer => readFileSync(run.files[name] ?? '');

/** A run that only has metrics. */
const withMetrics = (cell: Cell, metrics: Readonly<Record<string, number>>): StageInput => ({
  path: '',
  files: {},
  metrics,
  cell,
});

for (const kind of ['curves', 'pairs', 'eigenvalues', 'line', 'landscape']) {
  test(`${kind}: twice the same bytes, whatever was drawn in between`, async () => {
    const from = kind === 'curves' || kind === 'pairs' ? runs : measured;
    const params = {kind, title: `About ${kind} & more`};
    const first = await draw(params, from);
    await draw({kind: 'curves'}, runs);
    const again = await draw(params, from);
    for (const name of ['spec', 'svg', 'png', 'pdf'])
      assert.deepEqual(read(again, name), read(first, name), name);
    const svg = read(first, 'svg').toString();
    assert.match(svg, new RegExp(`About ${kind} &amp; more`));
    for (const label of ['SGD', 'SAM']) assert.match(svg, new RegExp(`>${label}<`));
    const spec = JSON.parse(read(first, 'spec').toString());
    assert.equal(spec.$schema, 'https://vega.github.io/schema/vega-lite/v6.json');
    const {width, height} = decode(read(first, 'png'));
    const [, svgWidth = ''] = /<svg[^>]* width="([\d.]+)"/.exec(svg) ?? [];
    assert.equal(width, Math.ceil(2 * Number(svgWidth)));
    assert.ok(height > 300);
  });
}

test('text is drawn without fonts of the system: the title darkens the picture where it stands', async () => {
  const title = 'MMMMMMMMMMMM';
  const ink = async (title: string): Promise<number> => {
    const {data, width, channels} = decode(read(await draw({kind: 'pairs', title}, runs), 'png'));
    let dark = 0;
    for (let y = 0; y < 44; y++) {
      for (let x = 0; x < width; x++) if (Number(data[(y * width + x) * channels]) < 100) dark++;
    }
    return dark;
  };
  assert.ok((await ink(title)) > 1000);
  assert.ok((await ink('.')) < 50);
});

test('widths of text are those of Arial', () => {
  // The AFM file of Helvetica, whose widths Arial's and Arimo's are: M 833, space 278, i 222; bold M 833, i 278.
  assert.ok(Math.abs(textWidth('M i', 1000, 400) - (833 + 278 + 222)) < 2);
  assert.ok(Math.abs(textWidth('Mi', 1000, 700) - (833 + 278)) < 2);
  for (const character of 'ρλ−×±·’“”–³₁') assert.ok(textWidth(character, 1, 400) > 0.1, character);
});

test('a grid frames the best cell of each optimizer and says which cells diverged', async () => {
  const cells = [
    withMetrics({optimizer: 'sgd', lr: 0.1}, {validation_accuracy: 0.91}),
    withMetrics({optimizer: 'sgd', lr: 0.2}, {validation_accuracy: 0.93}),
    withMetrics({optimizer: 'sgd', lr: 5}, {diverged: 1, validation_accuracy: 0.1}),
    withMetrics({optimizer: 'sam', rho: 0.05, lr: 0.1}, {validation_accuracy: 0.95}),
    withMetrics({optimizer: 'sam', rho: 0.05, lr: 0.2}, {validation_accuracy: 0.95}),
  ];
  const run = await draw({kind: 'grid'}, cells);
  const spec = JSON.parse(read(run, 'spec').toString());
  assert.deepEqual(
    spec.data.values.map((cell: {x: string; y: string; text: string; isBest: boolean}) => [
      cell.x,
      cell.y,
      cell.text,
      cell.isBest,
    ]),
    [
      ['0.1', 'SGD', '91.00', false],
      ['0.2', 'SGD', '93.00', true],
      ['5', 'SGD', 'diverged', false],
      ['0.1', 'SAM, ρ 0.05', '95.00', true],
      ['0.2', 'SAM, ρ 0.05', '95.00', false],
    ],
  );
  assert.match(read(run, 'svg').toString(), />diverged</);
  await assert.rejects(
    draw({kind: 'grid', x: 'rate'}, cells),
    /x: expected an axis of the runs \(optimizer, lr, rho\)/,
  );
});

test('a grid frames the best cell of each of the axes that were chosen for', async () => {
  const cells = [
    withMetrics({optimizer: 'sgd', schedule: 'constant', lr: 0.1}, {validation_accuracy: 0.91}),
    withMetrics({optimizer: 'sgd', schedule: 'constant', lr: 0.2}, {validation_accuracy: 0.92}),
    withMetrics({optimizer: 'sgd', schedule: 'cosine', lr: 0.1}, {validation_accuracy: 0.95}),
    withMetrics({optimizer: 'sgd', schedule: 'cosine', lr: 0.2}, {validation_accuracy: 0.94}),
  ];
  const run = await draw({kind: 'grid', best_of: ['optimizer', 'schedule']}, cells);
  const spec = JSON.parse(read(run, 'spec').toString());
  assert.deepEqual(
    spec.data.values.map(({isBest}: {isBest: boolean}) => isBest),
    [false, true, true, false],
  );
  assert.match(JSON.stringify(spec.title), /Framed: the best cell of each optimizer and schedule/);
  await assert.rejects(
    draw({kind: 'grid', best_of: ['scedule']}, cells),
    /best_of: expected an axis of the runs \(optimizer, schedule, lr\), got scedule/,
  );
});

test('pairs: differences of equal seeds alone, with the t interval of their mean', async () => {
  const value = (optimizer: string, seed: number, accuracy: number): StageInput =>
    withMetrics({optimizer, seed}, {test_accuracy: accuracy});
  const inputs = [
    value('sgd', 0, 0.9),
    value('sgd', 1, 0.91),
    value('sgd', 2, 0.92),
    value('sgd', 9, 0.5),
    value('sam', 0, 0.91),
    value('sam', 1, 0.93),
    value('sam', 2, 0.95),
    withMetrics({optimizer: 'sam', seed: 9}, {diverged: 1}),
  ];
  const spec = JSON.parse(read(await draw({kind: 'pairs'}, inputs), 'spec').toString());
  const [, right] = spec.vconcat[0].hconcat;
  const [, differences, interval] = right.layer;
  assert.deepEqual(
    differences.data.values.map(({over, value}: {over: string; value: number}) => [
      over,
      Math.round(1e6 * value) / 1e6,
    ]),
    [
      ['0', 1],
      ['1', 2],
      ['2', 3],
    ],
  );
  // 2 ± t(0.975, 2)·1/√3, with t = 4.302653 (R: qt(0.975, 2)).
  const [{low, high}] = interval.data.values;
  assert.ok(Math.abs(low - (2 - 4.302653 / Math.sqrt(3))) < 1e-5);
  assert.ok(Math.abs(high - (2 + 4.302653 / Math.sqrt(3))) < 1e-5);
});

test('what is missing is said with where to get it', async () => {
  await assert.rejects(draw({kind: 'curves'}, measured), /expected inputs with the output curve/);
  await assert.rejects(draw({kind: 'landscape'}, runs), /expected inputs with the output landscape/);
  await assert.rejects(draw({kind: 'eigenvalues'}, runs), /expected the output sharpness/);
  await assert.rejects(
    draw({kind: 'curves', metric: 'speed'}, runs),
    /expected a column of the curves .*got speed/,
  );
  await assert.rejects(
    draw({kind: 'pairs', compare: 'model'}, runs),
    /expected at least two values of model/,
  );
});

test('runs that diverged are left out of pictures of sharpness, and counted', async () => {
  const lost = withMetrics({optimizer: 'sam', seed: 7}, {diverged: 1});
  for (const kind of ['eigenvalues', 'line', 'landscape']) {
    const svg = read(await draw({kind}, [...measured, lost]), 'svg').toString();
    assert.match(svg, /1 of 7 runs diverged and are not shown/);
  }
  await assert.rejects(draw({kind: 'line'}, [lost]), /all 1 runs diverged/);
});

test('contour lines of a cone are circles', () => {
  const axis = Array.from({length: 41}, (_, i) => i / 10 - 2);
  const cone = axis.map(y => axis.map(x => Math.hypot(x, y)));
  const segments = contourLines(axis, axis, cone, 1.5);
  assert.ok(segments.length > 50);
  const length = segments.reduce((sum, {x1, y1, x2, y2}) => sum + Math.hypot(x2 - x1, y2 - y1), 0);
  assert.ok(Math.abs(length - 2 * Math.PI * 1.5) < 0.02);
  for (const {x1, y1} of segments) assert.ok(Math.abs(Math.hypot(x1, y1) - 1.5) < 0.01);
});

test('labels of a logarithmic axis lie inside it and are round', () => {
  assert.deepEqual(logTicks(0.02, 0.3), [0.02, 0.05, 0.1, 0.2]);
  assert.deepEqual(logTicks(0.0002, 2), [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]);
});

test('pairs: points of equal value stand side by side, and the lines follow them', async () => {
  const inputs = ['sgd', 'sam'].flatMap(optimizer =>
    [0.9, 0.9, 0.9, 0.95].map((value, seed) => withMetrics({optimizer, seed}, {test_accuracy: value})),
  );
  const spec = JSON.parse(read(await draw({kind: 'pairs'}, inputs), 'spec').toString());
  const [lines, , points] = spec.vconcat[0].hconcat[0].layer;
  const places: readonly number[] = points.data.values.map(({place}: {place: number}) => place);
  assert.equal(new Set(places.slice(0, 3)).size, 3);
  assert.equal(places[3], 0, 'alone, a point stands in the middle');
  assert.deepEqual(lines.data.values, points.data.values);
});

test('curves compare by the axis that differs, and say which it is', async () => {
  const byRate = runs
    .filter(({cell}) => cell.optimizer === 'sgd')
    .map((run, at) => ({...run, cell: {optimizer: 'sgd', lr: [0.1, 0.2, 0.3][at] ?? 0, seed: 0}}));
  const svg = read(await draw({kind: 'curves'}, byRate), 'svg').toString();
  for (const label of ['learning rate 0.1', 'learning rate 0.3']) assert.match(svg, new RegExp(`>${label}<`));
  const labelled = read(await draw({kind: 'curves', labels: {lr: 'step size', sam: 'Ours'}}, byRate), 'svg');
  assert.match(labelled.toString(), />step size 0\.2</);
});

test('no band or interval leaves its axis, and no run is hidden by a mean', async () => {
  const curves = JSON.parse(read(await draw({kind: 'curves'}, runs), 'spec').toString());
  for (const {layer} of curves.hconcat) {
    const [band] = layer;
    const [low, high] = band.encoding.y.scale.domain;
    assert.equal(band.mark.clip, undefined);
    for (const one of band.data.values) assert.ok(one.low >= low && one.high <= high);
  }
  const {layer} = JSON.parse(read(await draw({kind: 'eigenvalues'}, measured), 'spec').toString());
  const [rule, , points, means] = layer;
  const [low, high] = rule.encoding.y.scale.domain;
  for (const one of rule.data.values) assert.ok(one.low >= low && one.high <= high);
  assert.notEqual(means.mark.xOffset ?? 0, points.mark.xOffset ?? 0);
});

test('a landscape shows the loss above the lowest one, and labels its lines', async () => {
  const spec = JSON.parse(read(await draw({kind: 'landscape'}, measured), 'spec').toString());
  const panels = spec.concat;
  const losses: readonly number[] = panels.flatMap(
    (panel: {layer: readonly {data: {values: {loss: number}[]}}[]}) =>
      panel.layer[0]?.data.values.map(({loss}) => loss) ?? [],
  );
  assert.equal(Math.min(...losses), 0);
  assert.deepEqual(panels[0].layer[0].encoding.color.scale.domain, [0, Math.max(...losses)]);
  const labels = panels.flatMap(
    (panel: {layer: readonly {data: {values: {text?: string}[]}}[]}) =>
      panel.layer[2]?.data.values.map(({text}) => text) ?? [],
  );
  assert.ok(labels.length > 1);
  for (const label of labels) assert.ok(Number(label) > 0 && Number(label) <= Math.max(...losses), label);
});

test('curves are read whatever ended their lines', async () => {
  const crlf = runs.map(run => {
    const curve = join(temporaryFolder(), 'curve.csv');
    writeFileSync(curve, `\ufeff${readFileSync(run.files.curve ?? '', 'utf8').replaceAll('\n', '\r\n')}`);
    return {...run, files: {...run.files, curve}};
  });
  assert.deepEqual(
    read(await draw({kind: 'curves'}, crlf), 'svg'),
    read(await draw({kind: 'curves'}, runs), 'svg'),
  );
});

test('a PDF is as large as the SVG, and its text is text in the embedded font', async () => {
  const run = await draw({kind: 'landscape'}, measured);
  const pdf = read(run, 'pdf').toString('latin1');
  const [, width = '', height = ''] =
    /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(read(run, 'svg').toString()) ?? [];
  assert.ok(pdf.startsWith('%PDF-'));
  assert.match(pdf, new RegExp(`/MediaBox \\[0 0 ${0.75 * Number(width)} ${0.75 * Number(height)}\\]`));
  assert.match(pdf, /\/BaseFont \/[A-Z]{6}\+Arimo/);
  assert.doesNotMatch(pdf, /CreationDate \(D:20/);
});

test('a width in millimetres is that of the picture, with letters of the same size; one that is too narrow is refused', async () => {
  for (const kind of ['curves', 'pairs', 'landscape', 'grid']) {
    const from = kind === 'landscape' ? measured : runs;
    const params = kind === 'grid' ? {kind, metric: 'test_accuracy', x: 'optimizer'} : {kind};
    const svg = read(await draw({...params, width: 150}, from), 'svg').toString();
    const [, width = ''] = /<svg[^>]* width="([\d.]+)"/.exec(svg) ?? [];
    assert.ok(Math.abs(Number(width) - (150 * 96) / 25.4) < 12, `${kind}: ${width}`);
    assert.match(svg, /font-size="15px"/);
  }
  await assert.rejects(
    draw({kind: 'curves', width: 40}, runs),
    /width: expected at least \d+ mm for this picture, got 40/,
  );
});

test('a value that is not finite breaks the line of its run, is in no mean, and is said', async () => {
  const [first] = runs;
  assert.ok(first !== undefined);
  const curve = join(temporaryFolder(), 'curve.csv');
  const losses = ['1', '0.5', 'nan', 'inf', '', '0.25'];
  const lines = losses.map((loss, at) => `${at + 1},0.1,${loss},0.5,,,,`);
  const header =
    'epoch,lr,train_loss,train_accuracy,validation_loss,validation_accuracy,test_loss,test_accuracy';
  writeFileSync(curve, [header, ...lines, ''].join('\n'));
  const run = {...first, files: {...first.files, curve}};
  const drawn = await draw({kind: 'curves', metric: 'train_loss'}, [run]);
  const svg = read(drawn, 'svg').toString();
  assert.match(svg, /2 values are not finite: they are in no mean, and lines break there\./);
  const spec = JSON.parse(read(drawn, 'spec').toString());
  const [, , means] = spec.hconcat[0].layer;
  assert.deepEqual(
    means.data.values.map(({epoch, mean}: {epoch: number; mean: number | null}) => [epoch, mean]),
    [
      [1, 1],
      [2, 0.5],
      [3, null],
      [4, null],
      [6, 0.25],
    ],
  );
  // The mean is one path of two pieces: it begins anew behind the gap.
  const paths = [...svg.matchAll(/class="mark-line[^"]*"[^>]*>\s*<path[^>]* d="([^"]*)"/g)].map(
    ([, d]) => d ?? '',
  );
  assert.ok(
    paths.some(d => (d.match(/M/g) ?? []).length === 2),
    paths.join('\n'),
  );
});
