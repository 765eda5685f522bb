// What a person would see: a headless terminal that takes the bytes a program writes and gives the lines on screen.

import xterm from '@xterm/headless';

export class ScreenReader {
  readonly #terminal: InstanceType<typeof xterm.Terminal>;

  constructor(columns: number, rows: number) {
    this.#terminal = new xterm.Terminal({cols: columns, rows, allowProposedApi: true, scrollback: 1000});
  }

  write(text: string): Promise<void> {
    return new Promise(resolve => this.#terminal.write(text, resolve));
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
  }

  /** Every line from the first in the scroll-back to the last that holds anything, without trailing spaces. */
  lines(): string[] {
    const {active} = this.#terminal.buffer;
    const lines = Array.from(
      {length: active.length},
      (_, index) => active.getLine(index)?.translateToString(true) ?? '',
    );
    while (lines.length > 0 && lines.at(-1) === '') lines.pop();
    return lines;
  }

  isCursorHidden(): boolean {
    return isHidden(this.#terminal);
  }
}

/** Not in the public interface of the terminal; a test for the cursor has no other way. */
function isHidden(terminal: object): boolean {
  const core: unknown = Reflect.get(terminal, '_core');
  const service: unknown =
    typeof core === 'object' && core !== null ? Reflect.get(core, 'coreService') : undefined;
  if (typeof service !== 'object' || service === null) throw new Error('the terminal has no core service');
  return Reflect.get(service, 'isCursorHidden') === true;
}
