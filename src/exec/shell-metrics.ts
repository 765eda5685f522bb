// The metrics that a command wrote: one JSON object of names and numbers, or no file. Python's words for what is not
// finite are taken as well, although JSON has none.

import {existsSync, readFileSync} from 'node:fs';
import type {StageFailure} from '../action/outcome.ts';
import {isJsonObject, parseJson} from '../core/json.ts';
import {isMetric, type Metric, type Metrics, metricOf} from '../core/metric.ts';
import {err, ok, type Result} from '../core/result.ts';

const HINT = 'write one JSON object to "$metrics", such as {"accuracy": 0.94}';

/** Text in quotes, which is left alone, or a word for a number that is not finite. */
const WORDS = /"(?:[^"\\]|\\.)*"|(?<![\w.])(?:NaN|-?Infinity)(?![\w.])/g;

export function readShellMetrics(path: string): Result<Metrics, StageFailure> {
  return existsSync(path) ? parseShellMetrics(readFileSync(path, 'utf8')) : ok({});
}

export function parseShellMetrics(text: string): Result<Metrics, StageFailure> {
  const value = parseJson(text.replace(WORDS, word => (word.startsWith('"') ? word : `"${word}"`)));
  if (value === undefined) return mistaken('expected JSON in the metrics file');
  if (!isJsonObject(value)) return mistaken('expected an object in the metrics file');
  const metrics: Record<string, Metric> = {};
  for (const [name, given] of Object.entries(value)) {
    // A number too large for JavaScript is infinite.
    const metric = typeof given === 'number' ? metricOf(given) : given;
    if (!isMetric(metric)) {
      return mistaken(`expected a number for the metric ${name}, got ${JSON.stringify(given)}`);
    }
    metrics[name] = metric;
  }
  return ok(metrics);
}

const mistaken = (message: string): {readonly ok: false; readonly error: StageFailure} =>
  err({reason: 'mistake', message, hint: HINT});
