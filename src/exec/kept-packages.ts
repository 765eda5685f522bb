// Packages that stay loaded in a worker from one instance to the next, because loading them takes longer than many
// stages, and because what they remember can be put back. A worker that has loaded any other package is used once.

import {existsSync, readdirSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';

/** What this package's own stages import is known to keep nothing, but for what is reset here. */
const OWN = '@pipe';
/** By the name under which a bundle imports them. */
const KEPT = new Set(['zod', '@tensorflow/tfjs-core']);

const TFJS_CORE = ['@tensorflow/tfjs-core', `${OWN}/tensorflow__tfjs-core`];
const ONNX_RUNTIME = [`${OWN}/onnxruntime-node`];
/** Adds gradients, methods and a backend to TensorFlow.js's core when it is loaded. */
const TFJS = `${OWN}/tensorflow__tfjs`;
/** The native library behind it has a state of its own. */
const SPOILING = /[\\/]@tensorflow[\\/]tfjs-node/;

/** The names under which a bundle imports packages. `entry`: absolute path of its entry. */
export function linksOf(entry: string): string[] {
  const folder = join(dirname(entry), 'node_modules');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap(name =>
    name.startsWith('@') ? readdirSync(join(folder, name)).map(rest => `${name}/${rest}`) : [name],
  );
}

export const areKept = (links: readonly string[]): boolean =>
  links.every(link => link.startsWith(`${OWN}/`) || KEPT.has(link));

/** What is registered with TensorFlow.js, by the name of the registry. */
type Registered = ReadonlyMap<string, ReadonlyMap<unknown, unknown>>;

/**
 * Loads those packages whose state is put back later, if a bundle imports them, and answers what they had registered
 * before a stage could add to it.
 */
export function preparePackages(entry: string, links: readonly string[]): Registered {
  const core = links.find(link => TFJS_CORE.includes(link));
  if (core === undefined) return new Map();
  const require = createRequire(entry);
  const tf: unknown = require(core);
  if (links.includes(TFJS)) require(TFJS);
  const registered = new Map<string, ReadonlyMap<unknown, unknown>>();
  for (const [name, registry] of registriesOf(tf)) registered.set(name, new Map(registry));
  return registered;
}

/** Makes kept packages forget what a stage told them. False where one was loaded that does not forget. */
export function resetPackages(entry: string, links: readonly string[], registered: Registered): boolean {
  const require = createRequire(entry);
  for (const link of links) {
    if (TFJS_CORE.includes(link)) resetTensorFlow(loaded(require, link), registered);
    if (ONNX_RUNTIME.includes(link)) resetRuntime(loaded(require, link));
  }
  resetZod();
  return !Object.keys(require.cache).some(path => SPOILING.test(path));
}

/** A package's exports if it was loaded. */
function loaded(require: NodeJS.Require, link: string): unknown {
  try {
    return require.cache[require.resolve(link)]?.exports;
  } catch {
    return undefined;
  }
}

const member = (value: unknown, name: PropertyKey): unknown =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'
    ? Reflect.get(value, name)
    : undefined;

/** As it was when it had just been loaded: backends, kernels, gradients, variables, flags. */
function resetTensorFlow(tf: unknown, registered: Registered): void {
  const engine = engineOf(tf);
  if (engine === undefined) return;
  const reset = member(engine, 'reset');
  if (typeof reset === 'function') reset.call(engine);
  for (const symbol of Object.getOwnPropertySymbols(engine)) Reflect.deleteProperty(engine, symbol);
  const factories = member(engine, FACTORIES);
  const known = registered.get(FACTORIES);
  if (typeof factories === 'object' && factories !== null) {
    for (const name of Object.keys(factories))
      if (known?.has(name) !== true) Reflect.deleteProperty(factories, name);
  }
  for (const [name, registry] of globalRegistries()) {
    registry.clear();
    for (const [key, value] of registered.get(name) ?? []) registry.set(key, value);
  }
}

const FACTORIES = 'registryFactory';

function engineOf(tf: unknown): object | undefined {
  const make = member(tf, 'engine');
  const engine: unknown = typeof make === 'function' ? make() : undefined;
  return typeof engine === 'object' && engine !== null ? engine : undefined;
}

function* registriesOf(tf: unknown): Generator<readonly [string, Iterable<readonly [unknown, unknown]>]> {
  const factories = member(engineOf(tf), FACTORIES);
  if (typeof factories === 'object' && factories !== null) yield [FACTORIES, Object.entries(factories)];
  yield* globalRegistries();
}

function* globalRegistries(): Generator<readonly [string, Map<unknown, unknown>]> {
  const globals = member(globalThis, '_tfGlobals');
  if (!(globals instanceof Map)) return;
  for (const name of ['kernelRegistry', 'gradRegistry']) {
    const registry: unknown = globals.get(name);
    if (registry instanceof Map) yield [name, registry];
  }
}

function resetRuntime(runtime: unknown): void {
  const env = member(runtime, 'env');
  if (typeof env === 'object' && env !== null)
    Object.assign(env, {logLevel: 'warning', debug: false, trace: false});
}

function resetZod(): void {
  const registry = member(globalThis, '__zod_globalRegistry');
  const clear = member(registry, 'clear');
  if (typeof clear === 'function') clear.call(registry);
  const config = member(globalThis, '__zod_globalConfig');
  if (typeof config !== 'object' || config === null) return;
  // The language of messages is set when zod is loaded.
  for (const key of Object.keys(config)) if (key !== 'localeError') Reflect.deleteProperty(config, key);
}
