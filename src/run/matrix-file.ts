// The cells of a matrix that a stage made: a JSON file with a list of objects, axis → scalar.

import type {ActionResult} from '../action/action.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {isJsonObject} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Producer} from '../plan/plan.ts';
import type {Cell, Scalar} from '../stage/define.ts';
import type {BlobStore} from '../store/store.ts';
import {describeStoreError} from '../store/store-error.ts';

export function readCells(
  blobs: BlobStore,
  stage: string,
  from: Producer,
  result: ActionResult,
): Result<readonly Cell[], readonly Diagnostic[]> {
  const outputs = Object.values(result.outputs);
  const artifact = from.output === null ? outputs[0] : result.outputs[from.output];
  const name = from.output === null ? from.id : `${from.id}.${from.output}`;
  if (artifact?.kind !== 'file') return wrong(stage, `expected ${name} to be a file`);
  const bytes = blobs.read(artifact.digest);
  if (!bytes.ok) return wrong(stage, describeStoreError(bytes.error));
  let value: unknown;
  try {
    value = JSON.parse(bytes.value.toString('utf8'));
  } catch (error) {
    return wrong(
      stage,
      `expected JSON in ${name}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (!Array.isArray(value)) return wrong(stage, `expected a list of cells in ${name}`);
  const cells: Cell[] = [];
  for (const [index, item] of value.entries()) {
    if (!isJsonObject(item) || !Object.values(item).every(isScalar)) {
      const got = JSON.stringify(item).slice(0, 80);
      return wrong(stage, `expected each cell in ${name} to be an object of scalars, got ${got} at ${index}`);
    }
    cells.push(item as Cell);
  }
  return ok(cells);
}

const isScalar = (value: unknown): value is Scalar =>
  value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

const wrong = (stage: string, message: string): {readonly ok: false; readonly error: readonly Diagnostic[]} =>
  err([
    mistake('bad-matrix-file', `the matrix of ${stage}: ${message}`, undefined, {
      hint: 'write a JSON list such as [{"seed": 1}, {"seed": 2}]',
    }),
  ]);
