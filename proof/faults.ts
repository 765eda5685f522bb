// Sweeps faults over the durable calls of every command, by a seed and within a time, or all of them.

import {FaultSweep} from './fault-sweep.ts';
import {Place} from './place.ts';
import type {Fault} from './preload.ts';
import {randomOf, shuffled} from './random.ts';
import {SCENARIOS} from './scenario.ts';

export interface FaultChoice {
  readonly library: string;
  readonly seed: number;
  /** By name; all where there are none. */
  readonly scenarios: readonly string[];
  /** Which faults; all where there are none. */
  readonly hows: readonly string[];
  /** No new fault after so many milliseconds; `Infinity` for all of them. */
  readonly forMs: number;
  /** Of each command, at most. */
  readonly atMost: number;
}

export interface FaultReport {
  readonly scenario: string;
  readonly calls: number;
  readonly possible: number;
  readonly tried: number;
  readonly failures: ReadonlyArray<{readonly fault: string; readonly wrong: readonly string[]}>;
}

export const nameOf = ({at, how, isHeld}: Fault): string => `${at}:${how}${isHeld ? ':held' : ''}`;

/** `onEach` is told of each fault that was tried. */
export async function sweepFaults(
  choice: FaultChoice,
  onEach: (scenario: string, fault: Fault, wrong: readonly string[]) => void = () => {},
): Promise<readonly FaultReport[]> {
  const reports: FaultReport[] = [];
  const wanted = SCENARIOS.filter(
    ({name}) => choice.scenarios.length === 0 || choice.scenarios.includes(name),
  );
  const begun = performance.now();
  for (const [index, scenario] of wanted.entries()) {
    using place = new Place(choice.library);
    const sweep = await FaultSweep.open(scenario, place);
    const all = sweep.faults().filter(({how}) => choice.hows.length === 0 || choice.hows.includes(how));
    const chosen = shuffled(all, randomOf(choice.seed + index)).slice(0, choice.atMost);
    const failures: Array<{fault: string; wrong: readonly string[]}> = [];
    // Each command gets its share of what is left of the time.
    const until = performance.now() + (choice.forMs - (performance.now() - begun)) / (wanted.length - index);
    let tried = 0;
    for (const fault of chosen) {
      if (performance.now() > until) break;
      const wrong = await sweep.try(fault);
      tried++;
      onEach(scenario.name, fault, wrong);
      if (wrong.length > 0) failures.push({fault: nameOf(fault), wrong});
    }
    reports.push({
      scenario: scenario.name,
      calls: sweep.calls.at(-1)?.number ?? 0,
      possible: all.length,
      tried,
      failures,
    });
  }
  return reports;
}
