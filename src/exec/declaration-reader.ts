// Asks stage modules what they declare, in a process of its own: with a time limit, without the user's environment, and
// without a word of what they print. A module that ends or hangs the process costs an answer and no more.

import {type ChildProcess, spawn} from 'node:child_process';
import type {JsonObject} from '../core/json.ts';
import {err, type Result} from '../core/result.ts';
import type {DeclarationData} from '../stage/declaration.ts';
import {
  type CheckedParameters,
  type DeclarationAnswer,
  type DeclarationQuestion,
  isAnswer,
  type LoadFailure,
} from './declaration-protocol.ts';
import {entryBeside, nodeProgram} from './node-program.ts';
import {killGroup} from './process-group.ts';

export interface DeclarationReaderOptions {
  /** Where modules are loaded: the project. */
  readonly cwd: string;
  /** The environment of the command line; only what finds programs is handed on. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path of the process's entry; the one beside this module by default. */
  readonly entry?: string;
  /** How long a module may take to load, in milliseconds; 10,000 by default. */
  readonly limitMs?: number;
}

export class DeclarationReader {
  readonly #options: DeclarationReaderOptions;
  #child: ChildProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: DeclarationReaderOptions) {
    this.#options = options;
  }

  /** `entry`: absolute path of the bundle. */
  async declare(entry: string): Promise<Result<DeclarationData, LoadFailure>> {
    const answer = await this.#ask({type: 'declare', entry});
    if (answer.ok && answer.value.type === 'declared') return answer.value.result;
    return answer.ok ? err({reason: 'unsettled'}) : answer;
  }

  async check(
    entry: string,
    params: readonly JsonObject[],
  ): Promise<Result<readonly CheckedParameters[], LoadFailure>> {
    const answer = await this.#ask({type: 'check', entry, params});
    if (answer.ok && answer.value.type === 'checked') return answer.value.result;
    return answer.ok ? err({reason: 'unsettled'}) : answer;
  }

  /** One question after the other, so that it is known whose fault an end is. */
  #ask(question: DeclarationQuestion): Promise<Result<DeclarationAnswer, LoadFailure>> {
    const answer = this.#last.then(() => this.#askNow(question));
    this.#last = answer;
    return answer;
  }

  async #askNow(question: DeclarationQuestion): Promise<Result<DeclarationAnswer, LoadFailure>> {
    const child = (this.#child ??= this.#start());
    hold(child, 'ref');
    const limitMs = this.#options.limitMs ?? 10_000;
    let stopWaiting = (): void => {};
    const answer = await new Promise<Result<DeclarationAnswer, LoadFailure>>(resolve => {
      const onMessage = (message: unknown): void => {
        if (isAnswer(message)) resolve({ok: true, value: message});
      };
      const onExit = (code: number | null, signal: string | null): void =>
        resolve(err({reason: 'exited', code, signal}));
      const onError = (): void => onExit(null, null);
      const timer = setTimeout(() => resolve(err({reason: 'timed-out', afterMs: limitMs})), limitMs);
      child.on('message', onMessage).once('exit', onExit).once('error', onError);
      child.send(question, () => {});
      stopWaiting = () => {
        clearTimeout(timer);
        child.off('message', onMessage).off('exit', onExit).off('error', onError);
      };
    });
    stopWaiting();
    const isWell = answer.ok && (answer.value.result.ok || answer.value.result.error.reason === 'unfit');
    if (isWell) hold(child, 'unref');
    else await this.#end(child);
    return answer;
  }

  #start(): ChildProcess {
    const [program, ...args] = nodeProgram(this.#options.entry ?? entryBeside('declaration-worker'));
    const {PATH, TMPDIR} = this.#options.env;
    return spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'json',
      cwd: this.#options.cwd,
      env: {
        TZ: 'UTC',
        LANG: 'C.UTF-8',
        ...(PATH !== undefined && {PATH}),
        ...(TMPDIR !== undefined && {TMPDIR}),
      },
    }).on('error', () => {});
  }

  async #end(child: ChildProcess): Promise<void> {
    this.#child = undefined;
    if (child.pid !== undefined) await killGroup(child.pid);
    hold(child, 'unref');
  }
}

/** Lets the command line end while nothing is asked: the process ends itself then. */
function hold(child: ChildProcess, how: 'ref' | 'unref'): void {
  child[how]();
  child.channel?.[how]();
}
