// Where a compiled step's time goes, from ONNX Runtime's own profile, and what its matrix products would take alone.

import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as ort from 'onnxruntime-node';
import {compile} from '../../src/engine/compile.ts';
import {Builder} from '../../src/engine/ir/builder.ts';
import {encodeModel, Names, tensorInfo} from '../../src/engine/onnx/encode.ts';
import {residentInput, scannedInput, stateInput} from '../../src/engine/onnx/scan.ts';
import {toOrt} from '../../src/engine/run/host.ts';
import {sessionOptions} from '../../src/engine/run/session.ts';
import {definition, indices, type Rule} from './program.ts';
import {type WorkloadName, workload} from './workloads.ts';

export interface Profile {
  /** Milliseconds per step by operator, longest first; the scan around the step left out. */
  readonly operators: readonly (readonly [op: string, ms: number])[];
  /** Milliseconds per step of the scan: all operators, and the way from one to the next. */
  readonly step: number;
}

interface Event {
  readonly cat?: string;
  readonly name: string;
  /** Microseconds. */
  readonly ts: number;
  readonly dur: number;
  readonly args?: {readonly op_name?: string};
}

/** Profiles the step on one thread, without the first run. */
export async function profile(name: WorkloadName, rule: Rule, runs: number): Promise<Profile> {
  const measured = workload(name);
  const program = definition(rule, measured);
  const compiled = await compile(program, {device: 'cpu'});
  const model = compiled.toOnnx();
  // The engine keeps some state with its axes in another order; its sizes are the same, and times do not ask for values.
  const folder = mkdtempSync(join(tmpdir(), 'pipe-profile-'));
  try {
    const session = await ort.InferenceSession.create(model, {
      ...sessionOptions('cpu', 1),
      enableProfiling: true,
      profileFilePrefix: join(folder, 'ort'),
    });
    const shapes = new Map(session.inputMetadata.map(m => [m.name, m.isTensor ? m.shape.map(Number) : []]));
    const feeds: Record<string, ort.Tensor> = {};
    for (const [key, t] of Object.entries(program.state)) {
      const input = stateInput(key);
      const shape = shapes.get(input);
      if (shape !== undefined) feeds[input] = toOrt({...t, shape});
    }
    for (const [key, t] of Object.entries(program.resident ?? {})) feeds[residentInput(key)] = toOrt(t);
    for (const [key, t] of Object.entries(indices(measured.steps, measured.batch, measured.samples)))
      feeds[scannedInput(key)] = toOrt(t);
    for (let run = 0; run <= runs; run++) await session.run(feeds);
    session.endProfiling();
    await session.release();
    return summary(folder, measured.steps);
  } finally {
    rmSync(folder, {recursive: true, force: true});
    await compiled.dispose();
  }
}

function summary(folder: string, stepsPerRun: number): Profile {
  const [file] = readdirSync(folder);
  if (file === undefined) throw new Error('ONNX Runtime wrote no profile');
  const events = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Event[];
  const byTime = (x: Event, y: Event): number => x.ts - y.ts;
  const [first, ...runs] = events.filter(e => e.name === 'model_run').sort(byTime);
  const end = first === undefined ? 0 : first.ts + first.dur;
  const kernels = events
    .filter(e => e.cat === 'Node' && e.name.endsWith('_kernel_time') && e.ts >= end)
    .sort((x, y) => byTime(x, y) || y.dur - x.dur);
  const steps = stepsPerRun * runs.length;
  const operators = new Map<string, number>();
  let [step, scanEnd] = [0, 0];
  for (const {ts, dur, args} of kernels) {
    const op = args?.op_name ?? '?';
    if (op !== 'Scan') operators.set(op, (operators.get(op) ?? 0) + dur / 1000 / steps);
    else if (ts >= scanEnd) {
      // Not one of the scans inside a step, whose operators count themselves.
      step += dur / 1000 / steps;
      scanEnd = ts + dur;
    }
  }
  return {operators: [...operators].sort((x, y) => y[1] - x[1]), step};
}

const products = new Set(['Gemm', 'MatMul', 'FusedMatMul', 'FusedGemm']);

/** The part of the step that is spent in matrix products. */
export const shareOfProducts = ({operators, step}: Profile): number =>
  operators.filter(([op]) => products.has(op)).reduce((sum, [, ms]) => sum + ms, 0) / step;

/** Multiplications per millisecond of ONNX Runtime's own product of two 1024 × 1024 matrices, one thread: the best of many. */
export async function peakMultiplications(): Promise<number> {
  const SIZE = 1024;
  const shape = [SIZE, SIZE];
  const [b, names] = [new Builder(), new Names()];
  const [x, y] = [b.input('x', 'float32', shape), b.input('y', 'float32', shape)];
  const product = b.one('MatMul', [x, y], {}, 'float32', shape);
  names.set(x, 'x');
  names.set(y, 'y');
  if (product.source.kind !== 'node') throw new RangeError('a product is a node');
  const model = encodeModel({
    name: 'product',
    node: [names.node(product.source.node)],
    input: [tensorInfo('x', 'float32', shape), tensorInfo('y', 'float32', shape)],
    output: [tensorInfo(names.of(product), 'float32', shape)],
  });
  const session = await ort.InferenceSession.create(model, sessionOptions('cpu', 1));
  const data = Float32Array.from({length: SIZE * SIZE}, (_, i) => (i % 17) / 17);
  const feeds = {x: new ort.Tensor('float32', data, shape), y: new ort.Tensor('float32', data, shape)};
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - start);
  }
  await session.release();
  return SIZE ** 3 / best;
}
