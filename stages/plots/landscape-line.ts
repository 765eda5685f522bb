// The loss along one filter-normalised direction: a thin line per run, a thick one for each series' geometric mean.

import type {StageInput} from '../../src/stage/define.ts';
import {type LandscapeOptions, readSlice} from './landscape.ts';
import {countText, hasReplicates, labelsOf, type Row, rowsOf, stacked} from './series.ts';
import {dashes, logTicks, palette, seriesScale, titled} from './theme.ts';
import type {Spec} from './vega.ts';

/** @throws StageError when an input has no slice along a line. */
export async function lineSpec(
  inputs: readonly StageInput[],
  {title, ...axes}: LandscapeOptions,
): Promise<Spec> {
  const rows = rowsOf(inputs, axes);
  const labels = labelsOf(rows);
  const specs: Spec[] = [];
  for (const row of rows) specs.push(await panel(row, labels));
  const count = countText(rows, axes.over);
  const notes = [
    hasReplicates(rows)
      ? `Thin: every run; thick: geometric mean of ${count}. The direction’s draws are the same for all.`
      : `One run (${count}) each; the direction’s draws are the same for all.`,
  ];
  return {...stacked(rows, specs), title: titled(title, notes)};
}

async function panel({series}: Row, labels: readonly string[]): Promise<Spec> {
  const points: {series: string; run: string; x: number; loss: number}[] = [];
  const means: {series: string; x: number; loss: number}[] = [];
  for (const {label, runs} of series) {
    const byX = new Map<number, number[]>();
    for (const [i, {input}] of runs.entries()) {
      for (const {x, loss} of await readSlice(input, 'line', 'line_points')) {
        if (loss === null || loss <= 0) continue;
        points.push({series: label, run: `${label} ${i}`, x, loss});
        byX.set(x, [...(byX.get(x) ?? []), Math.log(loss)]);
      }
    }
    for (const [x, logs] of byX) {
      means.push({series: label, x, loss: Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length)});
    }
  }
  const losses = points.map(({loss}) => loss);
  const domain = [Math.min(...losses) / 1.2, Math.max(...losses) * 1.2];
  const [low = 0, high = 1] = domain;
  const y = {
    field: 'loss',
    type: 'quantitative',
    title: 'loss',
    scale: {type: 'log', domain, nice: false},
    axis: {values: logTicks(low, high), format: '~g'},
  };
  const title = 'step (1: as long as the weights, filter by filter)';
  const x = {field: 'x', type: 'quantitative', title, scale: {nice: false}, axis: {tickCount: 8}};
  const symbols = {symbolType: 'stroke', symbolStrokeWidth: 2.5, symbolSize: 300, symbolOpacity: 1};
  const place = {orient: 'top', columns: 5};
  const ofSeries = {field: 'series', type: 'nominal', title: null};
  const color = {...ofSeries, scale: seriesScale(labels, palette), legend: {...symbols, ...place}};
  const strokeDash = {...ofSeries, scale: seriesScale(labels, dashes), legend: place};
  const isSingle = series.every(({runs}) => runs.length === 1);
  return {
    width: 460,
    height: 280,
    layer: [
      {
        data: {values: points},
        mark: {type: 'line', strokeWidth: 0.8, opacity: isSingle ? 0 : 0.5},
        encoding: {x, y, color, detail: {field: 'run'}},
      },
      {data: {values: means}, mark: {type: 'line', strokeWidth: 2.4}, encoding: {x, y, color, strokeDash}},
    ],
  };
}
