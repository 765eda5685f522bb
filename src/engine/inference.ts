// A forward pass → an ONNX model for others: plain ONNX operators, weights as named initializers, any batch size.
// Shapes in a trace are static, so the pass is traced for two batch sizes; what differs between the two graphs is the
// batch, and is left open. A pass that uses its batch size in another way is an error, never a model that is wrong.

import type {onnx} from 'onnx-proto';
import {EngineError} from './errors.ts';
import {onnxType} from './ir/ops.ts';
import {reach} from './ir/reach.ts';
import type {Graph} from './ir/value.ts';
import {constantProtos, encodeModel, Names, tensorInfo} from './onnx/encode.ts';
import {optimize} from './optimize.ts';
import type {HostTensors, SliceSpec, TensorsNamed} from './program.ts';
import {checkTensor, permute} from './run/host.ts';
import {trace} from './trace/trace.ts';

export interface Inference {
  readonly name: string;
  readonly weights: HostTensors;
  /** One sample of each input, without the batch axis. */
  readonly inputs: Readonly<Record<string, SliceSpec>>;
  /** Inputs come as [batch, ...shape]; every result must have the batch as its first axis. */
  readonly forward: (weights: TensorsNamed, inputs: TensorsNamed) => TensorsNamed;
}

/** Two batch sizes that no other dimension is likely to have. */
const [one, other] = [1009, 1013] as const;

/**
 * The bytes of an ONNX model with the inputs [batch, ...shape] and the outputs of `forward` under their own names,
 * which ONNX Runtime loads anywhere.
 * @throws EngineError for ops that cannot be compiled, and for results that depend on the batch size.
 */
export function exportInference(inference: Inference): Uint8Array {
  for (const [name, tensor] of Object.entries(inference.weights)) checkTensor(`weights.${name}`, tensor);
  const graph = graphFor(inference, one);
  openBatch(inference.name, graph, graphFor(inference, other));
  return encodeModel(graph);
}

function traceFor({name, weights, inputs, forward}: Inference, batch: number): Graph {
  const scanned = Object.entries(inputs).map(
    ([key, {shape, dtype}]) => [key, {dtype, shape: [batch, ...shape]}] as const,
  );
  const {builder, graph} = trace({
    name,
    state: weights,
    scanned: Object.fromEntries(scanned),
    step: given => ({state: given.state, metrics: forward(given.state, given.scanned)}),
  });
  for (const {name: output, value} of graph.metrics)
    if (value.shape[0] !== batch)
      throw new EngineError(
        `${name}: expected the batch as the first axis of ${output}, got the shape [${value.shape}] for a batch of ${batch}`,
      );
  return optimize(builder, graph, {block: undefined});
}

function graphFor(inference: Inference, batch: number): onnx.IGraphProto {
  const graph = traceFor(inference, batch);
  const {nodes, constants} = reach(graph.metrics.map(({value}) => value));
  const names = new Names();
  for (const {name, input} of graph.state) names.set(input, name);
  for (const {name, value} of graph.scanned) names.set(value, name);
  const weights = graph.state.flatMap(({name, input, permutation}): onnx.ITensorProto[] => {
    const tensor = inference.weights[name];
    if (tensor === undefined) return [];
    const {shape, data} = permute(tensor, permutation);
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return [{name, dims: [...shape], dataType: onnxType(input.type), rawData}];
  });
  const initializer = [...weights, ...constantProtos(names, constants)];
  const inner = nodes.map(node => names.node(node));
  const exits = graph.metrics.map(
    ({name, value}): onnx.INodeProto => ({
      name: `${name}/Identity`,
      opType: 'Identity',
      input: [names.of(value)],
      output: [name],
    }),
  );
  const open = (shape: readonly number[]): (number | string)[] => ['batch', ...shape.slice(1)];
  return {
    name: inference.name,
    initializer,
    node: [...inner, ...exits],
    input: graph.scanned.map(({name, value}) => tensorInfo(name, value.type, open(value.shape))),
    output: graph.metrics.map(({name, value}) => tensorInfo(name, value.type, open(value.shape))),
  };
}

/** Replaces, in the graph for one batch size, what the graph for another has differently: the batch in reshapes. */
function openBatch(name: string, graph: onnx.IGraphProto, second: onnx.IGraphProto): void {
  const nodes = graph.node ?? [];
  const isSame = JSON.stringify(nodes) === JSON.stringify(second.node ?? []);
  if (!isSame || graph.initializer?.length !== second.initializer?.length) throw usesBatch(name, undefined);
  graph.initializer?.forEach((tensor, i) => {
    const twin = second.initializer?.[i];
    if (isEqual(tensor, twin)) return;
    const readers = nodes.filter(({input}) => tensor.name && input?.includes(tensor.name));
    const isShape = readers.every(({opType, input}) => opType === 'Reshape' && input?.[1] === tensor.name);
    const [a, b] = [lengths(tensor), lengths(twin)];
    const open = Array.from(a).flatMap((length, axis) => (length === b[axis] ? [] : [axis]));
    const [axis] = open;
    if (!isShape || a.length !== b.length || open.length !== 1 || axis === undefined)
      throw usesBatch(name, readers[0]?.name ?? undefined);
    a[axis] = -1n;
    tensor.rawData = new Uint8Array(a.buffer);
  });
}

const bytesOf = (tensor: onnx.ITensorProto | undefined): Uint8Array => tensor?.rawData ?? new Uint8Array();

const isEqual = (a: onnx.ITensorProto, b: onnx.ITensorProto | undefined): boolean =>
  String(a.dims) === String(b?.dims) && Buffer.compare(bytesOf(a), bytesOf(b)) === 0;

/** A shape as ONNX keeps it: int64. Empty for anything else. */
function lengths(tensor: onnx.ITensorProto | undefined): BigInt64Array {
  const bytes = bytesOf(tensor).slice();
  return tensor?.dataType === 7 ? new BigInt64Array(bytes.buffer) : new BigInt64Array();
}

const usesBatch = (name: string, node: string | undefined): EngineError =>
  new EngineError(
    `${name}: the forward pass depends on its batch size${node === undefined ? '' : ` at ${node}`}, so that it cannot ` +
      'be exported for any: avoid shapes and constants made from the batch size',
  );
