// Sums and means of images over pixels, and over images too, in the form in which the images are.

import {type Reduction, reduce, reshape} from '../ir/ops.ts';
import {constantOf, inputAt, int, ints, type Node, sizeOf, type Value} from '../ir/value.ts';
import {scaled} from './elementwise.ts';
import {type Forms, four} from './forms.ts';

const reductions = new Set(['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd']);
const isReduction = (op: string): op is Reduction => reductions.has(op);

/** Lowers it inside, if it is such a reduction of images that are there. */
export function lowerReduction(
  forms: Forms,
  node: Node,
  out: Value,
  isOnlyUse: (v: Value) => boolean,
): boolean {
  const {op} = node;
  const image = inputAt(node, 0);
  if (!isReduction(op) || image.type !== 'float32' || !forms.isInside(image)) return false;
  const {b} = forms;
  const axes = Array.from(constantOf(inputAt(node, 1)) ?? [], Number);
  const [n, h, w, c] = four(image.shape);
  const overAll = axes.length === 4;
  const overImages = axes.join() === '0,1,2';
  if (!overAll && !overImages && axes.join() !== '1,2') return false;
  const form = forms.inner(c);
  if (overAll || form === 'first') {
    const source = forms.get(image, form);
    const turned = overAll ? [0, 1, 2, 3] : overImages ? [0, 2, 3] : [2, 3];
    forms.set(out, 'last', reshape(b, reduce(b, op, source, turned, false), out.shape));
    return true;
  }
  if (op !== 'ReduceSum' && op !== 'ReduceMean') return false;
  const pending = isOnlyUse(image) ? forms.pending(image) : undefined;
  const planes =
    pending?.kind === 'product'
      ? {values: sumsOfProducts(forms, pending.factors), isSum: true}
      : {values: planeMeans(forms, forms.get(image, 'blocked')), isSum: h * w === 1};
  const pixels = h * w;
  const factor = op === 'ReduceSum' ? (planes.isSum ? 1 : pixels) : planes.isSum ? 1 / pixels : 1;
  const perImage = reshape(b, planes.values, [n, c]);
  const values = overImages ? reduce(b, op, perImage, [0], false) : perImage;
  forms.set(out, 'last', reshape(b, scaled(forms, values, factor), out.shape));
  return true;
}

/** The mean over the pixels of each channel of each image: [n, c, 1, 1]. */
function planeMeans({b}: Forms, image: Value): Value {
  const [n = 1, c = 1, h = 1, w = 1] = image.shape;
  if (h * w === 1) return image;
  return b.one('com.microsoft.nchwc.GlobalAveragePool', [image], {}, 'float32', [n, c, 1, 1]);
}

/**
 * The sum over the pixels of each channel of each image of x times y, in one pass: one image of n * c channels,
 * convolved channel by channel by another as large as itself. Blocked images have the order of such a filter.
 */
function sumsOfProducts({b}: Forms, [x, y]: readonly [Value, Value]): Value {
  const [, , h = 1, w = 1] = x.shape;
  const planes = sizeOf(x.shape) / (h * w);
  const attributes = {
    kernel_shape: ints([h, w]),
    strides: ints([1, 1]),
    pads: ints([0, 0, 0, 0]),
    dilations: ints([1, 1]),
    group: int(planes),
  };
  const inputs = [reshape(b, x, [1, planes, h, w]), reshape(b, y, [planes, 1, h, w])];
  return b.one('com.microsoft.nchwc.Conv', inputs, attributes, 'float32', [1, planes, 1, 1]);
}
