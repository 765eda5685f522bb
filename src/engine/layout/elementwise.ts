// Operators that work element by element, kept in the form in which the images are.

import {binary, reshape, transpose, unary} from '../ir/ops.ts';
import {inputAt, type Node, type Shape, sameShape, sizeOf, type Value} from '../ir/value.ts';
import {type Forms, four, type Inner} from './forms.ts';
import {affine, type Convolution, emit, withBias} from './pending.ts';

const operators = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Pow', 'Where', 'Cast'],
  ...['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Xor', 'Not'],
  ...[
    'Abs',
    'Ceil',
    'Clip',
    'Elu',
    'Erf',
    'Exp',
    'Floor',
    'IsInf',
    'IsNaN',
    'LeakyRelu',
    'Log',
    'Neg',
    'Reciprocal',
  ],
  ...['Relu', 'Round', 'Selu', 'Sigmoid', 'Sign', 'Softplus', 'Sqrt', 'Tanh', 'Sin', 'Cos'],
]);

/** Whether all but the last dimension is 1: one number per channel. */
export const isPerChannel = (shape: Shape, channels: number): boolean =>
  channels > 1 && shape.length <= 4 && shape.at(-1) === channels && sizeOf(shape) === channels;

/** Lowers it inside, if it is such an operator on images that are there. */
export function lowerElementwise(
  forms: Forms,
  node: Node,
  out: Value,
  isOnlyUse: (v: Value) => boolean,
): boolean {
  if (!operators.has(node.op) || out.shape.length !== 4) return false;
  if (out.type !== 'float32' && out.type !== 'bool') return false;
  const isFull = (v: Value): boolean => sameShape(v.shape, out.shape);
  const fits = (v: Value): boolean => v.type === 'float32' || v.type === 'bool' || sizeOf(v.shape) === 1;
  if (!node.inputs.every(fits) || !node.inputs.some(v => isFull(v) && forms.isInside(v))) return false;
  const form = forms.inner(four(out.shape)[3]);
  if (form === 'blocked' && lowerFused(forms, node, out, isOnlyUse)) return true;
  const operands = node.inputs.map(v => operand(forms, v, out.shape, form));
  const present = operands.filter(v => v !== undefined);
  if (present.length !== operands.length) return false;
  const [n, h, w, c] = four(out.shape);
  forms.set(out, form, forms.b.one(node.op, present, node.attributes, out.type, [n, c, h, w]));
  return true;
}

/** An input so that it broadcasts to images in that form; undefined where it does not. */
function operand(forms: Forms, value: Value, shape: Shape, form: Inner): Value | undefined {
  if (sameShape(value.shape, shape)) return forms.get(value, form);
  const {b} = forms;
  const source = forms.get(value, 'last');
  if (sizeOf(value.shape) === 1) return reshape(b, source, []);
  if (form === 'blocked') return undefined;
  return transpose(b, reshape(b, source, [1, 1, 1, 1, ...value.shape].slice(-4)), [0, 3, 1, 2]);
}

/** Arithmetic that ends inside of a convolution. */
function lowerFused(forms: Forms, node: Node, out: Value, isOnlyUse: (v: Value) => boolean): boolean {
  const open = (v: Value): Convolution | undefined => {
    const pending = forms.pending(v);
    return pending?.kind === 'convolution' && !pending.hasRelu && isOnlyUse(v) ? pending : undefined;
  };
  const left = inputAt(node, 0);
  if (node.op === 'Relu') {
    const pending = open(left);
    if (pending === undefined) return false;
    forms.defer(out, {...pending, hasRelu: true});
    return true;
  }
  const right = node.inputs[1];
  if (right === undefined || out.type !== 'float32') return false;
  const isFull = (v: Value): boolean => sameShape(v.shape, out.shape);
  if (isFull(left) && isFull(right)) {
    if (node.op === 'Add') return addImages(forms, left, right, out, open);
    if (node.op !== 'Mul') return false;
    forms.defer(out, {kind: 'product', factors: [forms.get(left, 'blocked'), forms.get(right, 'blocked')]});
    return true;
  }
  const [images, , , channels] = four(out.shape);
  const [image, other] = isFull(left) ? [left, right] : [right, left];
  if (!isFull(image)) return false;
  if (node.op === 'Mul' && other.shape.join() === [images, 1, 1, channels].join()) {
    forms.set(out, 'blocked', scalePlanes(forms, image, other));
    return true;
  }
  if (!isPerChannel(other.shape, channels)) return false;
  const change = perChannel(forms, node.op, other, image === left, channels);
  if (change === undefined) return false;
  const pending = open(image);
  const {b} = forms;
  forms.defer(
    out,
    pending !== undefined && change.scale === undefined && change.shift !== undefined
      ? withBias(b, pending, change.shift)
      : affine(b, forms.get(image, 'blocked'), change.scale, change.shift),
  );
  return true;
}

/** One number per channel of each image: all planes side by side are the channels of one image. */
function scalePlanes(forms: Forms, image: Value, numbers: Value): Value {
  const {b} = forms;
  const source = forms.get(image, 'blocked');
  const [n = 1, c = 1, h = 1, w = 1] = source.shape;
  const planes = reshape(b, source, [1, n * c, h, w]);
  const scale = reshape(b, forms.get(numbers, 'last'), [n * c]);
  return reshape(b, emit(b, affine(b, planes, scale, undefined)), source.shape);
}

function addImages(
  forms: Forms,
  left: Value,
  right: Value,
  out: Value,
  open: (v: Value) => Convolution | undefined,
): boolean {
  for (const [one, other] of [
    [left, right],
    [right, left],
  ] as const) {
    const pending = open(one);
    if (pending === undefined || pending.sum !== undefined || one === other) continue;
    forms.defer(out, {...pending, sum: forms.get(other, 'blocked')});
    return true;
  }
  return false;
}

interface Change {
  readonly scale: Value | undefined;
  readonly shift: Value | undefined;
}

/** What `image op numbers` (or `numbers op image`) is as a scale and a shift of the channels. */
function perChannel(
  forms: Forms,
  op: string,
  other: Value,
  imageFirst: boolean,
  channels: number,
): Change | undefined {
  const {b} = forms;
  const numbers = reshape(b, forms.get(other, 'last'), [channels]);
  switch (op) {
    case 'Mul':
      return {scale: numbers, shift: undefined};
    case 'Add':
      return {scale: undefined, shift: numbers};
    case 'Sub': {
      if (imageFirst) return {scale: undefined, shift: unary(b, 'Neg', numbers)};
      const minus = b.constant('float32', [channels], new Float32Array(channels).fill(-1));
      return {scale: minus, shift: numbers};
    }
    case 'Div':
      return imageFirst ? {scale: unary(b, 'Reciprocal', numbers), shift: undefined} : undefined;
    default:
      return undefined;
  }
}

/** A repetition of one number per channel, or per channel and image, over all pixels. */
export function lowerExpand(forms: Forms, node: Node, out: Value): boolean {
  const source = inputAt(node, 0);
  if (out.shape.length !== 4 || out.type !== 'float32' || sizeOf(source.shape) === 1) return false;
  const [n, h, w, c] = four(out.shape);
  const [sn = 1, sh, sw, sc] = [1, 1, 1, 1, ...source.shape].slice(-4);
  if (forms.inner(c) !== 'blocked' || forms.block === undefined || sh !== 1 || sw !== 1 || sc !== c)
    return false;
  const {b, block} = forms;
  const planes = reshape(b, forms.get(source, 'last'), [sn, c / block, 1, block]);
  const shape = [n, c / block, h * w, block];
  const spread = b.one('Expand', [planes, b.list(shape)], {}, 'float32', shape);
  forms.set(out, 'blocked', reshape(b, spread, [n, c, h, w]));
  return true;
}

/** As used above, for one operand that is already in its form. */
export const scaled = (forms: Forms, value: Value, factor: number): Value =>
  factor === 1 ? value : binary(forms.b, 'Mul', value, forms.b.scalar('float32', factor));
