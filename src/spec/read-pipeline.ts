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
import type {Located, SourceFile, Span} from '../core/source.ts';
import {asMap, asText, expected, knownEntries, missingKey, namedEntries, type Report} from './fields.ts';
import {nameMistake} from './name.ts';
import {override, readSetting} from './parameters.ts';
import {readStage} from './read-stage.ts';
import {resolveReferences} from './reference.ts';
import type {PipelineSpec, StageSpec} from './spec.ts';
import {type Entry, jsonOfMap, type MapNode, type Node} from './tree.ts';
import {decodeTree, encodeTree, TREE_FORMAT} from './tree-text.ts';

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
  const tree = await loadTree(file, options.trees);
  if (!tree.ok) return tree;
  // The parser is loaded only where something has to be parsed.
  const parse = options.set?.length ? (await import('./yaml.ts')).parseYaml : null;
  const mistakes: Diagnostic[] = [];
  const report: Report = diagnostic => void mistakes.push(diagnostic);
  const whole = {file, start: 0, end: 0};
  const root = asRoot(tree.value, whole, report);
  if (!root) return err(mistakes);

  const keys = knownEntries(root, PIPELINE_KEYS, 'a pipeline', report);
  const defaults = readDefaults(keys.get('params'), whole, report);
  const profiles = readProfiles(keys.get('profiles'), defaults, report);
  let params = defaults;
  const chosen = chooseProfile(options.profile ?? null, profiles, report);
  // Mistakes in a profile were reported when it was read.
  if (chosen) params = override(params, chosen, () => undefined);
  for (const argument of options.set ?? []) {
    const setting = parse && readSetting(argument, defaults, parse, report);
    if (setting) params = override(params, setting, report);
  }
  const name = readName(keys.get('pipeline'), whole, report);
  const stages = readStages(keys.get('stages'), params, whole, report);
  const about = keys.get('about');
  return ok({
    file,
    name,
    about: (about && asText(about.value, 'text', report)?.value) ?? '',
    params: jsonOfMap(params),
    defaults,
    profiles: [...profiles.keys()],
    stages,
    mistakes,
  });
}

async function loadTree(file: SourceFile, trees?: TreeCache): Promise<Result<Node, readonly Diagnostic[]>> {
  const key = trees && digestBytes(`${TREE_FORMAT}\n${file.text}`);
  const known = key && trees.get(key);
  const decoded = known && decodeTree(file, known);
  if (decoded) return ok(decoded);
  const {parseYaml} = await import('./yaml.ts');
  const parsed = parseYaml(file);
  if (parsed.ok && key) trees.set(key, encodeTree(parsed.value));
  return parsed;
}

function asRoot(tree: Node, whole: Span, report: Report): MapNode | null {
  if (tree.kind === 'scalar' && tree.value === null) {
    const hint = 'a pipeline starts with `pipeline: NAME` and has `stages:`';
    report(mistake('empty-file', 'expected a pipeline, got an empty file', whole, {hint}));
    return null;
  }
  return asMap(tree, 'a map with `pipeline` and `stages`', report);
}

function readName(entry: Entry | undefined, whole: Span, report: Report): string {
  if (!entry) {
    report(missingKey('pipeline', 'a pipeline', whole, 'name it in the first line: `pipeline: NAME`'));
    return '';
  }
  const name = asText(entry.value, 'the name of the pipeline', report);
  const bad = name && nameMistake('a pipeline', name);
  if (bad) report(bad);
  return name?.value ?? '';
}

function readDefaults(entry: Entry | undefined, whole: Span, report: Report): MapNode {
  const none: MapNode = {kind: 'map', entries: [], span: entry?.key.span ?? whole, origin: null};
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
    const values = asMap(value, 'a map from parameter to value', report);
    if (!values) continue;
    const resolved = withoutReferences(values, report);
    override(defaults, resolved, report);
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

function readStages(
  entry: Entry | undefined,
  params: MapNode,
  whole: Span,
  report: Report,
): ReadonlyMap<string, StageSpec> {
  const stages = new Map<string, StageSpec>();
  if (!entry) {
    report(missingKey('stages', 'a pipeline', whole, 'a pipeline has at least one stage'));
    return stages;
  }
  const map = asMap(entry.value, 'a map from stage to what it does', report);
  if (map?.entries.length === 0) expected('at least one stage', map, report);
  for (const {key, value} of map?.entries ?? []) {
    const stage = readOneStage(key, value, params, report);
    if (stage) stages.set(key.value, stage);
  }
  return stages;
}

function readOneStage(name: Located<string>, node: Node, params: MapNode, report: Report): StageSpec | null {
  let isSound = true;
  const noting: Report = diagnostic => {
    isSound = false;
    report(diagnostic);
  };
  const bad = nameMistake('a stage', name);
  if (bad) noting(bad);
  const map = asMap(node, 'a map with `uses` or `run`', noting);
  if (!map) return {...readStage(name, emptyStage(name.span), () => undefined), isBroken: true};
  const entries = map.entries.map(entry =>
    isExempt(entry.key.value)
      ? entry
      : {key: entry.key, value: resolveReferences(entry.value, params, noting)},
  );
  // A reference that was not resolved is text, and would be reported again as text of the wrong kind.
  const stage = readStage(name, {...map, entries}, isSound ? noting : unlessUnresolved(report));
  return isSound ? stage : {...stage, isBroken: true};
}

/** `run` belongs to the shell, where `${x}` is a variable; `about` is for people. */
const isExempt = (key: string): boolean => key === 'run' || key === 'about';

const unlessUnresolved =
  (report: Report): Report =>
  diagnostic => {
    const span = diagnostic.span;
    if (!span?.file.text.slice(span.start, span.end).includes('${')) report(diagnostic);
  };

const emptyStage = (span: Span): MapNode => ({kind: 'map', entries: [], span, origin: null});

const isNothing = (node: Node): boolean => node.kind === 'scalar' && node.value === null;
