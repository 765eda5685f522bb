// The kernel that cuts boxes out of images and resizes them. Where the boxes are is data; how many there are is not.

import type {Builder} from '../ir/builder.ts';
import {binary, cast, reshape, slice, unary, where} from '../ir/ops.ts';
import {iota} from '../ir/shape.ts';
import type {Value} from '../ir/value.ts';
import {four} from './conv.ts';
import {define} from './registry.ts';

/** Along one axis: where each place of the crops is in the image, [boxes, size]. */
function places(b: Builder, low: Value, high: Value, length: number, size: number): Value {
  const number = (value: number): Value => b.scalar('float32', value);
  const scale = (x: Value, by: number): Value => binary(b, 'Mul', x, number(by));
  if (size === 1) return scale(binary(b, 'Add', low, high), 0.5 * (length - 1));
  const steps = b.constant('float32', [1, size], Float32Array.from(iota(size)));
  const step = scale(binary(b, 'Sub', high, low), (length - 1) / (size - 1));
  return binary(b, 'Add', scale(low, length - 1), binary(b, 'Mul', step, steps));
}

define('CropAndResize', ({b, input, numbers, text, number}) => {
  const [image, boxes, owners] = [input('image'), input('boxes'), cast(b, input('boxInd'), 'int32')];
  const [batch, height, width, channels] = four(cast(b, image, 'float32').shape);
  const [count = 0] = boxes.shape;
  const [rows = 1, columns = 1] = numbers('cropSize');
  const edge = (i: number): Value => slice(b, boxes, [0, i], [count, i + 1]);
  const y = reshape(b, places(b, edge(0), edge(2), height, rows), [count, rows, 1]);
  const x = reshape(b, places(b, edge(1), edge(3), width, columns), [count, 1, columns]);
  const real = (value: number): Value => b.scalar('float32', value);
  const isOutside = (place: Value, length: number): Value =>
    binary(
      b,
      'Or',
      binary(b, 'Less', place, real(0), 'bool'),
      binary(b, 'Greater', place, real(length - 1), 'bool'),
    );
  const pixels = reshape(b, cast(b, image, 'float32'), [batch * height * width, channels]);
  const owner = reshape(b, owners, [count, 1, 1]);
  const whole = (place: Value, op: string, length: number): Value => {
    // Halves go up, where ONNX's Round takes them to the even one.
    const found =
      op === 'Nearest' ? unary(b, 'Floor', binary(b, 'Add', place, real(0.5))) : unary(b, op, place);
    const inside = binary(b, 'Max', binary(b, 'Min', found, real(length - 1)), real(0));
    return cast(b, inside, 'int32');
  };
  const isForeign = binary(b, 'GreaterOrEqual', owner, b.scalar('int32', batch), 'bool');
  const safeOwner = where(b, isForeign, b.scalar('int32', 0), owner);
  const pick = (rowOp: string, columnOp: string): Value => {
    const row = binary(
      b,
      'Add',
      binary(b, 'Mul', safeOwner, b.scalar('int32', height)),
      whole(y, rowOp, height),
    );
    const at = binary(b, 'Add', binary(b, 'Mul', row, b.scalar('int32', width)), whole(x, columnOp, width));
    const shape = [count, rows, columns, channels];
    return b.one('Gather', [pixels, at], {}, 'float32', shape);
  };
  const blend = (from: Value, to: Value, part: Value): Value =>
    binary(
      b,
      'Add',
      from,
      binary(b, 'Mul', binary(b, 'Sub', to, from), reshape(b, part, [...part.shape, 1])),
    );
  const part = (place: Value): Value => binary(b, 'Sub', place, unary(b, 'Floor', place));
  const values =
    text('method') === 'nearest'
      ? pick('Nearest', 'Nearest')
      : blend(
          blend(pick('Floor', 'Floor'), pick('Floor', 'Ceil'), part(x)),
          blend(pick('Ceil', 'Floor'), pick('Ceil', 'Ceil'), part(x)),
          part(y),
        );
  const outside = binary(b, 'Or', isOutside(y, height), isOutside(x, width));
  const spread = (mask: Value): Value => reshape(b, mask, [...mask.shape, 1]);
  const filled = where(b, spread(outside), real(number('extrapolationValue')), values);
  return where(b, spread(isForeign), real(0), filled);
});
