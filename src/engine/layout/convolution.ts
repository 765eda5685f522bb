// Convolutions and their gradients with respect to the input, as ONNX Runtime computes them fastest in each form.

import type {Builder} from '../ir/builder.ts';
import {concat, full, reshape, slice, transpose} from '../ir/ops.ts';
import {type Attributes, inputAt, int, ints, type Node, type Shape, type Value} from '../ir/value.ts';
import {type Forms, four, type Shape4} from './forms.ts';
import {convolution, type Geometry} from './pending.ts';

export interface Window {
  readonly strides: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  /** Convolutions of their own, side by side over the channels. */
  readonly group: number;
}

/** The attributes of the graph's own convolution operators. */
export const windowAttributes = (w: Window): Attributes => ({
  strides: ints(w.strides),
  pads: ints(w.pads),
  dilations: ints(w.dilations),
  group: int(w.group),
});

export function windowOf(node: Node): Window {
  const list = (key: string): readonly number[] => {
    const attribute = node.attributes[key];
    return attribute?.kind === 'ints' ? attribute.value : [];
  };
  const {group} = node.attributes;
  const [sh = 1, sw = 1] = list('strides');
  const [top = 0, left = 0, bottom = 0, right = 0] = list('pads');
  const [dh = 1, dw = 1] = list('dilations');
  return {
    strides: [sh, sw],
    pads: [top, left, bottom, right],
    dilations: [dh, dw],
    group: group?.kind === 'int' ? group.value : 1,
  };
}

const firstShape = ([n, h, w, c]: Shape4): Shape => [n, c, h, w];

/** HWIO → OIHW, or for depthwise filters [h, w, c, m] → [c * m, 1, h, w]. */
export function plainFilter(b: Builder, filter: Value, group: number): Value {
  if (group === 1) return transpose(b, filter, [3, 2, 0, 1]);
  const [h, w, c, m] = four(filter.shape);
  return reshape(b, transpose(b, filter, [2, 3, 0, 1]), [c * m, 1, h, w]);
}

/** Whether the blocked form has a convolution from so many channels to so many. */
export function isBlockable(block: number | undefined, from: number, to: number, group: number): boolean {
  if (block === undefined || to % block !== 0) return false;
  if (group === 1) return from % block === 0 || from < block;
  return group === from && group === to;
}

/**
 * A filter [h, w, from, to] in the order of the blocked convolution: [to / block, from / block, h, w, block of from,
 * block of to], without blocks of `from` where that is smaller than one.
 */
function blockedFilter(b: Builder, filter: Value, block: number): Value {
  const [h, w, from, to] = four(filter.shape);
  const shape = [to, from, h, w];
  if (from % block !== 0)
    return reshape(
      b,
      transpose(b, reshape(b, filter, [h, w, from, to / block, block]), [3, 2, 0, 1, 4]),
      shape,
    );
  const split = reshape(b, filter, [h, w, from / block, block, to / block, block]);
  return reshape(b, transpose(b, split, [4, 2, 0, 1, 3, 5]), shape);
}

/** A depthwise filter [h, w, c, 1] as [c / block, h, w, block]. */
function blockedDepthwise(b: Builder, filter: Value, block: number): Value {
  const [h, w, c] = four(filter.shape);
  const split = reshape(b, filter, [h, w, c / block, block]);
  return reshape(b, transpose(b, split, [2, 0, 1, 3]), [c, 1, h, w]);
}

const preparedFilter = (b: Builder, filter: Value, block: number, group: number): Value =>
  group === 1 ? blockedFilter(b, filter, block) : blockedDepthwise(b, filter, block);

export function lowerForward(forms: Forms, node: Node, out: Value): void {
  const {b, block} = forms;
  const [x, filter] = [inputAt(node, 0), forms.get(inputAt(node, 1), 'last')];
  const window = windowOf(node);
  const [kh, kw] = four(filter.shape);
  const [from, to] = [four(x.shape)[3], four(out.shape)[3]];
  const shape = firstShape(four(out.shape));
  if (block !== undefined && isBlockable(block, from, to, window.group)) {
    const source = forms.get(x, from % block === 0 ? 'blocked' : 'first');
    const geometry: Geometry = {...window, kernel: [kh, kw]};
    const ready = preparedFilter(b, filter, block, window.group);
    forms.defer(out, convolution(source, ready, geometry, shape));
    return;
  }
  const inputs = [forms.get(x, 'first'), plainFilter(b, filter, window.group)];
  forms.set(out, 'first', b.one('Conv', inputs, windowAttributes(window), 'float32', shape));
}

export function lowerInputGradient(forms: Forms, node: Node, out: Value): void {
  const {b, block} = forms;
  const [dy, filter] = [inputAt(node, 0), forms.get(inputAt(node, 1), 'last')];
  const window = windowOf(node);
  const [from, to] = [four(dy.shape)[3], four(out.shape)[3]];
  if (block !== undefined && isBlockable(block, from, to, window.group)) {
    const source = forms.get(dy, from % block === 0 ? 'blocked' : 'first');
    if (window.strides.every(s => s === 1)) {
      const [kh, kw] = four(filter.shape);
      const taps = [iotaDown(kh), iotaDown(kw)] as const;
      const pads = mirroredPads(window, kh, kw);
      if (pads.every(p => p >= 0)) {
        const ready = preparedFilter(b, turned(b, filter, taps, window.group), block, window.group);
        const geometry: Geometry = {...window, kernel: [kh, kw], pads};
        forms.defer(out, convolution(source, ready, geometry, firstShape(four(out.shape))));
        return;
      }
    }
    const phases = inPhases(b, source, filter, window, four(out.shape), block);
    if (phases !== undefined) {
      forms.set(out, 'blocked', phases);
      return;
    }
  }
  forms.set(out, 'first', plainInputGradient(b, forms.get(dy, 'first'), filter, window, four(out.shape)));
}

const iotaDown = (n: number): number[] => Array.from({length: n}, (_, i) => n - 1 - i);

const mirroredPads = (
  {pads: [top, left, bottom, right], dilations: [dh, dw]}: Window,
  kh: number,
  kw: number,
) => [(kh - 1) * dh - top, (kw - 1) * dw - left, (kh - 1) * dh - bottom, (kw - 1) * dw - right] as const;

/** The filter of the gradient: the given taps in their order (descending, evenly spaced), input and output swapped. */
function turned(b: Builder, filter: Value, taps: readonly [number[], number[]], group: number): Value {
  const [, , c, m] = four(filter.shape);
  const [starts, ends, steps] = [
    [0, 0, 0, 0],
    [0, 0, c, m],
    [1, 1, 1, 1],
  ];
  taps.forEach((list, axis) => {
    const [start = 0, next = start - 1] = list;
    starts[axis] = start;
    steps[axis] = next - start;
    ends[axis] = (list.at(-1) ?? 0) - 1;
  });
  const chosen = slice(b, filter, starts, ends, steps);
  return group === 1 ? transpose(b, chosen, [0, 1, 3, 2]) : chosen;
}

/** What the input positions of one phase (position mod stride) along an axis get from dy. */
interface Phase {
  /** Descending; none where the stride leaps over these positions. */
  readonly taps: number[];
  readonly before: number;
  readonly after: number;
}

function phasesOf(stride: number, size: number, outSize: number, kernel: number, pad: number): Phase[] {
  const count = size / stride;
  return Array.from({length: stride}, (_, phase) => {
    const first = (phase + pad) % stride;
    const taps = Array.from(
      {length: Math.max(0, Math.ceil((kernel - first) / stride))},
      (_, m) => first + stride * m,
    );
    const offset = (phase + pad - first) / stride;
    return {
      taps: taps.reverse(),
      before: taps.length - 1 - offset,
      after: count - 1 + offset - (outSize - 1),
    };
  });
}

/** A stride of s: s × s convolutions of stride 1, whose results are interleaved. Undefined where that does not fit. */
function inPhases(
  b: Builder,
  dy: Value,
  filter: Value,
  {strides: [sh, sw], pads: [top, left], dilations, group}: Window,
  [n, height, width, channels]: Shape4,
  block: number,
): Value | undefined {
  const [kh, kw] = four(filter.shape);
  const [, , outHeight = 1, outWidth = 1] = dy.shape;
  if (height % sh !== 0 || width % sw !== 0 || dilations.some(d => d !== 1)) return undefined;
  const rows = phasesOf(sh, height, outHeight, kh, top);
  const columns = phasesOf(sw, width, outWidth, kw, left);
  const isOdd = ({taps, before, after}: Phase): boolean => taps.length > 0 && (before < 0 || after < 0);
  if (rows.some(isOdd) || columns.some(isOdd)) return undefined;
  const [h, w] = [height / sh, width / sw];
  const shape = [n, channels, h, w];
  const bands = rows.map(row => {
    const parts = columns.map(column => {
      if (row.taps.length === 0 || column.taps.length === 0) return full(b, 'float32', shape, 0);
      const ready = preparedFilter(b, turned(b, filter, [row.taps, column.taps], group), block, group);
      const geometry: Geometry = {
        kernel: [row.taps.length, column.taps.length],
        strides: [1, 1],
        pads: [row.before, column.before, row.after, column.after],
        dilations: [1, 1],
        group,
      };
      const {x, filter: f, attributes} = convolution(dy, ready, geometry, shape);
      return b.one('com.microsoft.nchwc.Conv', [x, f], attributes, 'float32', shape);
    });
    const pixels = parts.map(p => reshape(b, p, [(n * channels * h * w) / block, 1, block]));
    return reshape(b, concat(b, pixels, 1), [(n * channels * h) / block, 1, width * block]);
  });
  return reshape(b, concat(b, bands, 1), [n, channels, height, width]);
}

function plainInputGradient(b: Builder, dy: Value, filter: Value, window: Window, out: Shape4): Value {
  const [kh, kw] = four(filter.shape);
  const [, , outHeight = 1, outWidth = 1] = dy.shape;
  const {
    strides: [sh, sw],
    pads: [top, left, bottom, right],
    dilations: [dh, dw],
  } = window;
  const missing = [
    out[1] - ((outHeight - 1) * sh + (kh - 1) * dh + 1 - top - bottom),
    out[2] - ((outWidth - 1) * sw + (kw - 1) * dw + 1 - left - right),
  ];
  const kernel = plainFilter(b, filter, window.group);
  const attributes = {...windowAttributes(window), output_padding: ints(missing)};
  return b.one('ConvTranspose', [dy, kernel], attributes, 'float32', firstShape(out));
}
