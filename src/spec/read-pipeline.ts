// A pipeline file → PipelineSpec. The way in for everything that reads pipelines.
//
//   const spec = await readPipeline({path: 'pipelines/x.yaml', text}, {profile: 'quick', set: ['epochs=3']});
//   if (!spec.ok) print(spec.error) …
//   const plan = planPipeline(spec.value, await loadStages(spec.value, catalogue), project);   // src/plan
//
// Only what cannot be read at all (bad YAML, no map) is an error here; all other mistakes are in
// `spec.mistakes`, and `planPipeline` gives them back with those that it finds itself.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {digestBytes} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {SourceFile, Span} from '../core/source.ts';
import {
  asMap,
  asText,
  isMeant,
  knownEntries,
  missingKey,
  namedEntries,
  quoteHint,
  type Report,
} from './fields.ts';
import {nameMistake} from './name.ts';
import {override, readSetting} from './parameters.ts';
import {holds, readStages} from './read-stages.ts';
import {namesReferredTo, resolveReferences} from './reference.ts';
import type {PipelineSpec} from './spec.ts';
import {type Entry, jsonOfMap, type MapNode, type Node} from './tree.ts';
import {decodeTree, encodeTree, TREE_FORMAT} from './tree-text.ts';
import type {Parsed} from './yaml.ts';

export const PIPELINE_KEYS = ['pipeline', 'about', 'params', 'profiles', 'stages'] as const;

export interface ReadOptions {
  /** The name given to `--profile`, or `null`. */
  readonly profile?: string | null;
  /** The arguments of `--set`, such as `epochs=3`; later ones win. */
  readonly set?: readonly string[];
  /** Parsed texts by digest, so that a file that did not change is not parsed again (parsing dominates a no-op). */
  readonly trees?: TreeCache;
}
export interface TreeCache {
  get(key: string): string | undefined;
  set(key: string, text: string): void;
}

export async function readPipeline(
  file: SourceFile,
  options: ReadOptions = {},
): Promise<Result<PipelineSpec, readonly Diagnostic[]>> {
  const {tree, mistakes: found} = await loadTree(file, options.trees);
  if (!tree) return err(found);
  // The parser is loaded only where something has to be parsed.
  const parse = options.set?.length ? (await import('./yaml.ts')).parseYaml : null;
  const mistakes: Diagnostic[] = [...found];
  const report: Report = diagnostic => void mistakes.push(diagnostic);
  const whole = {file, start: 0, end: 0};
  const root = asRoot(tree, whole, report);
  if (!root) return err(mistakes);

  if (!found.every(isLocal(root))) return err(found);
  const keys = knownEntries(root, PIPELINE_KEYS, 'a pipeline', report);
  const defaults = readDefaults(keys.get('params'), whole, report);
  const profiles = readProfiles(keys.get('profiles'), defaults, report);
  let params = defaults;
  const chosen = chooseProfile(options.profile ?? null, profiles, report);
  // Mistakes in a profile were reported when it was read.
  if (chosen) params = override(params, chosen, () => undefined);
  const plain = jsonOfMap(params);
  for (const argument of options.set ?? []) {
    const setting = parse && readSetting(argument, defaults, parse, report);
    if (setting) params = override(params, setting, report);
  }
  const name = readName(root, keys.get('pipeline'), whole, report);
  const written = keys.get('stages');
  if (!written && !isMeant(root, PIPELINE_KEYS, ['stages'])) {
    report(missingKey('stages', 'a pipeline', whole, 'a pipeline has at least one stage'));
  }
  const stages = readStages(written?.value ?? null, params, found, report);
  const about = keys.get('about');
  const referred = namesReferredTo(written?.value ?? emptyMap(whole));
  return ok({
    file,
    name,
    about: (about && asText(about.value, 'text', report, quoteHint(about.value))?.value) ?? '',
    params: jsonOfMap(params),
    plain,
    defaults,
    unused: defaults.entries.map(({key}) => key).filter(({value}) => !referred.has(value)),
    profiles: [...profiles.keys()],
    profile: chosen ? (options.profile ?? null) : null,
    stages,
    mistakes,
  });
}

/** Whether a mistake of the YAML leaves the rest of the file as it was meant: a key too many, or a bad stage. */
const isLocal =
  (root: MapNode) =>
  ({code, span}: Diagnostic): boolean => {
    const stages = root.entries.find(({key}) => key.value === 'stages')?.value;
    return (
      code === 'duplicate-key' || (stages?.kind === 'map' && stages.entries.some(entry => holds(entry, span)))
    );
  };

async function loadTree(file: SourceFile, trees?: TreeCache): Promise<Parsed> {
  const key = trees && digestBytes(`${TREE_FORMAT}\n${file.text}`);
  const known = key && trees.get(key);
  const decoded = known && decodeTree(file, known);
  if (decoded) return {tree: decoded, mistakes: []};
  const {parseYaml} = await import('./yaml.ts');
  const parsed = parseYaml(file);
  if (key && parsed.tree && parsed.mistakes.length === 0) trees.set(key, encodeTree(parsed.tree));
  return parsed;
}

const START = 'a pipeline starts with `pipeline: NAME` and has `stages:`';

function asRoot(tree: Node, whole: Span, report: Report): MapNode | null {
  if (tree.kind === 'scalar' && tree.value === null) {
    report(mistake('empty-file', 'expected a pipeline, got an empty file', whole, {hint: START}));
    return null;
  }
  return asMap(tree, 'a map with `pipeline` and `stages`', report, START);
}

function readName(root: MapNode, entry: Entry | undefined, whole: Span, report: Report): string {
  if (!entry) {
    if (!isMeant(root, PIPELINE_KEYS, ['pipeline'])) {
      report(missingKey('pipeline', 'a pipeline', whole, 'name it in the first line: `pipeline: NAME`'));
    }
    return '';
  }
  const name = asText(entry.value, 'the name of the pipeline', report);
  const bad = name && nameMistake('a pipeline', name);
  if (bad) report(bad);
  return name?.value ?? '';
}

function readDefaults(entry: Entry | undefined, whole: Span, report: Report): MapNode {
  const none = emptyMap(entry?.key.span ?? whole);
  if (!entry || isNothing(entry.value)) return none;
  const map = asMap(entry.value, 'a map from parameter to default value', report);
  if (!map) return none;
  return checkNames(withoutReferences(map, report), report);
}

/** Names of parameters at every level, since `${a.b}` and `--set a.b=1` reach all of them. */
function checkNames(map: MapNode, report: Report): MapNode {
  const entries = namedEntries(map, 'a parameter', report).map(({key, value}) =>
    value.kind === 'map' ? {key, value: checkNames(value, report)} : {key, value},
  );
  return {...map, entries};
}

function withoutReferences(map: MapNode, report: Report): MapNode {
  const resolved = resolveReferences(map, null, report);
  return resolved.kind === 'map' ? resolved : map;
}

function readProfiles(
  entry: Entry | undefined,
  defaults: MapNode,
  report: Report,
): ReadonlyMap<string, MapNode> {
  const profiles = new Map<string, MapNode>();
  if (!entry || isNothing(entry.value)) return profiles;
  const map = asMap(entry.value, 'a map from profile to parameters', report);
  for (const {key, value} of map ? namedEntries(map, 'a profile', report) : []) {
    const values = isNothing(value)
      ? emptyMap(key.span)
      : asMap(value, 'a map from parameter to value', report);
    if (!values) continue;
    let isSound = true;
    const resolved = withoutReferences(values, diagnostic => {
      isSound = false;
      report(diagnostic);
    });
    if (isSound) override(defaults, resolved, report);
    profiles.set(key.value, resolved);
  }
  return profiles;
}

function chooseProfile(
  name: string | null,
  profiles: ReadonlyMap<string, MapNode>,
  report: Report,
): MapNode | null {
  if (name === null) return null;
  const profile = profiles.get(name);
  if (profile) return profile;
  const near = closest(name, profiles.keys());
  const known = [...profiles.keys()].join(', ');
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : known === ''
        ? 'the pipeline has none: add it under `profiles`'
        : `known are ${known}`;
  const span = {file: {path: '--profile', text: name}, start: 0, end: name.length};
  report(mistake('unknown-profile', `expected a profile of the pipeline, got '${name}'`, span, {hint}));
  return null;
}

const emptyMap = (span: Span): MapNode => ({kind: 'map', entries: [], span, origin: null});

const isNothing = (node: Node): boolean => node.kind === 'scalar' && node.value === null;
