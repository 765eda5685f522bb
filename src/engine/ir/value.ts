// The engine's graph: immutable nodes with static shapes whose operators are those of ONNX.
// A graph is whatever its outputs reach; nothing else exists, so dead code needs no pass.

/** Physical element types. `uint8` and `int64` are TF.js `int32` tensors to the user. */
export type ElementType = 'float32' | 'int32' | 'int64' | 'uint8' | 'bool';

/** TF.js's name for the type that the user sees. */
export const logicalType = (type: ElementType): 'float32' | 'int32' | 'bool' =>
  type === 'float32' || type === 'bool' ? type : 'int32';

export type Data = Float32Array | Int32Array | BigInt64Array | Uint8Array;

export type Shape = readonly number[];

export type Attribute =
  | {readonly kind: 'int'; readonly value: number}
  | {readonly kind: 'ints'; readonly value: readonly number[]}
  | {readonly kind: 'float'; readonly value: number}
  | {readonly kind: 'string'; readonly value: string}
  /** The body of a loop: its inputs have sources of kind `input`, and it reads nothing else but constants. */
  | {readonly kind: 'graph'; readonly inputs: readonly Value[]; readonly outputs: readonly Value[]};

export type Attributes = Readonly<Record<string, Attribute>>;

export const int = (value: number): Attribute => ({kind: 'int', value});
export const ints = (value: readonly number[]): Attribute => ({kind: 'ints', value});
export const float = (value: number): Attribute => ({kind: 'float', value});
export const text = (value: string): Attribute => ({kind: 'string', value});
export const graph = (inputs: readonly Value[], outputs: readonly Value[]): Attribute => ({
  kind: 'graph',
  inputs,
  outputs,
});

export interface TypeAndShape {
  readonly type: ElementType;
  readonly shape: Shape;
}

export type Source =
  | {readonly kind: 'input'; readonly name: string}
  /** Row-major; `bool` as one byte, 0 or 1. */
  | {readonly kind: 'constant'; readonly data: Data}
  | {readonly kind: 'node'; readonly node: Node; readonly index: number};

export interface Value extends TypeAndShape {
  /** Larger than the ids of everything that it is computed from. */
  readonly id: number;
  readonly source: Source;
}

/** Where a node comes from: the TF.js op for people, and the stack at that time for error messages. */
export interface Origin {
  /** Such as `matMul` or `relu`. */
  readonly op: string;
  readonly stack: Error;
}

export interface Node {
  /** The ONNX operator, with its domain in front where it is not ONNX's own: `com.microsoft.nchwc.Conv`. */
  readonly op: string;
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
  readonly origin: Origin;
}

/** State that is carried from one step to the next. */
export interface StateEntry {
  readonly name: string;
  readonly input: Value;
  readonly output: Value;
  /**
   * Physical order of the axes: the session holds `transpose(value, permutation)`, and `input` and `output`
   * have that permuted shape. The identity unless a pass chose otherwise.
   */
  readonly permutation: readonly number[];
}

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/** One step. */
export interface Graph {
  readonly name: string;
  readonly state: readonly StateEntry[];
  readonly resident: readonly NamedValue[];
  readonly scanned: readonly NamedValue[];
  readonly metrics: readonly NamedValue[];
}

export const sizeOf = (shape: Shape): number => shape.reduce((product, d) => product * d, 1);

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** The node that computes the value as its output number 0, if it is of this operator. */
export function producer(value: Value, op: string): Node | undefined {
  return value.source.kind === 'node' && value.source.index === 0 && value.source.node.op === op
    ? value.source.node
    : undefined;
}

/** The data of a constant. */
export const constantOf = (value: Value): Data | undefined =>
  value.source.kind === 'constant' ? value.source.data : undefined;

/** The input at an index that the operator always has. */
export function inputAt(node: Node, index: number): Value {
  const value = node.inputs[index];
  if (value === undefined) throw new RangeError(`${node.op} has no input ${index}`);
  return value;
}
