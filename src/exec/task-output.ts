// Where a stage's printing goes inside a worker: straight into the log file of the task, in the order of writing.
// What is printed while no task runs is dropped.

import {closeSync, openSync, writeSync} from 'node:fs';

type Write = typeof process.stdout.write;

export class TaskOutput {
  #path = '';
  #file: number | undefined;

  constructor() {
    for (const stream of [process.stdout, process.stderr]) {
      const write = (
        chunk: string | Uint8Array,
        encoding?: BufferEncoding | ((error?: Error | null) => void),
        callback?: (error?: Error | null) => void,
      ): boolean => {
        this.#append(
          typeof chunk === 'string' && typeof encoding === 'string' ? Buffer.from(chunk, encoding) : chunk,
        );
        const done = typeof encoding === 'function' ? encoding : callback;
        if (done !== undefined) queueMicrotask(() => done());
        return true;
      };
      stream.write = write as Write;
    }
  }

  begin(path: string): void {
    this.end();
    this.#path = path;
  }

  line(text: string): void {
    this.#append(text.endsWith('\n') ? text : `${text}\n`);
  }

  end(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#path = '';
  }

  #append(bytes: string | Uint8Array): void {
    if (this.#path === '') return;
    this.#file ??= openSync(this.#path, 'a');
    if (typeof bytes === 'string') writeSync(this.#file, bytes);
    else writeSync(this.#file, bytes);
  }
}
