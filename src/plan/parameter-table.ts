// The parameters of a stage module as people read them: name, what it takes, default, meaning; from its JSON Schema.

import * as z from 'zod';
import type {LoadedStage} from './catalogue.ts';

export interface ParameterRow {
  readonly name: string;
  /** Such as `number > 0`, `sgd | sam`, `list of whole number`. */
  readonly takes: string;
  /** As the pipeline would write it; `null` where a value has to be given. */
  readonly fallback: string | null;
  readonly isRequired: boolean;
  readonly meaning: string;
}

type Schema = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** In the order of the declaration. */
export function parameterRows({declaration}: LoadedStage): readonly ParameterRow[] {
  const {properties = {}, required = []} = z.toJSONSchema(declaration.params, {
    io: 'input',
    unrepresentable: 'any',
  });
  return Object.entries(properties).map(([name, schema]) => {
    const given = isSchema(schema) ? schema : {};
    return {
      name,
      takes: takes(given),
      fallback: 'default' in given ? text(given.default) : null,
      isRequired: required.includes(name),
      meaning: typeof given.description === 'string' ? given.description : '',
    };
  });
}

function takes(schema: Schema): string {
  if ('const' in schema) return text(schema.const);
  if (Array.isArray(schema.enum)) return schema.enum.map(text).join(' | ');
  const any = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(any)) return any.filter(isSchema).map(takes).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map(type => takes({...schema, type})).join(' | ');
  switch (schema.type) {
    case 'array':
      return `list of ${isSchema(schema.items) ? takes(schema.items) : 'values'}`;
    case 'object': {
      const keys = isSchema(schema.properties) ? Object.keys(schema.properties) : [];
      return keys.length === 0 ? 'map' : `{${keys.join(', ')}}`;
    }
    case 'integer':
      return `whole number${bounds(schema)}`;
    case 'number':
      return `number${bounds(schema)}`;
    case 'string':
      return 'text';
    case 'boolean':
      return 'true | false';
    case 'null':
      return 'null';
    default:
      return 'any value';
  }
}

function bounds({minimum, maximum, exclusiveMinimum, exclusiveMaximum}: Schema): string {
  // zod says of every whole number that it can be held exactly.
  const isMeant = (bound: unknown): bound is number =>
    typeof bound === 'number' && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  const said = [
    isMeant(minimum) ? `≥ ${minimum}` : '',
    isMeant(exclusiveMinimum) ? `> ${exclusiveMinimum}` : '',
    isMeant(maximum) ? `≤ ${maximum}` : '',
    isMeant(exclusiveMaximum) ? `< ${exclusiveMaximum}` : '',
  ].filter(part => part !== '');
  return said.length === 0 ? '' : ` ${said.join(', ')}`;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
