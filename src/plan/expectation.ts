// What a zod schema wants, in words: `a number greater than 0`, `one of 'sgd', 'sam'`.

import type {z} from 'zod';
import type {JsonScalar} from '../core/json.ts';
import {describeScalar} from '../spec/tree.ts';

type Schema = z.core.$ZodType;

/** Sees through optional, default and the like to the schema of the value itself. */
export function unwrap(schema: Schema): Schema {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return unwrap(def.innerType);
    case 'pipe':
      return unwrap(def.in);
    case 'lazy':
      return unwrap(def.getter());
    default:
      return schema;
  }
}

/** The schema of the value at `path`, or `undefined` where the schema does not say. Of a union, the first that does. */
export function schemaAt(schema: Schema, path: readonly PropertyKey[]): Schema | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return schema;
  const child = partOf(schema, step);
  return child && schemaAt(child, rest);
}

function partOf(schema: Schema, step: PropertyKey): Schema | undefined {
  const def = (unwrap(schema) as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'object':
      return def.shape[String(step)] ?? def.catchall;
    case 'array':
      return def.element;
    case 'record':
      return def.valueType;
    case 'tuple':
      return def.items[Number(step)];
    case 'union':
      return def.options.map(option => partOf(option, step)).find(part => part !== undefined);
    default:
      return undefined;
  }
}

/** The keys of a map that a schema names. */
export function keysOf(schema: Schema): readonly string[] {
  const def = (unwrap(schema) as z.core.$ZodTypes)._zod.def;
  if (def.type === 'object') return Object.keys(def.shape);
  return def.type === 'union' ? def.options.flatMap(keysOf) : [];
}

export function expectationOf(schema: Schema): string {
  const core = unwrap(schema) as z.core.$ZodTypes;
  const {def} = core._zod;
  switch (def.type) {
    case 'number':
      return numberExpectation(core);
    case 'string':
      return `text${lengthOf(core, 'letter')}${patternOf(core)}`;
    case 'boolean':
      return 'true or false';
    case 'enum':
      return choice(Object.values(def.entries));
    case 'literal':
      return choice(def.values);
    case 'null':
      return 'null';
    case 'array':
      return `a list${lengthOf(core, 'value')}`;
    case 'tuple':
      return `a list of ${def.items.length} values`;
    case 'object':
    case 'record':
      return 'a map';
    case 'union':
      return def.options.map(expectationOf).join(' or ');
    default:
      return `a value of type ${def.type}`;
  }
}

/** The values that a schema allows, where it lists them. */
export function choicesOf(schema: Schema): readonly string[] {
  const {def} = (unwrap(schema) as z.core.$ZodTypes)._zod;
  if (def.type === 'enum') return Object.values(def.entries).map(String);
  if (def.type === 'literal') return def.values.map(String);
  if (def.type === 'union') return def.options.flatMap(choicesOf);
  return [];
}

function choice(values: readonly unknown[]): string {
  const words = values.map(value => describeScalar(isScalar(value) ? value : String(value)));
  return words.length === 1 ? String(words[0]) : `one of ${words.join(', ')}`;
}

const isScalar = (value: unknown): value is JsonScalar =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value);

interface Bounds {
  minimum?: number;
  maximum?: number;
  above?: number;
  below?: number;
  multipleOf?: number | bigint;
  isWhole?: boolean;
}

/** What the checks of a schema say together; a later check of one kind stands for an earlier one. */
function boundsOf(schema: Schema): Bounds {
  const bounds: Bounds = {};
  // `z.int()` is a check and a schema in one.
  const checks = [schema, ...(schema._zod.def.checks ?? [])] as unknown as readonly z.core.$ZodChecks[];
  for (const {_zod} of checks) {
    const {def} = _zod;
    switch (def.check) {
      case 'number_format':
        bounds.isWhole = def.format.includes('int');
        break;
      case 'greater_than':
        bounds[def.inclusive ? 'minimum' : 'above'] = Number(def.value);
        break;
      case 'less_than':
        bounds[def.inclusive ? 'maximum' : 'below'] = Number(def.value);
        break;
      case 'multiple_of':
        bounds.multipleOf = def.value;
        break;
      case 'min_length':
        bounds.minimum = def.minimum;
        break;
      case 'max_length':
        bounds.maximum = def.maximum;
        break;
      case 'length_equals':
        bounds.minimum = def.length;
        bounds.maximum = def.length;
        break;
    }
  }
  return bounds;
}

function numberExpectation(schema: Schema): string {
  const {minimum, maximum, above, below, multipleOf, isWhole} = boundsOf(schema);
  const limits: string[] = [];
  if (above !== undefined) limits.push(`greater than ${above}`);
  if (minimum !== undefined && maximum !== undefined) limits.push(`from ${minimum} to ${maximum}`);
  else if (minimum !== undefined) limits.push(`of at least ${minimum}`);
  else if (maximum !== undefined) limits.push(`of at most ${maximum}`);
  if (below !== undefined) limits.push(`less than ${below}`);
  if (multipleOf !== undefined) limits.push(`that is a multiple of ${multipleOf}`);
  return [`a ${isWhole ? 'whole ' : ''}number`, limits.join(' and ')].filter(part => part !== '').join(' ');
}

/** ` that matches /…/`, for text that must. */
function patternOf(schema: Schema): string {
  const checks = (schema._zod.def.checks ?? []) as unknown as readonly z.core.$ZodChecks[];
  const patterns = checks.flatMap(({_zod: {def}}) =>
    def.check === 'string_format' && 'pattern' in def && def.pattern instanceof RegExp ? [def.pattern] : [],
  );
  return patterns.length === 0 ? '' : ` that matches ${patterns.join(' and ')}`;
}

function lengthOf(schema: Schema, unit: string): string {
  const {minimum, maximum} = boundsOf(schema);
  const plural = (count: number): string => `${count} ${unit}${count === 1 ? '' : 's'}`;
  if (minimum !== undefined && minimum === maximum) return ` of ${plural(minimum)}`;
  if (minimum !== undefined && maximum !== undefined) return ` of ${minimum} to ${plural(maximum)}`;
  if (minimum !== undefined) return ` of at least ${plural(minimum)}`;
  return maximum === undefined ? '' : ` of at most ${plural(maximum)}`;
}
