// Which values of a parameter have results, for actions that are equal in all else: where a longer result can go on from,
// without asking the index for each value that there could be. It only points: whoever follows it asks the index, and a
// line that is lost costs a look at fewer values.

import {join} from 'node:path';
import type {Fingerprint} from '../../action/action.ts';
import {Journal} from '../../host/journal.ts';
import {isSystemError} from '../../host/system-error.ts';

export class KnownValues {
  readonly #journal: Journal;
  #values: Map<string, number[]> | undefined;

  /** `store`: the store's folder. */
  constructor(store: string) {
    this.#journal = new Journal(join(store, 'values.journal'));
  }

  /** Values below `limit`, from the largest down. `family`: the fingerprint of the action without the value. */
  below(family: Fingerprint, limit: number): readonly number[] {
    const values = this.#load().get(family) ?? [];
    return values.filter(value => value < limit).sort((a, b) => b - a);
  }

  /** Remembers a value for as long as this process lives. */
  meet(family: Fingerprint, value: number): void {
    const known = this.#load();
    const values = known.get(family);
    if (values === undefined) known.set(family, [value]);
    else if (!values.includes(value)) values.push(value);
  }

  /** Remembers a value that has a result here. A disk that does not take it costs no result. */
  keep(family: Fingerprint, value: number): void {
    this.meet(family, value);
    try {
      this.#journal.set(`${family} ${value}`, '');
      this.#journal.save();
    } catch (error) {
      if (!isSystemError(error)) throw error;
    }
  }

  #load(): Map<string, number[]> {
    if (this.#values !== undefined) return this.#values;
    const values = new Map<string, number[]>();
    for (const [key] of this.#journal.entries()) {
      const [family = '', text = ''] = key.split(' ');
      const value = Number(text);
      if (!Number.isInteger(value)) continue;
      const known = values.get(family);
      if (known === undefined) values.set(family, [value]);
      else known.push(value);
    }
    this.#values = values;
    return values;
  }
}
