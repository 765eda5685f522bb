// A process of Python that reads sources and answers questions about its installation: started at the first question,
// kept for the next, gone with the runner. It imports nothing of the project.

import {type ChildProcess, spawn} from 'node:child_process';
import {join} from 'node:path';
import {type Json, parseJson} from '../core/json.ts';

/** An environment in which every Python of pipe starts alike: no user's startup file, no random hashes, no bytecode. */
export const analyserEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> => {
  const kept = [
    'PATH',
    'HOME',
    'LD_LIBRARY_PATH',
    'DYLD_LIBRARY_PATH',
    'PYENV_VERSION',
    'PYENV_ROOT',
    'SYSTEMROOT',
  ];
  const found = kept.flatMap(name => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(found),
    PYTHONHASHSEED: '0',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONIOENCODING: 'utf-8',
  };
};

export class Analyser {
  readonly #program: string;
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #waiting: Array<(answer: Json | undefined) => void> = [];
  #child: ChildProcess | undefined;
  #text = '';
  #said = '';

  /** `folder`: where pipe's own Python files are. */
  constructor(program: string, folder: string, env: Readonly<Record<string, string>>) {
    this.#program = program;
    this.#folder = folder;
    this.#env = env;
  }

  /** The answer, in the order of the questions. Throws when Python does not answer, with what it said instead. */
  async ask(question: Json): Promise<Json> {
    const child = this.#start();
    const answer = new Promise<Json | undefined>(resolve => this.#waiting.push(resolve));
    this.#hold(child, 'ref');
    child.stdin?.write(`${JSON.stringify(question)}\n`);
    const said = await answer;
    if (this.#waiting.length === 0) this.#hold(child, 'unref');
    if (said === undefined)
      throw new Error(`${this.#program} did not answer: ${this.#said.trim().slice(-2000)}`);
    return said;
  }

  #start(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    // -s: packages of the user are found by what the interpreter says of itself.
    const child = spawn(this.#program, [join(this.#folder, 'pipe_analyse.py')], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: this.#env,
    });
    this.#child = child;
    const gone = (): void => {
      this.#child = undefined;
      for (const resolve of this.#waiting.splice(0)) resolve(undefined);
    };
    child.once('error', error => {
      this.#said += String(error);
      gone();
    });
    child.once('close', gone);
    child.stdin?.on('error', () => {});
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    return child;
  }

  #read(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n'); end !== -1; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      this.#waiting.shift()?.(parseJson(line));
    }
  }

  /** A process that waits for questions keeps nobody from ending. */
  #hold(child: ChildProcess, how: 'ref' | 'unref'): void {
    child[how]();
    for (const stream of [child.stdin, child.stdout, child.stderr]) {
      if (stream !== null && how in stream) (stream as unknown as {ref(): void; unref(): void})[how]();
    }
  }
}
