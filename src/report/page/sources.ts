// The links from the numbers of one document to their instances: a number of one instance leads to it, a number of
// several leads to a line below the table that names them all.

import type {InstanceId} from '../../plan/plan.ts';
import {plural} from '../format.ts';
import type {Anchors} from './anchors.ts';
import {type Html, html, join, nothing} from './html.ts';
import type {Source, Tracer} from './trace.ts';

export interface NumberLink {
  readonly href: string;
  /** What the number is, for a tooltip. */
  readonly title: string;
}

interface Line {
  readonly anchor: string;
  readonly shown: string;
  readonly source: Source;
}

export class Sources {
  readonly #prefix: string;
  readonly #tracer: Tracer;
  readonly #anchors: Anchors;
  readonly #lines = new Map<string, Line>();

  /** `prefix` tells the anchors of this document from those of others. */
  constructor(prefix: string, tracer: Tracer, anchors: Anchors) {
    this.#prefix = prefix;
    this.#tracer = tracer;
    this.#anchors = anchors;
  }

  /** Where the number of a cell comes from; `undefined` for what is no number or cannot be found again. */
  link(header: readonly string[], row: readonly string[], column: number): NumberLink | undefined {
    const source = this.#tracer.trace(header, row, column);
    const [first] = source?.ids ?? [];
    if (source === undefined || first === undefined) return undefined;
    if (source.how === 'value') {
      return {href: `#${this.#anchors.get(first)}`, title: `${source.metric} of ${first}`};
    }
    // A table and a CSV file may write the same number with other digits: one line for both.
    const shown = row[column] ?? '';
    const key = `${source.how}\n${source.metric}\n${source.ids.join('\n')}`;
    const line = this.#lines.get(key) ?? {anchor: `${this.#prefix}-${this.#lines.size + 1}`, shown, source};
    this.#lines.set(key, line);
    return {href: `#${line.anchor}`, title: describe(source)};
  }

  /** One line per number that comes from several instances; to be put after the document. */
  render(): Html {
    if (this.#lines.size === 0) return nothing;
    const items = [...this.#lines.values()].map(
      ({anchor, shown, source}) =>
        html`<li id="${anchor}"><strong>${shown}</strong>: ${describe(source)}: ${join(
          source.ids.map(id => this.#instance(id)),
          ', ',
        )}</li>`,
    );
    return html`<details class="sources"><summary>Where these numbers come from</summary><ul>${items}</ul></details>`;
  }

  #instance(id: InstanceId): Html {
    return html`<a href="#${this.#anchors.get(id) ?? ''}">${id}</a>`;
  }
}

function describe({how, metric, ids}: Source): string {
  switch (how) {
    case 'value':
      return metric;
    case 'mean':
      return `mean of ${metric} over ${plural(ids.length, 'instance')}`;
    case 'difference':
      return `difference of the means of ${metric}, from ${plural(ids.length, 'instance')}`;
  }
}
