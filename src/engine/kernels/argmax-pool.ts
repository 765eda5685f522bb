// Max pooling that also says where each maximum was: what the second derivative of max pooling needs.

import {backend_util} from '@tensorflow/tfjs-core';
import {binary, cast, transpose, unary, where} from '../ir/ops.ts';
import {iota} from '../ir/shape.ts';
import {ints} from '../ir/value.ts';
import {four, paddingOf, pairOf, toChannelsFirst, toChannelsLast} from './conv.ts';
import {define} from './registry.ts';

define('MaxPoolWithArgmax', call => {
  const {b, input, boolean} = call;
  const given = input('x');
  if (given.shape.length !== 4) call.fail(`expected images of rank 4, got the shape [${given.shape}]`);
  // NaN is never the largest.
  const x = where(b, unary(b, 'IsNaN', given, {}, 'bool'), b.scalar('float32', -Infinity), given);
  const info = backend_util.computePool2DInfo(
    four(x.shape),
    pairOf(call, 'filterSize'),
    pairOf(call, 'strides'),
    1,
    paddingOf(call),
  );
  const {padInfo, batchSize, outChannels: channels} = info;
  const shape = [batchSize, channels, info.outHeight, info.outWidth];
  const attributes = {
    kernel_shape: ints([info.filterHeight, info.filterWidth]),
    strides: ints([info.strideHeight, info.strideWidth]),
    pads: ints([padInfo.top, padInfo.left, padInfo.bottom, padInfo.right]),
  };
  const [values, indices] = b.node('MaxPool', [transpose(b, x, toChannelsFirst)], attributes, [
    {type: 'float32', shape},
    {type: 'int64', shape},
  ]);
  if (values === undefined || indices === undefined) throw new RangeError('MaxPool has two outputs');
  // ONNX counts in (image, channel, place), TF.js in ([image,] place, channel).
  const area = info.inHeight * info.inWidth;
  const isWithImage = boolean('includeBatchInIndex');
  const shifts = iota(batchSize * channels).map(plane => {
    const channel = plane % channels;
    const image = (plane - channel) / channels;
    return channel + (isWithImage ? image * area * channels : 0) - plane * area * channels;
  });
  const shift = b.constant('int32', [batchSize, channels, 1, 1], Int32Array.from(shifts));
  const scaled = binary(b, 'Mul', cast(b, indices, 'int32'), b.scalar('int32', channels));
  return [
    transpose(b, values, toChannelsLast),
    transpose(b, binary(b, 'Add', scaled, shift), toChannelsLast),
  ];
});
