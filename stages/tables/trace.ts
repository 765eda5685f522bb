// The trace of a study's tables: the sources of their cells, by file, line and column.

import {createHash} from 'node:crypto';
import type {Origin, Study} from '../../src/stage/define.ts';
import type {Trace} from '../../src/stage/trace.ts';
import type {CellSource, SourceRun} from './table.ts';

/** A file with the sources of its lines, which count from 1. */
export interface TracedFile {
  readonly name: string;
  readonly text: string;
  readonly lines: ReadonlyMap<number, readonly (CellSource | null)[]>;
}

export function traceOf(
  files: readonly TracedFile[],
  summary: Origin | undefined,
  study: Study | undefined,
): Trace {
  const writer = new Writer();
  const written = files.map(({name, text, lines}): [string, Trace['files'][string]] => [
    name,
    {
      digest: createHash('sha256').update(text).digest('hex'),
      lines: Object.fromEntries(
        [...lines].map(([line, sources]) => [String(line), sources.map(source => writer.numberOf(source))]),
      ),
    },
  ]);
  return {
    format: 'pipe-trace-1',
    summary: summary ?? null,
    study:
      study === undefined ? null : {profile: study.profile, changed: study.changed.map(each => ({...each}))},
    instances: writer.instances,
    numbers: writer.numbers,
    files: Object.fromEntries(written),
  };
}

class Writer {
  readonly instances: Trace['instances'] = [];
  readonly numbers: Trace['numbers'] = [];
  readonly #places = new Map<string, number>();

  /** The place of a number; `null` for a cell without one, and for one whose runs are of unknown origin. */
  numberOf(source: CellSource | null): number | null {
    if (source === null) return null;
    const {metric, statistic} = source;
    const [of, against] = [this.#all(source.of, metric), this.#all(source.against, metric)];
    if (of.length === 0) return null;
    const number = {metric, statistic, of, against};
    return this.#placeOf(JSON.stringify(number), () => this.numbers.push(number));
  }

  #all(runs: readonly SourceRun[], metric: string): number[] {
    return runs.flatMap(({origin, value}) => {
      if (origin === null) return [];
      const {instance, fingerprint} = origin;
      const place = this.#placeOf(`${instance} ${fingerprint}`, () =>
        this.instances.push({instance, fingerprint, values: {}}),
      );
      const entry = this.instances[place];
      if (entry !== undefined && value !== null) entry.values[metric] = value;
      return [place];
    });
  }

  #placeOf(key: string, add: () => number): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = add() - 1;
    this.#places.set(key, place);
    return place;
  }
}
