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
      return quoted(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`Expected a finite number, got ${value}`);
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      return isArray(value) ? canonicalArray(value) : canonicalObject(value);
    default:
      throw new TypeError(`Expected a JSON value, got ${typeof value}`);
  }
}

/** What is written as it is: nearly every name and digest. */
const PLAIN = /^[\w ./:=,+-]*$/;

const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

function canonicalArray(values: readonly Json[]): string {
  let text = '[';
  for (const [index, value] of values.entries()) text += (index === 0 ? '' : ',') + canonicalJson(value);
  return `${text}]`;
}

function canonicalObject(value: JsonObject): string {
  let text = '{';
  for (const key of inOrder(Object.keys(value)))
    text += `${text === '{' ? '' : ','}${quoted(key)}:${canonicalJson(value[key] as Json)}`;
  return `${text}}`;
}

/** Sorted; most are already. */
function inOrder(keys: string[]): string[] {
  for (let index = 1; index < keys.length; index++) {
    if ((keys[index - 1] ?? '') > (keys[index] ?? '')) return keys.sort(byCodeUnit);
  }
  return keys;
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
