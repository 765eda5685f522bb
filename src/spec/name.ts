// What a name may look like: of pipelines, stages, parameters, axes, inputs, outputs and profiles.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Names that every JavaScript object has: as keys they could be mistaken for something that nobody wrote. */
const RESERVED = new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype']);

export const isReserved = (text: string): boolean => RESERVED.has(text);
export const isName = (text: string): boolean => NAME.test(text);
export const isVariable = (text: string): boolean => VARIABLE.test(text);

/** A mistake unless `name` is an identifier. `what` is such as `a stage`. */
export function nameMistake(what: string, name: Located<string>): Diagnostic | null {
  if (isName(name.value)) return null;
  const suggestion = identifierLike(name.value);
  return mistake(
    'bad-name',
    `expected a name for ${what} (letters, digits, _ and -, no digit first), got '${name.value}'`,
    name.span,
    {hint: suggestion === null ? undefined : `such as ${suggestion}`},
  );
}

function identifierLike(text: string): string | null {
  const candidate = text
    .trim()
    .replace(/[^A-Za-z0-9_-]+/g, '_')
    .replace(/^[^A-Za-z_]/, '_$&');
  return isName(candidate) && /[A-Za-z0-9]/.test(candidate) ? candidate : null;
}
