// The links from the numbers of one maker's documents to the instances that they come from, as its trace says: a number
// of one instance leads to it, a number of several leads to a line below the table that names them all.

import {shortDigest} from '../../core/digest.ts';
import {numberAt, type Trace, type TracedInstance, type TracedNumber} from '../../stage/trace.ts';
import {plural} from '../format.ts';
import {type Html, html, join, nothing} from './html.ts';

export interface NumberLink {
  readonly href: string;
  /** What the number is, for a tooltip. */
  readonly title: string;
}

/** Where a number stands: `line` counts from 1, `column` from 0. */
export interface NumberPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** As it is written there. */
  readonly shown: string;
}

interface Line {
  readonly anchor: string;
  readonly shown: string;
  readonly number: TracedNumber;
}

export class Sources {
  readonly #prefix: string;
  readonly #trace: Trace | null;
  readonly #anchorOf: (fingerprint: string) => string | undefined;
  readonly #lines = new Map<string, Line>();

  /**
   * `prefix` tells the anchors of this maker from those of others; `anchorOf` knows the instances of this page by the
   * fingerprints of their results.
   */
  constructor(prefix: string, trace: Trace | null, anchorOf: (fingerprint: string) => string | undefined) {
    this.#prefix = prefix;
    this.#trace = trace;
    this.#anchorOf = anchorOf;
  }

  /** Where the number of a cell comes from; `undefined` where the trace names none. */
  link({file, line, column, shown}: NumberPlace): NumberLink | undefined {
    const number = this.#trace === null ? undefined : numberAt(this.#trace, file, line, column);
    if (number === undefined) return undefined;
    const [first, ...others] = this.#all(number.of);
    const anchor = first === undefined ? undefined : this.#anchorOf(first.fingerprint);
    if (first !== undefined && others.length === 0 && number.against.length === 0 && anchor !== undefined)
      return {href: `#${anchor}`, title: `${describe(number)} of ${first.instance}`};
    // A table and a CSV file may write the same number with other digits: one line for both.
    const key = JSON.stringify(number);
    const known = this.#lines.get(key) ?? {anchor: `${this.#prefix}-${this.#lines.size + 1}`, shown, number};
    this.#lines.set(key, known);
    const count = number.of.length + number.against.length;
    return {href: `#${known.anchor}`, title: `${describe(number)}, from ${plural(count, 'instance')}`};
  }

  /** One line per number that comes from several instances; to be put after the document. */
  render(): Html {
    if (this.#lines.size === 0) return nothing;
    const items = [...this.#lines.values()].map(({anchor, shown, number}) => {
      const against =
        number.against.length === 0 ? nothing : html`; against ${this.#instances(number.against)}`;
      return html`<li id="${anchor}"><strong>${shown}</strong>: ${describe(number)}: ${this.#instances(number.of)}${against}</li>`;
    });
    return html`<details class="sources"><summary>Where these numbers come from</summary><ul>${items}</ul></details>`;
  }

  #all(places: readonly number[]): readonly TracedInstance[] {
    return places.flatMap(place => this.#trace?.instances[place] ?? []);
  }

  #instances(places: readonly number[]): Html {
    return join(
      this.#all(places).map(each => this.#instance(each)),
      ', ',
    );
  }

  /** One that is not on this page is named with its key. */
  #instance({instance, fingerprint}: TracedInstance): Html {
    const anchor = this.#anchorOf(fingerprint);
    return anchor === undefined
      ? html`${instance} <code class="digest">${shortDigest(fingerprint)}</code>`
      : html`<a href="#${anchor}">${instance}</a>`;
  }
}

const describe = ({statistic, metric}: TracedNumber): string =>
  `${statistic}, ${metric.replaceAll('_', ' ')}`;
