// JSON values, and the one canonical text of each: keys sorted by code unit, no white space,
// numbers as ECMAScript prints them. What JSON cannot say exactly (NaN, infinities, undefined) is refused.

export type JsonScalar = string | number | boolean | null;
export type Json = JsonScalar | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Orders strings by UTF-16 code unit: the same on every machine and in every locale. */
export const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The canonical text of a JSON value (RFC 8785 for what JSON can hold). Equal values give equal texts;
 * `-0` is written `0`. Throws on anything that is not JSON.
 */
export function canonicalJson(value: Json): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`Expected a finite number, got ${value}`);
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
      return canonicalObject(value);
    default:
      throw new TypeError(`Expected a JSON value, got ${typeof value}`);
  }
}

function canonicalObject(value: JsonObject): string {
  const members = Object.keys(value)
    .sort(byCodeUnit)
    .map(key => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`);
  return `{${members.join(',')}}`;
}

const isArray = (value: Json): value is readonly Json[] => Array.isArray(value);

/** JSON as a value; `undefined` for text that is none. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
