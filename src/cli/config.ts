// pipe.config.yaml: what a project or a machine settles once. Every key is optional; the command line and the
// environment win over it.

import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Span} from '../core/source.ts';
import type {Node} from '../spec/tree.ts';
import {type ExecutorSettings, NO_EXECUTORS, readExecutors} from './executor-config.ts';
import {CONFIG, UserMistakes} from './exit.ts';
import type {Surroundings} from './surroundings.ts';

export interface Config {
  /** `redis://…` or `postgres://…`: where the action cache is, instead of the store on this disk. */
  readonly cache: string | null;
  /** A store elsewhere: a folder, `http(s)://`, `s3://`, `grpc(s)://`. */
  readonly store: string | null;
  /** CPU slots. */
  readonly jobs: number | null;
  /** Where downloads look first, relative to the project. */
  readonly mirror: string | null;
  readonly device: string | null;
  /** What runs stages: `executor`, `executors` and `profiles`. */
  readonly executors: ExecutorSettings;
  /** Bytes of declared files that an instance may bring into the store before it is said. */
  readonly largeCopy: number | null;
  /** The Python of Python stages: a path, or the name of a program; `null` for the one that is found. */
  readonly python: string | null;
  /** Further folders with Python modules, relative to the project. */
  readonly pythonPath: readonly string[];
}

/** What `--device` takes. */
export const DEVICES = ['auto', 'cpu', 'webgpu', 'cuda', 'tfjs'] as const;
type Device = (typeof DEVICES)[number];
const isDevice = (text: string): text is Device => DEVICES.some(device => device === text);

function nearDevice(value: unknown): string | undefined {
  const near = typeof value === 'string' ? closest(value, DEVICES) : undefined;
  return near === undefined ? undefined : `did you mean ${near}?`;
}

export const KEYS = [
  'cache',
  'store',
  'jobs',
  'mirror',
  'device',
  'executor',
  'executors',
  'profiles',
  'large_copy',
  'python',
  'python_path',
] as const;
type Key = (typeof KEYS)[number];
const isKey = (text: string): text is Key => KEYS.some(key => key === text);

export async function readConfig(project: string, {env}: Surroundings): Promise<Config> {
  const path = join(project, CONFIG);
  const read = existsSync(path) ? await parse(readFileSync(path, 'utf8')) : NOTHING;
  const said = (name: string, otherwise: string | null): string | null =>
    env[name] === undefined || env[name] === '' ? otherwise : env[name];
  return {...read, cache: said('PIPE_CACHE', read.cache), store: said('PIPE_STORE', read.store)};
}

function textsOf(node: Node): readonly string[] | undefined {
  const items = node.kind === 'list' ? node.items : [node];
  const texts = items.flatMap(item =>
    item.kind === 'scalar' && typeof item.value === 'string' ? [item.value] : [],
  );
  return texts.length === items.length ? texts : undefined;
}

const NOTHING: Config = {
  cache: null,
  store: null,
  jobs: null,
  mirror: null,
  device: null,
  executors: NO_EXECUTORS,
  largeCopy: null,
  python: null,
  pythonPath: [],
};

async function parse(text: string): Promise<Config> {
  const [{parseYaml}, {describe}, {parseSize, SIZE_EXAMPLES}] = await Promise.all([
    import('../spec/yaml.ts'),
    import('../spec/tree.ts'),
    import('../spec/quantity.ts'),
  ]);
  const file = {path: CONFIG, text};
  const {tree: root, mistakes: unreadable} = parseYaml(file);
  if (root === null || unreadable.length > 0) throw new UserMistakes(unreadable);
  if (root.kind === 'scalar' && root.value === null) return NOTHING;
  if (root.kind !== 'map') {
    throw new UserMistakes([mistake('wrong-type', `expected a map, got ${describe(root)}`, root.span)]);
  }
  const mistakes: Diagnostic[] = [];
  const config: {-readonly [K in keyof Config]: Config[K]} = {...NOTHING};
  const executorNodes: {executor?: Node; executors?: Node; profiles?: Node} = {};
  const wrong = (expected: string, got: string, span: Span, hint?: string): void =>
    void mistakes.push(mistake('wrong-type', `expected ${expected}, got ${got}`, span, {hint}));
  for (const {key, value} of root.entries) {
    const name = key.value;
    const scalar = value.kind === 'scalar' ? value.value : undefined;
    if (!isKey(name)) {
      const near = closest(name, KEYS);
      const hint = near === undefined ? `known are ${KEYS.join(', ')}` : `did you mean ${near}?`;
      mistakes.push(mistake('unknown-key', `expected a key of ${CONFIG}, got '${name}'`, key.span, {hint}));
    } else if (name === 'jobs') {
      if (typeof scalar === 'number' && Number.isInteger(scalar) && scalar > 0) config.jobs = scalar;
      else wrong('a whole number from 1 up', describe(value), value.span);
    } else if (name === 'device') {
      if (typeof scalar === 'string' && isDevice(scalar)) config.device = scalar;
      else wrong(`one of ${DEVICES.join(', ')}`, describe(value), value.span, nearDevice(scalar));
    } else if (name === 'executor' || name === 'executors' || name === 'profiles') {
      executorNodes[name] = value;
    } else if (name === 'large_copy') {
      const bytes = typeof scalar === 'string' ? parseSize(scalar) : null;
      if (bytes !== null) config.largeCopy = bytes;
      else wrong(SIZE_EXAMPLES, describe(value), value.span);
    } else if (name === 'python_path') {
      const folders = textsOf(value);
      if (folders !== undefined) config.pythonPath = folders;
      else wrong('a folder or a list of folders', describe(value), value.span);
    } else if (typeof scalar === 'string') config[name] = scalar;
    else wrong('text', describe(value), value.span);
  }
  config.executors = readExecutors(executorNodes, mistakes);
  if (mistakes.length > 0) throw new UserMistakes(mistakes);
  return config;
}
