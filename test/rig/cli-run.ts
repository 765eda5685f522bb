// What a run said with `--json`: its events, and what they say of instances.

import type {RunEvent} from '../../src/run/event.ts';

export class CliRun {
  readonly events: readonly RunEvent[];

  constructor(events: readonly RunEvent[]) {
    this.events = events;
  }

  /** Ids of what was executed, sorted. */
  get ran(): string[] {
    return this.#ended('executed');
  }

  get cached(): string[] {
    return this.#ended('cached');
  }

  /** `instance.output` → digest, and `instance` → metrics. */
  digests(): Record<string, string> {
    const digests: Record<string, string> = {};
    for (const event of this.events) {
      if (event.type !== 'finished' || !('result' in event.outcome)) continue;
      const {outputs, metrics} = event.outcome.result;
      for (const [name, {digest}] of Object.entries(outputs)) digests[`${event.id}.${name}`] = digest;
      digests[event.id] = JSON.stringify(metrics);
    }
    return digests;
  }

  #ended(status: string): string[] {
    return this.events
      .flatMap(event => (event.type === 'finished' && event.outcome.status === status ? [event.id] : []))
      .sort();
  }
}

export const eventsOf = (stdout: string): RunEvent[] =>
  stdout
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as RunEvent);
