// Graph values → ONNX messages. Names are given here, by topological order, so that equal graphs are equal bytes.

import proto, {type onnx} from 'onnx-proto';
import {onnxType} from '../ir/ops.ts';
import {reach} from '../ir/reach.ts';
import type {Attribute, Data, Node, Origin, TypeAndShape, Value} from '../ir/value.ts';

/** The operator set, and the file format that goes with it. Both are what ONNX Runtime 1.30 takes as a matter of course. */
const opset = 18;
const irVersion = 8;

/** A dimension that is known only when the model is run has a name. */
type Dimension = number | string;

export function tensorInfo(
  name: string,
  type: TypeAndShape['type'],
  shape: readonly Dimension[],
): onnx.IValueInfoProto {
  const dim = shape.map(d => (typeof d === 'number' ? {dimValue: d} : {dimParam: d}));
  return {name, type: {tensorType: {elemType: onnxType(type), shape: {dim}}}};
}

function attributeProto(names: Names, name: string, attribute: Attribute): onnx.IAttributeProto {
  const {AttributeType} = proto.onnx.AttributeProto;
  switch (attribute.kind) {
    case 'int':
      return {name, type: AttributeType.INT, i: attribute.value};
    case 'ints':
      return {name, type: AttributeType.INTS, ints: [...attribute.value]};
    case 'float':
      return {name, type: AttributeType.FLOAT, f: attribute.value};
    case 'string':
      return {name, type: AttributeType.STRING, s: new TextEncoder().encode(attribute.value)};
    case 'graph':
      return {name, type: AttributeType.GRAPH, g: names.body(attribute.inputs, attribute.outputs)};
  }
}

const bytesOf = (data: Data): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const tensorProto = (name: string, value: TypeAndShape, data: Data): onnx.ITensorProto => ({
  name,
  dims: [...value.shape],
  dataType: onnxType(value.type),
  rawData: bytesOf(data),
});

/** Gives each value its name, and turns nodes into messages under those names. */
export class Names {
  readonly #names = new Map<Value, string>();
  /** Where each node comes from, by its name in the model. */
  readonly origins = new Map<string, Origin>();
  #count = 0;

  /** Fixes the name of a value, such as a graph input. */
  set(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  of(value: Value): string {
    const name = this.#names.get(value);
    if (name === undefined) throw new RangeError('a value is used before it is computed');
    return name;
  }

  constant(value: Value, data: Data): onnx.ITensorProto {
    const name = `const_${this.#count++}`;
    this.set(value, name);
    return tensorProto(name, value, data);
  }

  /** The message of a node; its outputs are named after the TF.js op that it comes from. */
  node(node: Node): onnx.INodeProto {
    const name = `${node.origin.op}_${this.#count++}`;
    const input = node.inputs.map(v => this.of(v));
    node.outputs.forEach((value, i) => {
      this.set(value, i === 0 ? name : `${name}.${i}`);
    });
    this.origins.set(`${name}/${node.op}`, node.origin);
    return {
      name: `${name}/${node.op}`,
      domain: domainOf(node),
      opType: node.op.slice(node.op.lastIndexOf('.') + 1),
      input,
      output: node.outputs.map(v => this.of(v)),
      attribute: Object.entries(node.attributes).map(([key, a]) => attributeProto(this, key, a)),
    };
  }

  /** The message of a loop's body. Its constants must have names already. */
  body(inputs: readonly Value[], outputs: readonly Value[]): onnx.IGraphProto {
    for (const value of inputs) this.set(value, `inside_${this.#count++}`);
    const node = reach(outputs).nodes.map(n => this.node(n));
    const info = (v: Value): onnx.IValueInfoProto => tensorInfo(this.of(v), v.type, v.shape);
    return {name: `body_${this.#count++}`, node, input: inputs.map(info), output: outputs.map(info)};
  }
}

/** A value that leaves a graph under a name of its own. */
export interface Leaving {
  readonly from: Value;
  readonly to: string;
}

/**
 * Gives values the names under which they leave. A node's output is renamed, which costs nothing; what the nodes do not
 * compute, or what leaves a second time, is handed on by a node that is returned.
 */
export function nameExits(
  names: Names,
  nodes: readonly onnx.INodeProto[],
  leaving: readonly Leaving[],
): onnx.INodeProto[] {
  const computed = new Set(nodes.flatMap(({output}) => output ?? []));
  const renamed = new Map<string, string>();
  const pending = leaving.filter(({from, to}) => {
    const name = names.of(from);
    if (!computed.has(name) || renamed.has(name)) return true;
    renamed.set(name, to);
    return false;
  });
  const rename = (list: readonly string[] | null | undefined): string[] =>
    (list ?? []).map(name => renamed.get(name) ?? name);
  for (const node of nodes) {
    node.input = rename(node.input);
    node.output = rename(node.output);
  }
  return pending.map(({from, to}) => ({
    name: to,
    opType: 'Identity',
    input: rename([names.of(from)]),
    output: [to],
  }));
}

const domainOf = ({op}: Node): string => op.slice(0, Math.max(0, op.lastIndexOf('.')));

export function constantProtos(names: Names, constants: readonly Value[]): onnx.ITensorProto[] {
  return constants.flatMap(value =>
    value.source.kind === 'constant' ? [names.constant(value, value.source.data)] : [],
  );
}

/** The domains of the operators that are not ONNX's own, in bodies too. */
function domainsIn(graph: onnx.IGraphProto): Set<string> {
  const domains = new Set<string>();
  for (const {domain, attribute} of graph.node ?? []) {
    if (domain) domains.add(domain);
    for (const {g} of attribute ?? []) if (g) for (const inner of domainsIn(g)) domains.add(inner);
  }
  return domains;
}

export function encodeModel(graph: onnx.IGraphProto): Uint8Array {
  const model = proto.onnx.ModelProto.create({
    irVersion,
    producerName: 'pipe',
    opsetImport: [
      {domain: '', version: opset},
      ...[...domainsIn(graph)].map(domain => ({domain, version: 1})),
    ],
    graph,
  });
  return proto.onnx.ModelProto.encode(model).finish();
}
