// Values of programs as JSON: what JSON cannot say is told by its path.

import type {Json} from './json.ts';

/** Keys that are `undefined` are left out; anything else that JSON cannot say is reported, and becomes `null`. */
export function toJson(value: unknown, report: (path: string) => void, path = ''): Json {
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
