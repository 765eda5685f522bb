// A process that measures when it is asked to, so that contestants take turns on a machine whose speed drifts.

import {type ChildProcess, spawn} from 'node:child_process';
import {createInterface, type Interface} from 'node:readline';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

export class Contestant {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  readonly #name: string;
  #errors = '';

  private constructor(name: string, {program, args}: Command) {
    this.#name = name;
    this.#child = spawn(program, args, {stdio: ['pipe', 'pipe', 'pipe']});
    if (this.#child.stdout === null) throw new RangeError('no output');
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-2000);
    });
    // A program that cannot be started ends its output without a line, and that is reported.
    this.#child.on('error', error => {
      this.#errors = error.message;
    });
    this.#child.stdin?.on('error', () => undefined);
    this.#reader = createInterface({input: this.#child.stdout});
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Starts it and waits until it has warmed up. */
  static async start(name: string, command: Command): Promise<Contestant> {
    const contestant = new Contestant(name, command);
    // TF.js advertises its native backend on the same stream.
    for (;;) if ((await contestant.#line()) === 'ready') return contestant;
  }

  async #line(): Promise<string> {
    const {value, done} = await this.#lines.next();
    if (done === true) throw new Error(`${this.#name} ended:\n${this.#errors}`);
    return value;
  }

  /** Milliseconds per step of one measurement. */
  async measure(): Promise<number> {
    this.#child.stdin?.write('go\n');
    const ms = Number(await this.#line());
    if (!Number.isFinite(ms)) throw new Error(`${this.#name} did not give a time`);
    return ms;
  }

  stop(): void {
    this.#child.stdin?.end();
    this.#reader.close();
    this.#child.kill();
  }
}

export const median = (list: readonly number[]): number => {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
};

/** The times of each contestant over `rounds` rounds, one measurement of each per round. */
export async function race(contestants: readonly Contestant[], rounds: number): Promise<number[][]> {
  const times = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, contestant] of contestants.entries()) times[i]?.push(await contestant.measure());
  return times;
}
