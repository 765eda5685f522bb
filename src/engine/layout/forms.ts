// The physical forms of images. A value of shape [n, h, w, c] may exist channels last (as TF.js has it), channels
// first, and blocked: ONNX Runtime's own layout for CPUs, [n, c / block, h, w, block] under the shape [n, c, h, w].
// A conversion is made when somebody asks for the form, and made once.

import type {Builder} from '../ir/builder.ts';
import {cast, reshape, transpose} from '../ir/ops.ts';
import {int, type Shape, type Value} from '../ir/value.ts';
import {emit, type Pending} from './pending.ts';

export type Form = 'last' | 'first' | 'blocked';
/** The forms in which images stay between convolutions. */
export type Inner = Exclude<Form, 'last'>;

export type Shape4 = readonly [number, number, number, number];

export function four(shape: Shape): Shape4 {
  const [n, h, w, c] = shape;
  if (n === undefined || h === undefined || w === undefined || c === undefined || shape.length !== 4)
    throw new RangeError(`expected a shape of four dimensions, got [${shape}]`);
  return [n, h, w, c];
}

const toFirst = [0, 3, 1, 2];
const toLast = [0, 2, 3, 1];

export const isToFirst = (permutation: readonly number[]): boolean => permutation.join() === toFirst.join();
export const isToLast = (permutation: readonly number[]): boolean => permutation.join() === toLast.join();

interface Entry {
  readonly shape: Shape;
  readonly forms: Map<Form, Value>;
  /** Not computed yet, so that the next operator may become part of it. Its form is blocked. */
  pending: Pending | undefined;
}

/** What the values of the old graph are in the new one. */
export class Forms {
  readonly b: Builder;
  /** Channels per block, or undefined where the device has no blocked form. */
  readonly block: number | undefined;
  readonly #entries = new Map<Value, Entry>();

  constructor(b: Builder, block: number | undefined) {
    this.b = b;
    this.block = block;
  }

  /** The form in which images of this many channels stay. */
  inner(channels: number): Inner {
    return this.block !== undefined && channels % this.block === 0 ? 'blocked' : 'first';
  }

  set(old: Value, form: Form, value: Value): void {
    this.#entry(old).forms.set(form, value);
  }

  defer(old: Value, pending: Pending): void {
    this.#entry(old).pending = pending;
  }

  /** What is not computed yet of this value. */
  pending(old: Value): Pending | undefined {
    return this.#entries.get(old)?.pending;
  }

  /** Whether the value lives in one of the forms of ONNX Runtime, or will do. */
  isInside(old: Value): boolean {
    const entry = this.#entries.get(old);
    if (entry === undefined || old.shape.length !== 4) return false;
    return entry.pending !== undefined || entry.forms.has('blocked') || entry.forms.has('first');
  }

  get(old: Value, form: Form): Value {
    const entry = this.#entry(old);
    if (entry.pending !== undefined) {
      entry.forms.set('blocked', emit(this.b, entry.pending));
      entry.pending = undefined;
    }
    const known = entry.forms.get(form);
    if (known !== undefined) return known;
    const made = this.#convert(entry, form);
    entry.forms.set(form, made);
    return made;
  }

  #entry(old: Value): Entry {
    const known = this.#entries.get(old);
    if (known !== undefined) return known;
    const entry: Entry = {shape: old.shape, forms: new Map(), pending: undefined};
    // What nothing has lowered is an input or a constant, and stays as it is.
    if (old.source.kind !== 'node') entry.forms.set('last', old);
    this.#entries.set(old, entry);
    return entry;
  }

  #convert(entry: Entry, form: Form): Value {
    const [first, last, blocked] = [
      entry.forms.get('first'),
      entry.forms.get('last'),
      entry.forms.get('blocked'),
    ];
    switch (form) {
      case 'first':
        if (last !== undefined) return transpose(this.b, last, toFirst);
        break;
      case 'last':
        if (first !== undefined) return transpose(this.b, first, toLast);
        break;
      case 'blocked':
        if (first !== undefined) return this.#reorder('ReorderInput', first, entry.shape, 'blocked', false);
        if (last !== undefined) return this.#reorder('ReorderInput', last, entry.shape, 'blocked', true);
        break;
    }
    if (blocked === undefined)
      throw new RangeError(`a value of shape [${entry.shape}] is used before it is lowered`);
    return this.#reorder('ReorderOutput', blocked, entry.shape, form, form === 'last');
  }

  /** ONNX Runtime reorders float32 alone. */
  #reorder(
    op: 'ReorderInput' | 'ReorderOutput',
    value: Value,
    shape: Shape,
    to: Form,
    isLast: boolean,
  ): Value {
    const [n, h, w, c] = four(shape);
    // One pixel per channel: all forms are the same bytes.
    const out = to === 'last' ? [n, h, w, c] : [n, c, h, w];
    if (h * w === 1) return reshape(this.b, value, out);
    const attributes = {
      channels_last: int(isLast ? 1 : 0),
      ...(op === 'ReorderOutput' ? {channels: int(c)} : {}),
    };
    const source = cast(this.b, value, 'float32');
    const moved = this.b.one(`com.microsoft.nchwc.${op}`, [source], attributes, 'float32', out);
    return cast(this.b, moved, value.type);
  }
}
