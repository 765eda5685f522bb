// Second derivatives of TF.js, mended. TF.js keeps some results of the forward pass for the gradient (y of exp, the
// log-probabilities of softmax cross-entropy, whatever a customGrad saves) and loses the path that led to them: the
// second derivative then lacks terms, without a word (tfjs#3252). The gradients here use inputs alone, or repeat the
// forward pass on the outer tape; a compiled graph shares what is repeated. First derivatives are TF.js's.
// TF.js's registries belong to the process, and so do these changes.

import * as tf from '@tensorflow/tfjs-core';
import {kernel, of, pick, some, sumTo} from './gradient.ts';
import {missingDerivatives} from './missing-derivatives.ts';

const convolution = ['strides', 'pad', 'dataFormat', 'dimRoundingMode', 'dilations'];
const pooling = ['filterSize', 'strides', 'pad', 'dimRoundingMode'];

const configs: readonly tf.GradConfig[] = [
  of('Exp', ['x'], (dy, [x]) => [tf.mul(dy, tf.exp(some(x)))]),
  of('Tanh', ['x'], (dy, [x]) => [tf.mul(dy, tf.sub(1, tf.square(tf.tanh(some(x)))))]),
  of('Sigmoid', ['x'], (dy, [x]) => {
    const y = tf.sigmoid(some(x));
    return [tf.mul(dy, tf.mul(y, tf.sub(1, y)))];
  }),
  // TF.js's own multiplies by `step`, which has to look for NaN: a pass over memory for nothing.
  of('Relu', ['x'], (dy, [x]) => [tf.mul(dy, tf.cast(tf.greater(some(x), 0), 'float32'))]),
  of('Elu', ['x'], (dy, [given]) => {
    const x = some(given);
    return [tf.mul(dy, tf.where(tf.greaterEqual(x, 0), tf.onesLike(x), tf.exp(tf.minimum(x, 0))))];
  }),
  of('Pow', ['a', 'b'], (dy, [base, exponent]) => {
    const [a, b] = [some(base), some(exponent)];
    const isPositive = tf.greater(a, 0);
    const log = tf.where(isPositive, tf.log(tf.where(isPositive, a, tf.onesLike(a))), tf.zerosLike(a));
    return [
      sumTo(tf.mul(dy, tf.mul(b, tf.pow(a, tf.sub(b, 1)))), a.shape),
      sumTo(tf.mul(dy, tf.mul(tf.pow(a, b), log)), b.shape),
    ];
  }),
  of('Softmax', ['logits'], (dy, [logits], attrs) => {
    const dim = Number(attrs.dim ?? -1);
    const y = tf.softmax(some(logits), dim);
    const product = tf.mul(dy, y);
    return [tf.sub(product, tf.mul(tf.sum(product, dim, true), y))];
  }),
  of('LogSoftmax', ['logits'], (dy, [logits], attrs) => {
    const axis = Number(attrs.axis ?? -1);
    return [tf.sub(dy, tf.mul(tf.sum(dy, axis, true), tf.softmax(some(logits), axis)))];
  }),
  // A convolution is linear in each of its arguments: each of its gradients is one of the other two.
  of('Conv2DBackpropFilter', ['x', 'dy'], (filter, [x, dy], attrs) => [
    kernel(
      'Conv2DBackpropInput',
      {dy: some(dy), filter},
      {...pick(attrs, convolution), inputShape: some(x).shape},
    ),
    kernel('Conv2D', {x: some(x), filter}, {dilations: [1, 1], ...pick(attrs, convolution)}),
  ]),
  of('AvgPoolGrad', ['dy', 'input'], (d, [, input], attrs) => [
    kernel('AvgPool', {x: d}, pick(attrs, pooling)),
    tf.zerosLike(some(input)),
  ]),
  of('MaxPoolGrad', ['dy', 'input', 'output'], (d, [dy, input, output], attrs) => {
    const found: tf.Tensor | tf.Tensor[] = tf
      .engine()
      .runKernel('MaxPoolWithArgmax', {x: some(input)}, {...pick(attrs, pooling), includeBatchInIndex: true});
    const [, indices] = Array.isArray(found) ? found : [];
    const picked = tf.gather(tf.reshape(d, [-1]), tf.cast(tf.reshape(some(indices), [-1]), 'int32'));
    return [tf.reshape(picked, some(dy).shape), tf.zerosLike(some(input)), tf.zerosLike(some(output))];
  }),
];

/** Comparisons and the like are constant wherever they have a derivative. */
const piecewise: Readonly<Record<string, readonly string[]>> = {
  Equal: ['a', 'b'],
  NotEqual: ['a', 'b'],
  Greater: ['a', 'b'],
  Less: ['a', 'b'],
  LessEqual: ['a', 'b'],
  LogicalAnd: ['a', 'b'],
  LogicalOr: ['a', 'b'],
  LogicalNot: ['x'],
};
const flat = Object.entries(piecewise).map(([name, keys]) =>
  of(name, keys, (_dy, saved) => saved.map(x => tf.zerosLike(x))),
);

type Forward<T extends tf.Tensor> = Parameters<typeof tf.customGrad<T>>[0];

const isTensor = (x: unknown): x is tf.Tensor => x instanceof tf.Tensor;
const isSave = (x: unknown): x is tf.GradSaveFunc => typeof x === 'function';

/** `f` split into its tensors and the function that saves. */
function argumentsOf(list: readonly unknown[]): {
  readonly inputs: tf.Tensor[];
  readonly save: tf.GradSaveFunc;
} {
  const save = list.at(-1);
  if (!isSave(save)) throw new TypeError('a custom gradient is given no function to save with');
  return {inputs: list.filter(isTensor), save};
}

/** The same function; when its gradient is taken under an outer gradient, the forward pass is repeated there. */
function differentiable<T extends tf.Tensor>(f: Forward<T>): Forward<T> {
  return (...list) => {
    const {inputs, save} = argumentsOf(list);
    const theirs: tf.Tensor[] = [];
    const first = f(...inputs, (tensors: tf.Tensor[]) => void theirs.push(...tensors));
    save([...theirs, ...inputs]);
    return {
      value: first.value,
      gradFunc: (dy, saved) => {
        const given = Array.isArray(saved) ? saved : [saved];
        const own = given.slice(0, theirs.length);
        if (tf.engine().state.gradientDepth === 0) return first.gradFunc(dy, own);
        const again: tf.Tensor[] = [];
        const second = f(
          ...given.slice(theirs.length),
          (tensors: tf.Tensor[]) => void again.push(...tensors),
        );
        return second.gradFunc(dy, again);
      },
    };
  };
}

/** On TF.js's engine, which all copies of this module in a process share. */
const mark = Symbol.for('pipe.derivatives-mended');

/** Takes effect once for the process. */
export function mendDerivatives(): void {
  if (Reflect.get(tf.engine(), mark) === true) return;
  Reflect.set(tf.engine(), mark, true);
  for (const config of [...configs, ...flat, ...missingDerivatives]) tf.registerGradient(config);
  const engine = tf.engine();
  const original = engine.customGrad.bind(engine);
  engine.customGrad = <T extends tf.Tensor>(f: Forward<T>) => original(differentiable(f));
}
