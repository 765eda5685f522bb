// Runs TF.js's own specs of its ops (those in the package as it is installed) through the compiler.

import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join, relative} from 'node:path';
import {pathToFileURL} from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import {build} from 'esbuild';
import {EngineError} from '../../../src/engine/errors.ts';
import {blockSize} from '../../../src/engine/layout/block-size.ts';
import {registerSuite, suiteBackendName} from './backend.ts';
import {call, caught, install, Mismatch, type Spec, specs, suitesOf} from './jasmine.ts';

export type Outcome =
  | {readonly kind: 'passes'}
  /** The engine says that it cannot compile it, in its own words. */
  | {readonly kind: 'refused'; readonly why: string}
  /** Another result than TF.js's. */
  | {readonly kind: 'wrong'; readonly why: string}
  /** An error that is not the engine's own. */
  | {readonly kind: 'crashed'; readonly why: string}
  /** A mistake that TF.js notices. */
  | {readonly kind: 'unnoticed'; readonly why: string};

const root = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-core/package.json'));

/** Spec → `kind: why`, for every spec that does not pass. */
export const exceptionsFile = join(import.meta.dirname, 'exceptions.json');

/** The spec files of TF.js's ops, such as `ops/gather`. */
export const specFiles = (): string[] =>
  readdirSync(join(root, 'dist/ops'), {recursive: true, encoding: 'utf8'})
    .filter(file => file.endsWith('_test.js'))
    .map(file => `ops/${file.replace(/_test\.js$/, '')}`)
    .sort();

const flagsShim = `
export const ALL_ENVS = {}; export const NODE_ENVS = {}; export const SYNC_BACKEND_ENVS = {};
const never = {never: true};
export const BROWSER_ENVS = never; export const CHROME_ENVS = never; export const HAS_WORKER = never;
export const HAS_NODE_WORKER = never;
export function describeWithFlags(name, constraints, tests) {
  if (constraints && constraints.never) return;
  if (constraints && constraints.predicate && !constraints.predicate({isDataSync: true, backendName: 'pipe-suite', name: 'pipe-suite'})) return;
  describe(name, () => tests({name: 'pipe-suite', backendName: 'pipe-suite', isDataSync: true}));
}
`;

/** Bundles the files, each under a suite of its own name, and loads them: the specs are then in `specs`. */
async function load(files: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(root, '.suite-'));
  const outfile = join(folder, 'suite.mjs');
  try {
    await build({
      stdin: {
        contents: files.map((_, i) => `import 'spec:${i}';`).join('\n'),
        resolveDir: root,
      },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      // TF.js's package says that its specs have no effects.
      ignoreAnnotations: true,
      logLevel: 'error',
      banner: {
        js: "import {createRequire} from 'node:module'; const require = createRequire(import.meta.url);",
      },
      plugins: [
        {
          name: 'specs',
          setup(setup) {
            setup.onResolve({filter: /^spec:/}, ({path}) => ({path, namespace: 'spec'}));
            setup.onLoad({filter: /.*/, namespace: 'spec'}, ({path}) => {
              const file = files[Number(path.slice('spec:'.length))] ?? '';
              return {
                contents: `import 'start:${file}'; import './dist/${file}_test.js'; import 'end:';`,
                resolveDir: root,
              };
            });
            setup.onResolve({filter: /^(?:start|end):/}, ({path, importer}) => ({
              path: `${path}@${importer}`,
              namespace: 'mark',
            }));
            setup.onLoad({filter: /.*/, namespace: 'mark'}, ({path}) => ({
              contents: path.startsWith('start:')
                ? `globalThis.startFile(${JSON.stringify(path.slice(6).replace(/@.*/, ''))});`
                : 'globalThis.endFile();',
            }));
            setup.onLoad({filter: /[\\/]dist[\\/]jasmine_util\.js$/}, () => ({contents: flagsShim}));
          },
        },
      ],
    });
    await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

const firstLine = (text: string): string =>
  text.split('\n')[0]?.replaceAll(relative('/', root), '').slice(0, 160) ?? '';

function outcomeOf(error: unknown): Outcome {
  if (error instanceof EngineError) return {kind: 'refused', why: firstLine(error.message)};
  const message = error instanceof Error ? error.message : String(error);
  const missing = /Kernel '(\w+)' not registered/.exec(message)?.[1];
  if (missing !== undefined) return {kind: 'refused', why: `no kernel ${missing}`};
  if (error instanceof Mismatch)
    return {kind: error.isUnnoticed ? 'unnoticed' : 'wrong', why: firstLine(message)};
  if (/^(?:Arrays|Numbers) (?:differ|are|have)|^Value out of range/.test(message))
    return {kind: 'wrong', why: firstLine(message)};
  return {kind: 'crashed', why: firstLine(message)};
}

const isRaw = (error: unknown): boolean =>
  error instanceof Error && /Non-zero status code|\[ONNXRuntimeError\]|onnxruntime/i.test(error.message);

async function run({suite, body}: Spec, done: Set<object>): Promise<Outcome> {
  const suites = suitesOf(suite);
  const random = Math.random;
  caught.length = 0;
  let outcome: Outcome = {kind: 'passes'};
  // Specs of memory count what the process has, as if theirs were the first.
  tf.engine().state.numTensors = 0;
  tf.engine().startScope('spec');
  try {
    for (const s of suites)
      if (!done.has(s)) {
        done.add(s);
        for (const hook of s.beforeAll) await call(hook);
      }
    for (const s of suites) for (const hook of s.before) await call(hook);
    await call(body);
    const raw = caught.find(isRaw);
    if (raw !== undefined) outcome = {kind: 'crashed', why: firstLine(String(raw))};
  } catch (error) {
    outcome = outcomeOf(error);
  }
  try {
    for (const s of suites.toReversed()) for (const hook of s.after) await call(hook);
  } catch (error) {
    if (outcome.kind === 'passes') outcome = outcomeOf(error);
  }
  Math.random = random;
  tf.engine().endScope();
  tf.engine().disposeVariables();
  return outcome;
}

/** What each spec of the files comes to, by `file › suite › spec`. Two specs of one name get a number. */
export async function runSuite(files: readonly string[]): Promise<ReadonlyMap<string, Outcome>> {
  const scopes: (() => void)[] = [];
  install();
  const describe: (name: string, body: () => void) => void = Reflect.get(globalThis, 'describe');
  let file = '';
  Object.assign(globalThis, {
    startFile: (name: string) => {
      file = name;
    },
    endFile: () => void scopes.pop(),
    describe: (name: string, body: () => void) =>
      file === '' ? describe(name, body) : inFile(describe, file, () => describe(name, body)),
  });
  tf.env().set('IS_TEST', true);
  registerSuite(await blockSize());
  await tf.setBackend(suiteBackendName);
  await load(files);
  const outcomes = new Map<string, Outcome>();
  const done = new Set<object>();
  for (const spec of specs) {
    let name = spec.name;
    for (let i = 2; outcomes.has(name); i++) name = `${spec.name} (${i})`;
    outcomes.set(name, await run(spec, done));
  }
  return outcomes;
}

let isInside = false;
function inFile(describe: (name: string, body: () => void) => void, file: string, body: () => void): void {
  if (isInside) {
    body();
    return;
  }
  isInside = true;
  describe(file, body);
  isInside = false;
}
