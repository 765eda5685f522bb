// The parameters of one instance: what the stage says and what its cell says, checked by the module's schema,
// with defaults filled in. Every issue becomes a diagnostic at the value that it is about.

import type {z} from 'zod';
import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {isJsonObject, type Json, type JsonObject} from '../core/json.ts';
import type {Span} from '../core/source.ts';
import {valueMistake} from '../spec/fields.ts';
import {describeKind, jsonOf, type Node, nodeAt} from '../spec/tree.ts';
import type {StageDeclaration} from './catalogue.ts';
import {choicesOf, expectationOf, schemaAt} from './expectation.ts';

type Report = (diagnostic: Diagnostic) => void;

/** `null` when something was reported. `stage` is where the stage is named: the place of what is missing. */
export function checkParameters(
  declaration: StageDeclaration,
  nodes: ReadonlyMap<string, Node>,
  stage: Span,
  report: Report,
): JsonObject | null {
  const given = Object.fromEntries([...nodes].map(([name, node]) => [name, jsonOf(node)]));
  const parsed = declaration.params.safeParse(given);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) report(issueMistake(declaration.params, issue, nodes, stage));
    return null;
  }
  let isSound = true;
  const effective = toJson(parsed.data, path => {
    isSound = false;
    const message = `expected the stage module to give JSON as the parameter ${path}, got something else`;
    report(
      mistake('bad-module', message, stage, {
        hint: 'use a schema whose output is text, numbers, lists and maps',
      }),
    );
  });
  for (const [name, node] of nodes) {
    for (const dropped of droppedKeys(
      given[name],
      isJsonObject(effective) ? effective[name] : undefined,
      [],
    )) {
      isSound = false;
      const schema = schemaAt(declaration.params, [name, ...dropped.slice(0, -1)]);
      report(unknownKey(String(dropped.at(-1)), schema, nodeAt(node, dropped)));
    }
  }
  return isSound && isJsonObject(effective) ? effective : null;
}

function issueMistake(
  schema: z.ZodObject,
  issue: z.core.$ZodIssue,
  nodes: ReadonlyMap<string, Node>,
  stage: Span,
): Diagnostic {
  const [name, ...rest] = issue.path;
  const root = name === undefined ? undefined : nodes.get(String(name));
  const wanted = schemaAt(schema, issue.path);
  if (!root) {
    if (name === undefined) return mistake('bad-parameter', issue.message, stage);
    const what = wanted ? `: ${expectationOf(wanted)}` : '';
    const hint = 'add it under `with`, or as an axis under `matrix`';
    return mistake('missing-parameter', `expected the parameter ${String(name)}${what}, got none`, stage, {
      hint,
    });
  }
  const node = nodeAt(root, rest);
  if (issue.code === 'unrecognized_keys') {
    return unknownKey(issue.keys[0] ?? '', wanted, node);
  }
  if (issue.code === 'custom') return valueMistake('bad-parameter', issue.message, node);
  if (issue.code === 'invalid_format') {
    const pattern =
      issue.pattern === undefined ? `a valid ${issue.format}` : `text that matches ${issue.pattern}`;
    return valueMistake(
      'bad-parameter',
      `expected ${pattern} as ${label(issue.path)}, got ${describeKind(node)}`,
      node,
    );
  }
  const expectation = wanted ? expectationOf(wanted) : issue.message;
  const near = wanted && node.kind === 'scalar' ? closest(String(node.value), choicesOf(wanted)) : undefined;
  const message = `expected ${expectation} as ${label(issue.path)}, got ${describeKind(node)}`;
  return valueMistake(
    'bad-parameter',
    message,
    node,
    near === undefined ? undefined : `did you mean ${near}?`,
  );
}

const label = (path: readonly PropertyKey[]): string => path.map(String).join('.');

function unknownKey(key: string, schema: z.core.$ZodType | undefined, node: Node): Diagnostic {
  const shape = schema && '_zod' in schema ? (schema._zod.def as {shape?: object}).shape : undefined;
  return unknownParameter(key, Object.keys(shape ?? {}), node.span);
}

/** A parameter that the module does not declare. */
export function unknownParameter(name: string, known: readonly string[], span: Span): Diagnostic {
  const near = closest(name, known);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : known.length > 0
        ? `its parameters are ${known.join(', ')}`
        : 'it has no parameters';
  return mistake('unknown-parameter', `expected a parameter of the stage module, got '${name}'`, span, {
    hint,
  });
}

/** Paths of keys that the schema dropped without a word: slips in nested maps. */
function* droppedKeys(given: unknown, kept: unknown, path: readonly string[]): Generator<readonly string[]> {
  if (!isJsonObject(given) || !isJsonObject(kept)) return;
  for (const [key, value] of Object.entries(given)) {
    if (Object.hasOwn(kept, key)) yield* droppedKeys(value, kept[key], [...path, key]);
    else yield [...path, key];
  }
}

/** Parsed data as JSON: keys that are `undefined` are left out, anything else that JSON cannot say is reported. */
function toJson(value: unknown, report: (path: string) => void, path = ''): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((item, index) => toJson(item, report, `${path}[${index}]`));
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([key, member]) => [key, toJson(member, report, path === '' ? key : `${path}.${key}`)]),
    );
  }
  report(path);
  return null;
}
