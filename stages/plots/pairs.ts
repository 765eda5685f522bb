// A paired plot: on the left each replicate's value under each arm, joined by a line; on the right the differences
// from the baseline, with their mean and its t interval. One row of panels per cell of the other axes.

import {type Scalar, StageError, type StageInput} from '../../src/stage/define.ts';
import {describe, meanOf} from '../statistics/description.ts';
import type {Distributions} from '../statistics/distributions.ts';
import {axisValue, cellKey, groupBy, without} from '../statistics/runs.ts';
import {cellWords, valueWord, type Words} from '../tables/words.ts';
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

/** Pixels from arm to arm. */
const stepOf = (arms: readonly string[]): number => Math.max(70, Math.min(130, 420 / arms.length));

/** Pixels to the side for values that others of their arm equal or nearly do, so that no point hides another. */
function sideBySide<T extends Value>(values: readonly T[]): readonly (T & {readonly nudge: number})[] {
  const all = values.map(({value}) => value);
  const near = 0.012 * (Math.max(...all) - Math.min(...all));
  return values.map(one => {
    const beside = values.filter(other => other.arm === one.arm && Math.abs(other.value - one.value) <= near);
    return {...one, nudge: 10 * (beside.indexOf(one) - (beside.length - 1) / 2)};
  });
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
  const step = stepOf(arms);
  const placedAt = <T extends {readonly arm: string}>(labels: readonly string[], one: T, pixels: number) => ({
    ...one,
    place: labels.indexOf(one.arm) + pixels / step,
  });
  const placed = sideBySide(values).map(one => placedAt(arms, one, one.nudge));
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
  // Arms at whole numbers, so that points can stand beside each other.
  const x = (labels: readonly string[]): Spec => ({
    field: 'place',
    type: 'quantitative',
    title: null,
    scale: {domain: [-0.5, labels.length - 0.5], nice: false, zero: false},
    axis: {
      ...axis,
      grid: false,
      values: labels.map((_, place) => place),
      labelExpr: `${JSON.stringify(labels)}[datum.value]`,
    },
  });
  const y = {
    field: 'value',
    type: 'quantitative',
    title: label === '' ? metric.title : [label, metric.title],
    scale: {domain: [Math.min(...all) - pad, Math.max(...all) + pad], nice: false, zero: false},
  };
  const unit = metric.isShare ? 'percentage points' : metric.title;
  const left = {
    width: step * arms.length,
    height: 260,
    encoding: {x: x(arms)},
    layer: [
      {
        data: {values: placed},
        mark: {type: 'line', stroke: faint, strokeWidth: 0.9, opacity: 0.7},
        encoding: {y, detail: {field: 'over'}},
      },
      {
        data: {values: means.map(one => placedAt(arms, one, 0))},
        mark: {type: 'tick', orient: 'horizontal', thickness: 3, size: 36, fill: ink, stroke: null},
        encoding: {y},
      },
      {
        data: {values: placed},
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
    width: step * (arms.length - 1),
    height: 260,
    layer: [
      {
        data: {values: [{zero: 0}]},
        mark: {type: 'rule', stroke: '#888888', strokeDash: [4, 3]},
        encoding: {y: ofDifference('zero')},
      },
      {
        data: {values: sideBySide(differences).map(one => placedAt(arms.slice(1), one, one.nudge - 16))},
        mark: {type: 'point', filled: true, size: 45, opacity: 0.65},
        encoding: {x: x(arms.slice(1)), y: ofDifference('value'), color: colour, shape},
      },
      {
        data: {
          values: intervals.filter(({isKnown}) => isKnown).map(one => placedAt(arms.slice(1), one, 10)),
        },
        mark: {type: 'rule', stroke: ink, strokeWidth: 2},
        encoding: {x: x(arms.slice(1)), y: ofDifference('low'), y2: {field: 'high'}},
      },
      {
        data: {values: intervals.map(one => placedAt(arms.slice(1), one, 10))},
        mark: {type: 'point', filled: true, shape: 'square', size: 80, color: ink, opacity: 1},
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
