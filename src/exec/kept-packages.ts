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
/** Register backends, kernels and layers when they are loaded, and count names: what they were cannot be put back. */
const SPOILING = /[\\/]@tensorflow[\\/](?!tfjs-core[\\/])/;

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

/** Makes kept packages forget what a stage told them. False where one was loaded that does not forget. */
export function resetPackages(entry: string, links: readonly string[]): boolean {
  const require = createRequire(entry);
  for (const link of links) {
    if (TFJS_CORE.includes(link)) resetTensorFlow(loaded(require, link));
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

/** As it is when it was just loaded: no backends, kernels, gradients, variables, flags. */
function resetTensorFlow(tf: unknown): void {
  const engineOf = member(tf, 'engine');
  if (typeof engineOf !== 'function') return;
  const engine: object = engineOf();
  const reset = member(engine, 'reset');
  if (typeof reset === 'function') reset.call(engine);
  const factories = member(engine, 'registryFactory');
  if (typeof factories === 'object' && factories !== null) {
    for (const name of Object.keys(factories)) Reflect.deleteProperty(factories, name);
  }
  for (const symbol of Object.getOwnPropertySymbols(engine)) Reflect.deleteProperty(engine, symbol);
  const globals = member(globalThis, '_tfGlobals');
  if (!(globals instanceof Map)) return;
  for (const name of ['kernelRegistry', 'gradRegistry']) {
    const registry: unknown = globals.get(name);
    if (registry instanceof Map) registry.clear();
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
