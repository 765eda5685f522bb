// The layout pass: a graph as TF.js means it (images channels last, convolutions as operators of the graph's own) in,
// a graph of ONNX Runtime's operators out, whose images stay in the device's best form from convolution to convolution.

import type {Builder} from './ir/builder.ts';
import {binary, unary, uniform} from './ir/ops.ts';
import {reach} from './ir/reach.ts';
import {countUses, outputsOf, rewrite} from './ir/rewrite.ts';
import {type Graph, inputAt, type Node, type Value} from './ir/value.ts';
import {lowerForward, lowerInputGradient} from './layout/convolution.ts';
import {lowerElementwise, lowerExpand} from './layout/elementwise.ts';
import {lowerFilterGradient} from './layout/filter-gradient.ts';
import {Forms, isToFirst, isToLast} from './layout/forms.ts';
import {lowerReduction} from './layout/reduction.ts';

export interface LayoutTarget {
  /** Channels per block of ONNX Runtime's blocked form; undefined where the device has none. */
  readonly block: number | undefined;
}

/** Operators that exist before this pass alone. */
const convolutions: Readonly<Record<string, (forms: Forms, node: Node, out: Value) => void>> = {
  'pipe.Conv': lowerForward,
  'pipe.ConvInputGradient': lowerInputGradient,
  'pipe.ConvFilterGradient': lowerFilterGradient,
};

/** An equal graph in which convolutions are ONNX's and no image changes its form without need. */
export function chooseLayout(b: Builder, given: Graph, target: LayoutTarget): Graph {
  const graph = compareRelus(b, given);
  const uses = countUses(graph);
  const forms = new Forms(b, target.block);
  const isOnlyUse = (value: Value): boolean => uses.get(value) === 1;
  const before = b.origin;
  for (const node of reach(outputsOf(graph)).nodes) {
    b.origin = node.origin;
    lower(forms, node, isOnlyUse);
  }
  const last = (value: Value): Value => forms.get(value, 'last');
  const result: Graph = {
    ...graph,
    state: graph.state.map(s => ({...s, output: last(s.output)})),
    metrics: graph.metrics.map(m => ({...m, value: last(m.value)})),
  };
  b.origin = before;
  return result;
}

function lower(forms: Forms, node: Node, isOnlyUse: (value: Value) => boolean): void {
  const {b} = forms;
  const [out] = node.outputs;
  if (out === undefined) throw new RangeError(`${node.op} has no output`);
  const convolution = convolutions[node.op];
  if (convolution !== undefined) {
    convolution(forms, node, out);
    return;
  }
  if (node.op === 'Transpose' && lowerTranspose(forms, node, out)) return;
  if (node.op === 'Expand' && lowerExpand(forms, node, out)) return;
  if (lowerElementwise(forms, node, out, isOnlyUse) || lowerReduction(forms, node, out, isOnlyUse)) return;
  const inputs = node.inputs.map(v => forms.get(v, 'last'));
  const values = isSameNode(node, inputs)
    ? node.outputs
    : b.node(node.op, inputs, node.attributes, node.outputs);
  node.outputs.forEach((old, i) => {
    const value = values[i];
    if (value !== undefined) forms.set(old, 'last', value);
  });
}

/** TF.js's gradient of relu compares what went into it: comparing what came out of it says the same. */
function compareRelus(b: Builder, graph: Graph): Graph {
  const relus = new Map<Value, Value>();
  return rewrite(b, graph, (node, inputs) => {
    const [source, other] = inputs;
    const [out] = node.outputs;
    if (source === undefined || out === undefined) return undefined;
    if (node.op === 'Relu') relus.set(source, isSameNode(node, inputs) ? out : unary(b, 'Relu', source));
    const relu = relus.get(source);
    if (node.op !== 'Greater' || other === undefined || relu === undefined || uniform(other) !== 0)
      return undefined;
    return [binary(b, 'Greater', relu, other, 'bool')];
  });
}

const isSameNode = (node: Node, inputs: readonly Value[]): boolean =>
  inputs.every((v, i) => v === node.inputs[i]);

/** Between the orders of axes of TF.js and ONNX a transpose moves nothing: it names another form. */
function lowerTranspose(forms: Forms, node: Node, out: Value): boolean {
  const perm = node.attributes.perm;
  const source = inputAt(node, 0);
  if (perm?.kind !== 'ints') return false;
  if (isToFirst(perm.value) && forms.isInside(source)) forms.set(out, 'last', forms.get(source, 'first'));
  else if (isToLast(perm.value)) forms.set(out, 'first', forms.get(source, 'last'));
  else return false;
  return true;
}
