// How ONNX Runtime blocks images on this machine.

import * as ort from 'onnxruntime-node';
import {Builder} from '../ir/builder.ts';
import {int} from '../ir/value.ts';
import {encodeModel, Names, tensorInfo} from '../onnx/encode.ts';

const CHANNELS = 64;
let found: Promise<number | undefined> | undefined;

/**
 * Channels per block of ONNX Runtime's blocked form on this CPU (8 with AVX2, 16 with AVX-512), or undefined where it
 * has none: found by reordering an image of two pixels. Asked once per process.
 */
export const blockSize = (): Promise<number | undefined> => (found ??= measure());

async function measure(): Promise<number | undefined> {
  const b = new Builder();
  const shape = [1, CHANNELS, 1, 2];
  const image = b.input('image', 'float32', shape);
  const attributes = {channels_last: int(0)};
  const moved = b.one('com.microsoft.nchwc.ReorderInput', [image], attributes, 'float32', shape);
  const names = new Names();
  names.set(image, 'image');
  if (moved.source.kind !== 'node') return undefined;
  const node = names.node(moved.source.node);
  const model = encodeModel({
    name: 'block',
    node: [node],
    input: [tensorInfo('image', 'float32', shape)],
    output: [tensorInfo(names.of(moved), 'float32', shape)],
  });
  try {
    const session = await ort.InferenceSession.create(model, {logSeverityLevel: 4});
    const data = Float32Array.from({length: CHANNELS * 2}, (_, i) => i);
    const results = await session.run({image: new ort.Tensor('float32', data, shape)});
    await session.release();
    const order = results[names.of(moved)]?.data;
    // The second pixel of the first channel comes after one block of first pixels.
    const at = order instanceof Float32Array ? order.indexOf(1) : -1;
    return at > 1 && at < CHANNELS && CHANNELS % at === 0 ? at : undefined;
  } catch {
    return undefined;
  }
}
