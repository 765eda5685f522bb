// Kernels of matrix products.

import {backend_util, engine, type Tensor} from '@tensorflow/tfjs-core';
import {binary, cast, matMul, reshape} from '../ir/ops.ts';
import {iota} from '../ir/shape.ts';
import {text, type Value} from '../ir/value.ts';
import {activated} from './activation.ts';
import {type Call, define, infoOf} from './registry.ts';

/** As TF.js's check of an equation wants it. */
const likeTensor = (v: Value): Tensor => engine().makeTensorFromTensorInfo(infoOf(v));

/** Batches of one, as tf.matMul makes them, are dropped so that the product is a Gemm. */
function product(call: Call): Value {
  const {b, input, boolean, fail} = call;
  const [x, y] = [input('a'), input('b')];
  const [transposeA, transposeB] = [boolean('transposeA'), boolean('transposeB')];
  if (x.shape.length < 2 || y.shape.length < 2)
    fail(`expected matrices, got the shapes [${x.shape}] and [${y.shape}]`);
  const [across, down] = [x.shape.at(transposeA ? -2 : -1), y.shape.at(transposeB ? -1 : -2)];
  if (across !== down)
    fail(
      `expected inner dimensions that fit, got ${across} and ${down} in the shapes [${x.shape}]` +
        `${transposeA ? ' transposed' : ''} and [${y.shape}]${transposeB ? ' transposed' : ''}`,
    );
  const isFlat = [x, y].every(v => v.shape.slice(0, -2).every(d => d === 1));
  const flat = (v: Value): Value => (isFlat ? reshape(b, v, v.shape.slice(-2)) : v);
  const result = matMul(b, flat(x), flat(y), transposeA, transposeB);
  const rank = Math.max(x.shape.length, y.shape.length);
  const leading = isFlat ? iota(rank - 2).map(() => 1) : result.shape.slice(0, -2);
  return reshape(b, result, [...leading, ...result.shape.slice(-2)]);
}
define('BatchMatMul', product);
define('_FusedMatMul', call => {
  const out = product(call);
  const biased = call.has('bias') ? binary(call.b, 'Add', out, call.input('bias')) : out;
  return activated(call, biased);
});

define('Einsum', ({b, all, text: read}) => {
  const inputs = all();
  const equation = read('equation');
  const {allDims, idDims} = backend_util.decodeEinsumEquation(equation, inputs.length);
  backend_util.checkEinsumDimSizes(allDims.length, idDims, inputs.map(likeTensor));
  const [, result = ''] = equation.replaceAll(/\s/g, '').split('->');
  const sizes = new Map<string, number>();
  idDims.forEach((dims, i) => {
    dims.forEach((dim, axis) => {
      sizes.set(allDims[dim] ?? '', inputs[i]?.shape[axis] ?? 1);
    });
  });
  const shape = [...result].map(letter => sizes.get(letter) ?? 1);
  const type = inputs.some(v => v.type === 'float32') ? 'float32' : 'int32';
  const terms = inputs.map(v => cast(b, v, type));
  return b.one('Einsum', terms, {equation: text(equation.replaceAll(/\s/g, ''))}, type, shape);
});
