// `executor`, `executors` and `profiles` of pipe.config.yaml: executors by name, and which of them stages go to. A pool,
// `resources: {pool: NAME}` of a stage, is an executor by its name. Kinds that need no settings are executors by
// themselves, so that one line is enough.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {describe, type MapNode, type Node} from '../spec/tree.ts';
import {type QueueConfig, readQueue} from './queue-config.ts';
import {type RemoteConfig, readRemote} from './remote-config.ts';
import {SettingsReader} from './settings-reader.ts';
import {defaultSlurm, readSlurm, type SlurmConfig} from './slurm-config.ts';

/** This machine. */
export interface LocalConfig {
  readonly kind: 'local';
  /** CPU slots; `null` for those of the machine. */
  readonly jobs: number | null;
}

export type ExecutorConfig = LocalConfig | QueueConfig | RemoteConfig | SlurmConfig;

/** How the settings of each kind are read. */
const KINDS: {
  readonly [K in ExecutorConfig['kind']]: (
    settings: SettingsReader,
    mistakes: Diagnostic[],
  ) => Extract<ExecutorConfig, {kind: K}>;
} = {
  local: settings => ({kind: 'local', jobs: settings.count('jobs') ?? null}),
  queue: readQueue,
  remote: readRemote,
  slurm: readSlurm,
};
const kindNames = Object.keys(KINDS);
const isKind = (name: string): name is ExecutorConfig['kind'] => Object.hasOwn(KINDS, name);

/** Executors that are there without being named in the settings. */
const BUILT_IN: readonly (readonly [string, ExecutorConfig])[] = [
  ['local', {kind: 'local', jobs: null}],
  ['slurm', defaultSlurm],
];

/** This machine's executor, which every project has. */
export const LOCAL = 'local';

export interface ExecutorSettings {
  /** By name; several names may stand for one executor, which is then the same object. */
  readonly byName: ReadonlyMap<string, NamedExecutor>;
  /** Where stages go that name no pool. */
  readonly otherwise: string;
  /** The same, by profile. */
  readonly byProfile: ReadonlyMap<string, string>;
}

export interface NamedExecutor<C extends ExecutorConfig = ExecutorConfig> {
  /** As events and records call it. */
  readonly name: string;
  readonly config: C;
}

/** CPU slots of this machine that the settings give to stages. */
export const localJobsOf = ({byName}: ExecutorSettings): number | null => {
  const config = byName.get(LOCAL)?.config;
  return config?.kind === 'local' ? config.jobs : null;
};

const builtIn = (): Map<string, NamedExecutor> =>
  new Map(BUILT_IN.map(([name, config]) => [name, {name, config}]));

export const NO_EXECUTORS: ExecutorSettings = {byName: builtIn(), otherwise: LOCAL, byProfile: new Map()};

/** The same names, all of which stand for this machine. */
export function allHere({byName}: ExecutorSettings): ExecutorSettings {
  const here = byName.get(LOCAL) ?? {name: LOCAL, config: {kind: 'local', jobs: null}};
  const names = [...byName.keys()].map((name): [string, NamedExecutor] => [name, here]);
  return {byName: new Map(names), otherwise: LOCAL, byProfile: new Map()};
}

/** The values of the three keys, where they are given. */
export interface ExecutorNodes {
  readonly executor?: Node;
  readonly executors?: Node;
  readonly profiles?: Node;
}

export function readExecutors(nodes: ExecutorNodes, mistakes: Diagnostic[]): ExecutorSettings {
  const byName = builtIn();
  const links: {readonly name: string; readonly to: Node & {kind: 'scalar'; value: string}}[] = [];
  for (const {key, value} of entriesOf(nodes.executors, mistakes)) {
    if (isText(value)) links.push({name: key.value, to: value});
    else if (value.kind === 'map') {
      const config = readOne(value, mistakes);
      if (config !== undefined) byName.set(key.value, {name: key.value, config});
    } else mistakes.push(wrong('an executor: {kind: …}, or the name of one', value));
  }
  // Whatever stands in front of it in the file, a name may stand for a map below it; never for another such name.
  const own = new Map(byName);
  for (const {name, to} of links) {
    const found = findExecutor(own, to, mistakes);
    if (found !== undefined) byName.set(name, found);
  }
  return {
    byName,
    otherwise: readDefault(nodes.executor, byName, mistakes),
    byProfile: readProfiles(nodes.profiles, byName, mistakes),
  };
}

function readDefault(
  node: Node | undefined,
  byName: Map<string, NamedExecutor>,
  mistakes: Diagnostic[],
): string {
  if (node === undefined) return LOCAL;
  if (node.kind === 'map') {
    const config = readOne(node, mistakes);
    if (config === undefined) return LOCAL;
    byName.set(config.kind, {name: config.kind, config});
    return config.kind;
  }
  if (isText(node)) {
    findExecutor(byName, node, mistakes);
    return node.value;
  }
  mistakes.push(wrong('the name of an executor, or one: {kind: …}', node));
  return LOCAL;
}

function readProfiles(
  node: Node | undefined,
  byName: ReadonlyMap<string, NamedExecutor>,
  mistakes: Diagnostic[],
): ReadonlyMap<string, string> {
  const byProfile = new Map<string, string>();
  for (const {key, value} of entriesOf(node, mistakes)) {
    if (value.kind !== 'map') {
      mistakes.push(wrong('a map such as {executor: slurm}', value));
      continue;
    }
    const settings = new SettingsReader('the settings of a profile', value, mistakes);
    const executor = settings.node('executor');
    settings.end();
    if (executor === undefined) continue;
    if (!isText(executor)) mistakes.push(wrong('the name of an executor', executor));
    else if (findExecutor(byName, executor, mistakes)) byProfile.set(key.value, executor.value);
  }
  return byProfile;
}

function readOne(node: MapNode, mistakes: Diagnostic[]): ExecutorConfig | undefined {
  const kind = node.entries.find(({key}) => key.value === 'kind')?.value;
  if (kind === undefined) {
    const hint = `such as {kind: slurm}; known are ${kindNames.join(', ')}`;
    mistakes.push(mistake('missing-key', 'expected the kind of an executor, got none', node.span, {hint}));
    return undefined;
  }
  if (!isText(kind) || !isKind(kind.value)) {
    const near = isText(kind) ? closest(kind.value, kindNames) : undefined;
    mistakes.push(wrong(`one of ${kindNames.join(', ')}`, kind, near));
    return undefined;
  }
  const settings = new SettingsReader(`an executor of kind ${kind.value}`, node, mistakes);
  settings.node('kind');
  const config = KINDS[kind.value](settings, mistakes);
  settings.end();
  return config;
}

function findExecutor(
  byName: ReadonlyMap<string, NamedExecutor>,
  node: Node & {kind: 'scalar'; value: string},
  mistakes: Diagnostic[],
): NamedExecutor | undefined {
  const found = byName.get(node.value);
  if (found === undefined) {
    const hint = nearExecutor(node.value, byName.keys());
    mistakes.push(
      mistake('unknown-executor', `expected the name of an executor, got '${node.value}'`, node.span, {hint}),
    );
  }
  return found;
}

/** How to mend the name of an executor that is not there. */
export function nearExecutor(name: string, known: Iterable<string>): string {
  const names = [...known];
  const near = closest(name, names);
  return near === undefined
    ? `known are ${names.join(', ')}; \`executors:\` in pipe.config.yaml names others`
    : `did you mean ${near}?`;
}

function entriesOf(node: Node | undefined, mistakes: Diagnostic[]): MapNode['entries'] {
  if (node === undefined) return [];
  if (node.kind === 'map') return node.entries;
  mistakes.push(wrong('a map', node));
  return [];
}

type Text = Node & {readonly kind: 'scalar'; readonly value: string};
const isText = (node: Node): node is Text => node.kind === 'scalar' && typeof node.value === 'string';

const wrong = (expected: string, got: Node, near?: string): Diagnostic =>
  mistake('wrong-type', `expected ${expected}, got ${describe(got)}`, got.span, {
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
