// A paired plot: on the left each replicate's value under each arm, joined by a line; on the right the differences
// from the baseline, with their mean and its t interval. One row of panels per cell of the other axes.

import {type Scalar, StageError, type StageInput} from '../../src/stage/define.ts';
import {describe, meanOf} from '../statistics/description.ts';
import type {Distributions} from '../statistics/distributions.ts';
import {axisValue, cellKey, groupBy, without} from '../statistics/runs.ts';
import {cellWords, valueWord, type Words} from '../words.ts';
import {type ShownMetric, shownMetric} from './metric.ts';
import {faint, ink, palette, seriesScale, shapes, titled} from './theme.ts';
import type {Spec} from './vega.ts';

export interface PairsOptions {
  readonly title: string;
  readonly metric: string;
  readonly over: string;
  readonly compare: string;
  /** The first arm where it is undefined. */
  readonly baseline: Scalar | undefined;
  readonly confidence: number;
  readonly words: Words;
}

interface Value {
  readonly arm: string;
  readonly over: string;
  readonly value: number;
}

export function pairsSpec(
  inputs: readonly StageInput[],
  options: PairsOptions,
  distributions: Distributions,
): Spec {
  const {over, compare, words} = options;
  const metric = shownMetric(options.metric);
  const arms = [...new Set(inputs.map(({cell}) => axisValue(cell, compare)))];
  const baseline = options.baseline === undefined ? (arms[0] ?? null) : options.baseline;
  if (!arms.includes(baseline)) {
    throw new StageError(`baseline: expected a value of ${compare} (${arms.join(', ')}), got ${baseline}`);
  }
  const labels = [baseline, ...arms.filter(arm => arm !== baseline)].map(arm => valueWord(arm, words));
  if (labels.length < 2) {
    throw new StageError(`compare: expected at least two values of ${compare}, got ${labels.join(', ')}`);
  }
  const groups = [...groupBy(inputs, ({cell}) => cellKey(without(cell, [over, compare]))).values()];
  const rows = groups.map(group => {
    const values = group.flatMap(({cell, metrics}): readonly Value[] => {
      const value = metrics.diverged === 1 ? undefined : metrics[metric.source];
      if (value === undefined) return [];
      return [
        {
          arm: valueWord(axisValue(cell, compare), words),
          over: String(axisValue(cell, over)),
          value: metric.shown(value),
        },
      ];
    });
    const label = groups.length === 1 ? '' : cellWords(without(group[0]?.cell ?? {}, [over, compare]), words);
    return rowOf(values, labels, label, metric, options, distributions);
  });
  const percent = `${Math.round(100 * options.confidence)} %`;
  const notes = [
    `Lines join runs with the same ${over}; short bars are means.`,
    `Right: differences from ${labels[0]}, their mean, and its ${percent} t interval (paired).`,
  ];
  return {title: titled(options.title, notes), vconcat: rows, spacing: 24};
}

function rowOf(
  values: readonly Value[],
  arms: readonly string[],
  label: string,
  metric: ShownMetric,
  {over, confidence}: PairsOptions,
  distributions: Distributions,
): Spec {
  const [baseline = ''] = arms;
  const differences = arms.slice(1).flatMap(arm =>
    values.flatMap(one => {
      const base = values.find(other => other.arm === baseline && other.over === one.over);
      return one.arm === arm && base !== undefined
        ? [{arm, over: one.over, value: one.value - base.value}]
        : [];
    }),
  );
  const means = arms.flatMap(arm => {
    const own = values.filter(value => value.arm === arm).map(({value}) => value);
    return own.length === 0 ? [] : [{arm, value: meanOf(own)}];
  });
  const intervals = arms.slice(1).flatMap(arm => {
    const own = differences.filter(difference => difference.arm === arm).map(({value}) => value);
    if (own.length === 0) return [];
    const {mean, interval} = describe(own, confidence, distributions);
    const isKnown = interval !== null;
    return [{arm, mean, low: interval?.low ?? mean, high: interval?.high ?? mean, isKnown, n: own.length}];
  });
  const all = values.map(({value}) => value);
  const pad = 0.06 * (Math.max(...all) - Math.min(...all) || 1);
  const colour = {field: 'arm', type: 'nominal', scale: seriesScale(arms, palette), legend: null};
  const shape = {field: 'arm', type: 'nominal', scale: seriesScale(arms, shapes), legend: null};
  const axis = {
    labelAngle: arms.length > 4 ? -30 : 0,
    labelFontSize: 13,
    domain: false,
    ticks: false,
    labelPadding: 8,
  };
  const x = (domain: readonly string[]): Spec => ({
    field: 'arm',
    type: 'nominal',
    title: null,
    scale: {domain},
    axis,
  });
  const y = {
    field: 'value',
    type: 'quantitative',
    title: label === '' ? metric.title : [label, metric.title],
    scale: {domain: [Math.min(...all) - pad, Math.max(...all) + pad], nice: false, zero: false},
  };
  const unit = metric.isShare ? 'percentage points' : metric.title;
  const left = {
    width: {step: Math.max(70, Math.min(130, 420 / arms.length))},
    height: 260,
    encoding: {x: x(arms)},
    layer: [
      {
        data: {values},
        mark: {type: 'line', stroke: faint, strokeWidth: 0.9, opacity: 0.7},
        encoding: {y, detail: {field: 'over'}},
      },
      {
        data: {values: means},
        mark: {type: 'tick', thickness: 3, width: 36, fill: ink, stroke: null},
        encoding: {y},
      },
      {
        data: {values},
        mark: {type: 'point', filled: true, size: 75, opacity: 1},
        encoding: {y, color: colour, shape},
      },
    ],
  };
  const spread = [
    0,
    ...differences.map(({value}) => value),
    ...intervals.flatMap(({low, high}) => [low, high]),
  ];
  const reach = 0.06 * (Math.max(...spread) - Math.min(...spread) || 1);
  const differenceScale = {domain: [Math.min(...spread) - reach, Math.max(...spread) + reach], nice: false};
  const ofDifference = (field: string): Spec => ({
    field,
    type: 'quantitative',
    title: `difference from ${baseline} (${unit})`,
    scale: differenceScale,
    axis: {labelExpr: "datum.value === 0 ? '0' : format(datum.value, '+~g')"},
  });
  const right = {
    width: {step: Math.max(70, Math.min(130, 420 / arms.length))},
    height: 260,
    layer: [
      {
        data: {values: [{zero: 0}]},
        mark: {type: 'rule', stroke: '#888888', strokeDash: [4, 3]},
        encoding: {y: ofDifference('zero')},
      },
      {
        data: {values: differences},
        mark: {type: 'point', filled: true, size: 45, opacity: 0.65, xOffset: -16},
        encoding: {x: x(arms.slice(1)), y: ofDifference('value'), color: colour, shape},
      },
      {
        data: {values: intervals.filter(({isKnown}) => isKnown)},
        mark: {type: 'rule', stroke: ink, strokeWidth: 2, xOffset: 10},
        encoding: {x: x(arms.slice(1)), y: ofDifference('low'), y2: {field: 'high'}},
      },
      {
        data: {values: intervals},
        mark: {type: 'point', filled: true, shape: 'square', size: 80, color: ink, opacity: 1, xOffset: 10},
        encoding: {x: x(arms.slice(1)), y: ofDifference('mean')},
      },
    ],
  };
  const counts = intervals.map(({arm, n}) => `${arm}: ${n}`);
  const caption =
    new Set(intervals.map(({n}) => n)).size === 1
      ? `${intervals[0]?.n} ${over}s as pairs`
      : `pairs: ${counts.join(', ')}`;
  return {
    hconcat: [
      left,
      {...right, title: {text: caption, fontSize: 12, fontWeight: 'normal', anchor: 'middle', offset: 6}},
    ],
    spacing: 40,
  };
}
