// The declaration of a Python stage as planning takes it: the JSON Schema of its signature becomes a zod schema, so that
// mistakes, defaults, editors and tables go the way that those of TypeScript stages go.

import * as z from 'zod';
import {isJsonObject, type Json, type JsonObject} from '../core/json.ts';
import type {StageDeclaration} from '../stage/declaration.ts';
import type {SaidDeclaration} from './facts.ts';

/** Throws for a schema that zod does not know, with what it says. */
export function declarationOf(said: SaidDeclaration): StageDeclaration {
  const {about, inputs, outputs, holds, device, checkpoint, continues} = said;
  const params = objectOf(said.params);
  const declared = {about, params, inputs, outputs, holds, usesDevice: device, checkpoint};
  return continues === null ? declared : {...declared, continues};
}

function objectOf(params: JsonObject): z.ZodObject {
  const definitions: Record<string, Json> = {};
  const schema = strict(params, definitions);
  const parsed: unknown = z.fromJSONSchema({...schema, $defs: definitions} as Parameters<
    typeof z.fromJSONSchema
  >[0]);
  if (!(parsed instanceof z.ZodObject)) throw new Error('expected the parameters to be a map');
  return parsed;
}

/**
 * Keys that a model does not know are mistakes; definitions go to the root, where references look for them; a default
 * that is a map is filled in, so that the key holds every value that counts.
 */
function strict(schema: JsonObject, definitions: Record<string, Json>): JsonObject {
  const made: Record<string, Json> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$defs' && isJsonObject(value)) {
      for (const [name, each] of Object.entries(value)) definitions[name] = inner(each, definitions);
    } else if (key === 'properties' && isJsonObject(value)) {
      made[key] = Object.fromEntries(
        Object.entries(value).map(([name, each]) => [name, inner(each, definitions)]),
      );
    } else if (key === 'default' || key === 'enum' || key === 'const') made[key] = value;
    // Titles are names of Python's classes.
    else if (key !== 'title') made[key] = inner(value, definitions);
  }
  if (isJsonObject(made.properties) && made.additionalProperties === undefined)
    made.additionalProperties = false;
  if (isJsonObject(made.default)) made.default = filled(made, definitions);
  return made;
}

function inner(value: Json, definitions: Record<string, Json>): Json {
  if (Array.isArray(value)) return value.map(each => inner(each, definitions));
  return isJsonObject(value) ? strict(value, definitions) : value;
}

function filled(schema: Record<string, Json>, definitions: Record<string, Json>): Json {
  const {default: value = null, ...rest} = schema;
  const parser = z.fromJSONSchema({...rest, $defs: definitions} as Parameters<typeof z.fromJSONSchema>[0]);
  const parsed = parser.safeParse(value);
  return parsed.success ? (parsed.data as Json) : value;
}
