// Reads the keys of one map of pipe.config.yaml, each as what it must be. What is wrong is added to the mistakes and
// counts as not given; `end` reports the keys that nobody asked for.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {describe, type Entry, type MapNode, type Node} from '../spec/tree.ts';

export class SettingsReader {
  readonly #what: string;
  readonly #tree: MapNode;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #mistakes: Diagnostic[];
  readonly #known = new Set<string>();

  /** `what`: as messages call the map, such as `an executor of kind slurm`. */
  constructor(what: string, tree: MapNode, mistakes: Diagnostic[]) {
    this.#what = what;
    this.#tree = tree;
    this.#entries = new Map(tree.entries.map(entry => [entry.key.value, entry]));
    this.#mistakes = mistakes;
  }

  text(name: string): string | undefined {
    return this.#read(name, 'text', node =>
      node.kind === 'scalar' && typeof node.value === 'string' && node.value !== '' ? node.value : undefined,
    );
  }

  /** Text that `parse` understands; `expected` says which. */
  parsed<T>(name: string, expected: string, parse: (text: string) => T | undefined): T | undefined {
    return this.#read(name, expected, node =>
      node.kind === 'scalar' && typeof node.value === 'string' ? parse(node.value) : undefined,
    );
  }

  /** Text that must be given, such as `example`. */
  required(name: string, example: string, isRight: (text: string) => boolean): string | undefined {
    const node = this.node(name);
    if (node === undefined) {
      const hint = `such as ${name}: ${example}`;
      this.#mistakes.push(
        mistake('missing-key', `expected the key ${name} in ${this.#what}, got none`, this.#tree.span, {
          hint,
        }),
      );
      return undefined;
    }
    return this.#read(name, `such as ${example}`, found =>
      found.kind === 'scalar' && typeof found.value === 'string' && isRight(found.value)
        ? found.value
        : undefined,
    );
  }

  /** A whole number from 1 up. */
  count(name: string): number | undefined {
    return this.#read(name, 'a whole number from 1 up', node =>
      node.kind === 'scalar' &&
      typeof node.value === 'number' &&
      Number.isInteger(node.value) &&
      node.value > 0
        ? node.value
        : undefined,
    );
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    return this.#read(name, `one of ${values.join(', ')}`, node =>
      node.kind === 'scalar' ? values.find(value => value === node.value) : undefined,
    );
  }

  texts(name: string): readonly string[] | undefined {
    return this.#read(name, 'a list of texts', node => {
      const texts = node.kind === 'list' ? node.items.map(textOf) : [];
      return texts.length > 0 && texts.every(text => text !== undefined) ? texts : undefined;
    });
  }

  node(name: string): Node | undefined {
    this.#known.add(name);
    return this.#entries.get(name)?.value;
  }

  end(): void {
    for (const [name, {key}] of this.#entries) {
      if (this.#known.has(name)) continue;
      const near = closest(name, this.#known);
      const hint = near === undefined ? `known are ${[...this.#known].join(', ')}` : `did you mean ${near}?`;
      this.#mistakes.push(
        mistake('unknown-key', `expected a key of ${this.#what}, got '${name}'`, key.span, {hint}),
      );
    }
  }

  #read<T>(name: string, expected: string, as: (node: Node) => T | undefined): T | undefined {
    const node = this.node(name);
    if (node === undefined) return undefined;
    const value = as(node);
    if (value === undefined) {
      this.#mistakes.push(
        mistake('wrong-type', `expected ${expected} as ${name}, got ${describe(node)}`, node.span),
      );
    }
    return value;
  }
}

const textOf = (node: Node): string | undefined =>
  node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
