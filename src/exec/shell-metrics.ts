// The metrics that a shell command wrote: one JSON object of names and finite numbers, or no file.

import {existsSync, readFileSync} from 'node:fs';
import type {StageFailure} from '../action/outcome.ts';
import {isJsonObject} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';

const HINT = 'write one JSON object to "$metrics", such as {"accuracy": 0.94}';

export function readShellMetrics(path: string): Result<Readonly<Record<string, number>>, StageFailure> {
  if (!existsSync(path)) return ok({});
  const text = readFileSync(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Python writes these although JSON has no word for them.
    const bad = /"([^"\\]*)"\s*:\s*(-?Infinity|NaN)/.exec(text);
    if (bad) return err({reason: 'non-finite-metric', metric: bad[1] ?? '', value: bad[2] ?? ''});
    return mistaken(`expected JSON in the metrics file, got ${String(error)}`);
  }
  if (!isJsonObject(value)) return mistaken('expected an object in the metrics file');
  const metrics: Record<string, number> = {};
  for (const [name, metric] of Object.entries(value)) {
    if (typeof metric !== 'number') {
      return mistaken(`expected a number for the metric ${name}, got ${JSON.stringify(metric)}`);
    }
    if (!Number.isFinite(metric))
      return err({reason: 'non-finite-metric', metric: name, value: String(metric)});
    metrics[name] = metric;
  }
  return ok(metrics);
}

const mistaken = (message: string): {readonly ok: false; readonly error: StageFailure} =>
  err({reason: 'mistake', message, hint: HINT});
