// Makes graph values. Equal nodes are one node (common subexpressions are shared as they are made),
// equal constants one constant. Knows nothing of particular operators: those are in ops.ts.

import {createHash} from 'node:crypto';
import {
  type Attributes,
  type Data,
  type ElementType,
  type Node,
  type Origin,
  type Shape,
  sizeOf,
  type TypeAndShape,
  type Value,
} from './value.ts';

/** Graphs are told apart by their values. */
const attributesKey = (attributes: Attributes): string =>
  JSON.stringify(
    Object.entries(attributes).map(([name, a]) => [name, a.kind === 'graph' ? a.outputs.map(v => v.id) : a]),
  );

const NOWHERE: Origin = {op: 'step', stack: new Error('outside of a step')};

const digest = (data: Data): string =>
  data.length <= 16
    ? Array.from<number | bigint, string>(data, x => (Object.is(x, -0) ? '-0' : String(x))).join()
    : createHash('sha256')
        .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
        .digest('base64');

function noData(type: ElementType): Data {
  switch (type) {
    case 'float32':
      return new Float32Array();
    case 'int32':
      return new Int32Array();
    case 'int64':
      return new BigInt64Array();
    case 'uint8':
    case 'bool':
      return new Uint8Array();
  }
}

export class Builder {
  /** Given to the nodes that are made from now on. */
  origin: Origin = NOWHERE;
  #nextId = 0;
  readonly #nodes = new Map<string, Node>();
  readonly #constants = new Map<string, Value>();

  input(name: string, type: ElementType, shape: Shape): Value {
    return {id: this.#nextId++, type, shape, source: {kind: 'input', name}};
  }

  /** `data` must not change afterwards. */
  constant(type: ElementType, shape: Shape, data: Data): Value {
    if (data.length !== sizeOf(shape))
      throw new RangeError(`expected ${sizeOf(shape)} values for shape [${shape}], got ${data.length}`);
    const key = `${type}[${shape}]${digest(data)}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const value: Value = {id: this.#nextId++, type, shape, source: {kind: 'constant', data}};
    this.#constants.set(key, value);
    return value;
  }

  scalar(type: 'float32' | 'int32', value: number): Value {
    return this.constant(type, [], type === 'float32' ? Float32Array.of(value) : Int32Array.of(value));
  }

  /** A list of integers as ONNX operators take them for axes, shapes and the like. */
  list(values: readonly number[]): Value {
    return this.constant('int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** The node of that operator; the one made before, if it is the same. */
  node(
    op: string,
    inputs: readonly Value[],
    attributes: Attributes,
    outputs: readonly TypeAndShape[],
  ): readonly Value[] {
    // What has no elements is known; ONNX Runtime's operators do not all take it.
    if (outputs.length > 0 && outputs.every(({shape}) => sizeOf(shape) === 0))
      return outputs.map(({type, shape}) => this.constant(type, shape, noData(type)));
    const key = `${op}(${inputs.map(v => v.id)})${attributesKey(attributes)}${outputs.length}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known.outputs;
    const values: Value[] = [];
    const node: Node = {op, inputs, attributes, outputs: values, origin: this.origin};
    outputs.forEach(({type, shape}, index) => {
      values.push({id: this.#nextId++, type, shape, source: {kind: 'node', node, index}});
    });
    this.#nodes.set(key, node);
    return values;
  }

  /** As `node`, for operators with one output. */
  one(op: string, inputs: readonly Value[], attributes: Attributes, type: ElementType, shape: Shape): Value {
    const [value] = this.node(op, inputs, attributes, [{type, shape}]);
    if (value === undefined) throw new RangeError(`${op} has no output`);
    return value;
  }
}
