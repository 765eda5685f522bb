// HTML that is escaped by construction: text goes in through `html`, and only `html` makes markup.

import {withSigns} from '../../core/printable.ts';

/** Finished markup. Only this module and `trusted` make it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Strings and numbers are escaped; `null` is nothing; lists are put one after another. */
export type Inlay = string | number | Html | null | readonly Inlay[];

/** A template whose values are escaped unless they are markup already. Attributes must be in double quotes. */
export const html = (strings: TemplateStringsArray, ...values: readonly Inlay[]): Html =>
  new Html(strings.reduce((text, part, index) => text + render(values[index - 1] ?? null) + part));

/** Markup that another program made and that holds nothing of the user's unescaped. */
export const trusted = (markup: string): Html => new Html(markup);

export const nothing = new Html('');

export const join = (parts: readonly Inlay[], between: Inlay): Html =>
  new Html(parts.map(render).join(render(between)));

const isList = (value: Inlay): value is readonly Inlay[] => Array.isArray(value);

function render(value: Inlay): string {
  if (value === null) return '';
  if (value instanceof Html) return value.text;
  if (isList(value)) return value.map(render).join('');
  return escapeHtml(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe as text and in a quoted attribute. What HTML forbids, and what turns the direction of reading, becomes a sign. */
export const escapeHtml = (text: string): string =>
  withSigns(text).replace(/[&<>"']/g, letter => ENTITIES[letter] ?? letter);

/** `data:` address of some bytes, for pictures and for files to save. */
export const dataUrl = (type: string, bytes: Uint8Array): string =>
  `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
