// Samples power cuts over every command that writes what has to last, by a seed.

import {Place} from './place.ts';
import {PowerCuts} from './power-cut.ts';
import {SCENARIOS} from './scenario.ts';

export interface PowerChoice {
  readonly library: string;
  readonly seed: number;
  readonly scenarios: readonly string[];
  readonly forMs: number;
  /** Of each command, at most; where neither this nor the time is bounded, `WHOLE`. */
  readonly atMost: number;
}

export interface PowerReport {
  readonly scenario: string;
  readonly calls: number;
  readonly tried: number;
  readonly failures: ReadonlyArray<{readonly seed: number; readonly wrong: readonly string[]}>;
}

/** What the whole proof tries of each command: of the states that are allowed there is no end. */
const WHOLE = 500;
const COMMANDS = new Set(['first', 'edit', 'publish', 'gc', 'get']);

/** The i-th cut of a command has the seed `seed + i`. */
export async function sweepPowerCuts(
  choice: PowerChoice,
  onEach: (scenario: string, seed: number, wrong: readonly string[]) => void = () => {},
): Promise<readonly PowerReport[]> {
  const reports: PowerReport[] = [];
  const wanted = SCENARIOS.filter(({name}) =>
    choice.scenarios.length === 0 ? COMMANDS.has(name) : choice.scenarios.includes(name),
  );
  const begun = performance.now();
  for (const [index, scenario] of wanted.entries()) {
    using place = new Place(choice.library);
    const cuts = await PowerCuts.open(scenario, place);
    const failures: Array<{seed: number; wrong: readonly string[]}> = [];
    const until = performance.now() + (choice.forMs - (performance.now() - begun)) / (wanted.length - index);
    let tried = 0;
    for (; tried < Math.min(choice.atMost, WHOLE) && performance.now() <= until; tried++) {
      const seed = choice.seed + tried;
      const wrong = await cuts.try(seed);
      onEach(scenario.name, seed, wrong);
      if (wrong.length > 0) failures.push({seed, wrong});
    }
    reports.push({scenario: scenario.name, calls: cuts.calls, tried, failures});
  }
  return reports;
}
