// Declarations as plain data, so that they can be read in another process, kept, and come from other languages: the
// parameters as JSON Schema, all else as it is written. From a definition to data, and from data to what planning uses.

import * as z from 'zod';
import {isJsonObject, type Json, type JsonObject, parseJson} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {StageDefinition} from './define.ts';

/** What planning needs of a stage module: all but the work itself. */
export type StageDeclaration = Omit<StageDefinition, 'run'>;

export interface DeclarationData {
  /** JSON Schema of the parameters, as a pipeline writes them. */
  readonly params: JsonObject;
  /** False where the module says more than its schema: refinements, transformations. Then it is asked itself. */
  readonly isExact: boolean;
  /** `about`, `inputs`, `outputs` and all else that a definition says. */
  readonly rest: JsonObject;
}

/** Raised when this form, or what is made of a definition, changes: older data are read anew. */
export const declarationFormat = 1;

const safe = Number.MAX_SAFE_INTEGER;

/** The default export of a stage module as data, or what it lacks: `expected ${problem}`. */
export function describeDefinition(value: unknown): Result<DeclarationData, string> {
  const problem =
    problemOf(value) ?? (isFunction(member(value, 'run')) ? undefined : '`run` to be a function');
  if (problem !== undefined) return err(problem);
  const {run: _run, params, ...rest} = value as StageDefinition;
  let isExact = isExactly(params);
  const schema = z.toJSONSchema(params, {
    io: 'input',
    unrepresentable: 'any',
    override: ({zodSchema, jsonSchema}) => {
      const {def} = (zodSchema as z.core.$ZodTypes)._zod;
      // Keys that nobody declared are slips, not values.
      if (def.type === 'object' && def.catchall === undefined) jsonSchema.additionalProperties = false;
      if (jsonSchema.maximum === safe) delete jsonSchema.maximum;
      if (jsonSchema.minimum === -safe) delete jsonSchema.minimum;
      if ('oneOf' in jsonSchema) isExact = false;
    },
  });
  const data = parseJson(JSON.stringify({params: schema, isExact, rest}));
  return isDeclarationData(data) ? ok(data) : err('a declaration that JSON can hold');
}

/** What planning uses; `undefined` for what is no declaration. */
export function reviveDeclaration(data: DeclarationData): StageDeclaration | undefined {
  const declaration = {...data.rest, params: z.fromJSONSchema(data.params)};
  return isDeclaration(declaration) ? declaration : undefined;
}

export const isDeclarationData = (value: Json | undefined): value is JsonObject & DeclarationData =>
  isJsonObject(value) &&
  isJsonObject(value.params) &&
  typeof value.isExact === 'boolean' &&
  isJsonObject(value.rest);

const isDeclaration = (value: unknown): value is StageDeclaration => problemOf(value) === undefined;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const isFunction = (value: unknown): boolean => typeof value === 'function';
const member = (value: unknown, name: string): unknown =>
  isObject(value) ? Reflect.get(value, name) : undefined;

/** What a value lacks to be a declaration; `undefined` if it is one. */
function problemOf(value: unknown): string | undefined {
  if (value === undefined) return 'a default export, got none';
  if (!isObject(value)) return `a stage definition as its default export, got ${typeof value}`;
  const params = member(value, 'params');
  if (member(params, 'type') !== 'object' || !isObject(member(params, '_zod'))) {
    return '`params` to be z.object({…})';
  }
  return (
    problemIn(value, 'inputs', isArity, "'one', 'optional' or 'each'") ??
    problemIn(value, 'outputs', isOutput, "'file', 'folder' or {kind, name}") ??
    problemOfContinues(value)
  );
}

function problemOfContinues(value: object): string | undefined {
  const continues = member(value, 'continues');
  if (continues === undefined) return undefined;
  const [parameter, from, when] = ['parameter', 'from', 'when'].map(name => member(continues, name));
  const isKnown = (name: unknown): boolean =>
    typeof name === 'string' && member(member(member(value, 'params'), 'shape'), name) !== undefined;
  if (!isKnown(parameter)) return `a parameter for \`continues.parameter\`, got ${JSON.stringify(parameter)}`;
  const output = typeof from === 'string' ? member(member(value, 'outputs'), from) : undefined;
  if (output !== 'folder' && member(output, 'kind') !== 'folder') {
    return `an output that is a folder for \`continues.from\`, got ${JSON.stringify(from)}`;
  }
  const stranger = isObject(when) ? Object.keys(when).find(name => !isKnown(name)) : undefined;
  return stranger === undefined ? undefined : `parameters in \`continues.when\`, got ${stranger}`;
}

function problemIn(
  value: object,
  part: string,
  isRight: (declared: unknown) => boolean,
  expected: string,
): string | undefined {
  const declared = member(value, part);
  if (!isObject(declared)) return `\`${part}\` to be an object; {} for none`;
  const wrong = Object.entries(declared).find(([, each]) => !isRight(each));
  if (wrong === undefined) return undefined;
  return `${expected} for \`${part}.${wrong[0]}\`, got ${JSON.stringify(wrong[1])}`;
}

const isArity = (value: unknown): boolean => value === 'one' || value === 'optional' || value === 'each';
const isKind = (value: unknown): boolean => value === 'file' || value === 'folder';
const isOutput = (value: unknown): boolean =>
  isKind(value) || (isKind(member(value, 'kind')) && typeof member(value, 'name') === 'string');

/** Checks whose whole meaning is in JSON Schema. */
const plainChecks = new Set([
  'greater_than',
  'less_than',
  'multiple_of',
  'number_format',
  'min_length',
  'max_length',
  'length_equals',
]);

/** True where JSON Schema says all that a schema says. */
function isExactly(schema: z.core.$ZodType): boolean {
  const {def} = (schema as z.core.$ZodTypes)._zod;
  const checks = (def.checks ?? []).map(({_zod}) => _zod.def.check);
  if (!checks.every(check => plainChecks.has(check))) return false;
  switch (def.type) {
    case 'string':
      return !('format' in def);
    case 'number':
    case 'boolean':
    case 'null':
    case 'enum':
    case 'any':
    case 'unknown':
    case 'never':
      return !(def as {coerce?: boolean}).coerce;
    case 'literal':
      return def.values.every(
        value => value === null || ['string', 'number', 'boolean'].includes(typeof value),
      );
    case 'optional':
    case 'nullable':
    case 'readonly':
      return isExactly(def.innerType);
    case 'default':
      return isJson(def.defaultValue) && isExactly(def.innerType);
    case 'array':
      return isExactly(def.element);
    case 'tuple':
      return def.items.every(isExactly) && (def.rest === null || isExactly(def.rest));
    case 'record':
      return isExactly(def.keyType) && isExactly(def.valueType);
    case 'union':
      return !('discriminator' in def) && def.options.every(isExactly);
    case 'object':
      return (
        (def.catchall === undefined || isExactly(def.catchall)) && Object.values(def.shape).every(isExactly)
      );
    default:
      return false;
  }
}

const isJson = (value: unknown): boolean => {
  const text = JSON.stringify(value);
  return text !== undefined && JSON.stringify(parseJson(text)) === text && !/^\{\}$/.test(text);
};
