// The parameters of one instance: what the stage says and what its cell says, checked by the module's schema,
// with defaults filled in. Every issue becomes a diagnostic at the value that it is about.

import type {z} from 'zod';
import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {isJsonObject, type Json, type JsonObject} from '../core/json.ts';
import {toJson} from '../core/json-value.ts';
import type {Span} from '../core/source.ts';
import {valueMistake} from '../spec/fields.ts';
import type {StageSpec} from '../spec/spec.ts';
import {describeKind, jsonOf, keyAt, type Node, nodeAt} from '../spec/tree.ts';
import type {Checked, LoadedStage} from './catalogue.ts';
import {choicesOf, expectationOf, keysOf, schemaAt} from './expectation.ts';

type Report = (diagnostic: Diagnostic) => void;

export interface Circumstances {
  /** Tells of a missing parameter whether another mistake accounts for it. */
  readonly isEcho: (name: string) => boolean;
  /** False where some parameters are not chosen yet: only what is there is checked, each by itself. */
  readonly isWhole: boolean;
}

/** `null` when something was reported. `nodes` holds only parameters that the module declares. */
export function checkParameters(
  module: LoadedStage,
  nodes: ReadonlyMap<string, Node>,
  spec: StageSpec,
  {isEcho, isWhole}: Circumstances,
  report: Report,
): JsonObject | null {
  const schema = module.declaration.params;
  const given = Object.fromEntries([...nodes].map(([name, node]) => [name, jsonOf(node)]));
  const parsed = (isWhole ? module.check?.(given) : undefined) ?? parse(schema, given);
  if (!parsed.ok || !isWhole) {
    let isSound = !isWhole;
    for (const issue of parsed.ok ? [] : parsed.issues.flatMap(issuesMeant)) {
      if (!isWhole && !isOfOne(issue, nodes)) continue;
      isSound = false;
      const found = issueMistake(module, issue, nodes, spec, isEcho);
      if (found && !(spec.isBroken && isUnresolved(found))) report(found);
    }
    return isSound ? given : null;
  }
  const effective = parsed.value;
  const problems = parsed.strangers.map(path => {
    const message = `expected the stage module ${module.uses} to give JSON as the parameter ${path}, got something else`;
    const hint = 'use a schema whose output is text, numbers, true, false, null, lists and maps';
    const span = spec.work?.kind === 'module' ? spec.work.uses.span : spec.name.span;
    return mistake('bad-module', message, span, {hint});
  });
  for (const [name, node] of nodes) {
    const kept = isJsonObject(effective) ? effective[name] : undefined;
    for (const dropped of droppedKeys(given[name], kept, [])) {
      const around = schemaAt(schema, [name, ...dropped.slice(0, -1)]);
      problems.push(unknownKey(module, String(dropped.at(-1)), around, node, dropped));
    }
  }
  problems.forEach(report);
  return problems.length === 0 && isJsonObject(effective) ? effective : null;
}

/** Whether an issue is about one value that is there, whatever is still to come. */
const isOfOne = ({code, path: [name]}: z.core.$ZodIssue, nodes: ReadonlyMap<string, Node>): boolean =>
  code !== 'custom' && name !== undefined && nodes.has(String(name));

/** A reference that was reported already stands there as the text that it is. */
const isUnresolved = ({span}: Diagnostic): boolean =>
  span?.file.text.slice(span.start, span.end).includes('${') ?? false;

/** A value that fits no option of a union: what is wrong with it as the one option that it is of the kind of. */
function issuesMeant(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const isInside = ({code, path}: z.core.$ZodIssue): boolean =>
    path.length > 0 || code === 'unrecognized_keys';
  const [meant, ...others] = issue.errors.filter(issues => issues.every(isInside));
  if (meant === undefined || meant.length === 0 || others.length > 0) return [issue];
  return meant.flatMap(inner => issuesMeant({...inner, path: [...issue.path, ...inner.path]}));
}

function issueMistake(
  module: LoadedStage,
  issue: z.core.$ZodIssue,
  nodes: ReadonlyMap<string, Node>,
  spec: StageSpec,
  isEcho: (name: string) => boolean,
): Diagnostic | null {
  const [name, ...rest] = issue.path;
  const root = name === undefined ? undefined : nodes.get(String(name));
  const wanted = schemaAt(module.declaration.params, issue.path);
  if (!root) {
    const at = spec.name.span;
    if (name === undefined) return mistake('bad-parameter', issue.message, at);
    if (isEcho(String(name))) return null;
    const what = wanted ? ` (${expectationOf(wanted)})` : '';
    const message = `expected the parameter ${String(name)}${what} of the stage module ${module.uses}, got none`;
    return mistake('missing-parameter', message, at, {
      hint: 'add it under `with`, or as an axis under `matrix`',
    });
  }
  const node = nodeAt(root, rest);
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    return unknownKey(module, key, wanted, root, [...rest, key]);
  }
  return valueIssue(issue, node, hasPart(jsonOf(root), rest), wanted);
}

/** Whether there is a value at a path. */
const hasPart = (value: Json | undefined, [step, ...rest]: readonly PropertyKey[]): boolean => {
  if (step === undefined) return value !== undefined;
  if (Array.isArray(value)) return hasPart(value[Number(step)], rest);
  return isJsonObject(value) && hasPart(value[String(step)], rest);
};

/** `node`: what stands at the issue's path, or the nearest thing around it where nothing does. */
function valueIssue(
  issue: z.core.$ZodIssue,
  node: Node,
  isThere: boolean,
  wanted: z.core.$ZodType | undefined,
): Diagnostic {
  if (issue.code === 'custom') return valueMistake('bad-parameter', issue.message, node);
  if (!isThere) {
    const what = wanted ? expectationOf(wanted) : 'a value';
    return valueMistake('bad-parameter', `expected ${what} as ${label(issue.path)}, got none`, node);
  }
  const isLength = issue.code === 'too_big' || issue.code === 'too_small';
  const length = isLength && node.kind === 'list' && node.items.length > 0 ? ` of ${node.items.length}` : '';
  const as = `as ${label(issue.path)}, got ${describeKind(node)}${length}`;
  // Of a union that also lists values, all of it is said.
  const hasChoices = wanted !== undefined && choicesOf(wanted).length > 0;
  if (issue.code === 'invalid_format' && !hasChoices) {
    const isPattern = issue.format === 'regex' && issue.pattern !== undefined;
    const what = isPattern ? `text that matches ${issue.pattern}` : `text of the format ${issue.format}`;
    return valueMistake('bad-parameter', `expected ${what} ${as}`, node);
  }
  const expectation = wanted ? `expected ${expectationOf(wanted)}` : issue.message;
  const near = wanted && node.kind === 'scalar' ? closest(String(node.value), choicesOf(wanted)) : undefined;
  const hint = near === undefined ? undefined : `did you mean ${near}?`;
  return valueMistake('bad-parameter', `${expectation} ${as}`, node, hint);
}

const label = (path: readonly PropertyKey[]): string => path.map(String).join('.');

function unknownKey(
  module: LoadedStage,
  key: string,
  around: z.core.$ZodType | undefined,
  root: Node,
  path: readonly PropertyKey[],
): Diagnostic {
  const known = around === undefined ? [] : keysOf(around);
  const {origin} = nodeAt(root, path);
  const notes = origin ? [{message: 'the value comes from here', span: origin}] : [];
  return {...unknownParameter(key, known, module.uses, keyAt(root, path)), notes};
}

/** A parameter that the module does not declare, or a part of one. */
export function unknownParameter(
  name: string,
  known: readonly string[],
  uses: string,
  span: Span,
): Diagnostic {
  const near = closest(name, known);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : known.length > 0
        ? `known here are ${known.join(', ')}`
        : 'none is known here';
  return mistake(
    'unknown-parameter',
    `expected a parameter of the stage module ${uses}, got '${name}'`,
    span,
    {hint},
  );
}

/** Paths of keys that the schema dropped without a word: slips in nested maps. */
function* droppedKeys(given: unknown, kept: unknown, path: readonly string[]): Generator<readonly string[]> {
  if (!isJsonObject(given) || !isJsonObject(kept)) return;
  for (const [key, value] of Object.entries(given)) {
    if (Object.hasOwn(kept, key)) yield* droppedKeys(value, kept[key], [...path, key]);
    else yield [...path, key];
  }
}

function parse(schema: z.ZodObject, given: JsonObject): Checked {
  const parsed = schema.safeParse(given);
  if (!parsed.success) return {ok: false, issues: parsed.error.issues};
  const strangers: string[] = [];
  const value = toJson(parsed.data, path => strangers.push(path));
  return {ok: true, value, strangers};
}
