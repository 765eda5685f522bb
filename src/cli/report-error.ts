// What ended a command, for people: their own mistakes drawn, bugs in two lines with the stack in a file.

import {mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type Diagnostic, mistake, renderDiagnostic} from '../core/diagnostic.ts';
import {plural} from '../report/format.ts';
import {paletteOf} from '../report/palette.ts';
import {EXIT, type ExitCode, UserMistakes} from './exit.ts';
import type {Shell} from './program.ts';

export async function reportError(error: unknown, shell: Shell): Promise<ExitCode> {
  if (error instanceof UserMistakes) {
    await drawDiagnostics(error.diagnostics, shell);
    return EXIT.mistake;
  }
  if (isCommanderError(error)) {
    // Help and version that were asked for end so, too.
    if (error.exitCode === 0) return EXIT.ok;
    await drawDiagnostics([commandLineMistake(error)], shell);
    return EXIT.mistake;
  }
  return reportBug(error, shell);
}

/** All mistakes at once: drawn on standard error, or with `--json` as one event on standard output. */
export async function drawDiagnostics(diagnostics: readonly Diagnostic[], shell: Shell): Promise<void> {
  const {stdout, stderr, clock} = shell.outside;
  if (shell.argv.includes('--json')) {
    const {toWire} = await import('../report/wire.ts');
    const event = {type: 'diagnosed', at: clock.now(), diagnostics} as const;
    stdout.screen.write(`${JSON.stringify(toWire(event))}\n`);
    return;
  }
  const palette = paletteOf(stderr.colors);
  const drawn = diagnostics.map(diagnostic => renderDiagnostic(diagnostic, palette.diagnostic));
  const errors = diagnostics.filter(({severity}) => severity === 'error').length;
  if (errors > 1) drawn.push(`${palette.failed('✗')} ${plural(errors, 'mistake')} to mend`);
  stderr.screen.write(`${drawn.join('\n\n')}\n`);
}

interface CommanderProblem {
  readonly code: string;
  readonly exitCode: number;
  readonly message: string;
}

const isCommanderError = (error: unknown): error is CommanderProblem & Error =>
  error instanceof Error &&
  'exitCode' in error &&
  'code' in error &&
  String(error.code).startsWith('commander.');

function commandLineMistake({code, message}: CommanderProblem): Diagnostic {
  const [said = '', suggestion = ''] = message.replace(/^error: /, '').split('\n');
  const near = /Did you mean (.*)\?/.exec(suggestion)?.[1];
  const hint =
    near === undefined
      ? '`pipe help` lists all commands, `pipe COMMAND --help` all options'
      : `did you mean ${near}?`;
  return mistake(
    code.replace('commander.', 'command-line-').replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`),
    said,
    undefined,
    {hint},
  );
}

function reportBug(error: unknown, {outside, version, argv}: Shell): ExitCode {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const message = error instanceof Error ? error.message : String(error);
  const palette = paletteOf(outside.stderr.colors);
  const lines = [`${palette.failed('✗ a bug of pipe:')} ${message}`];
  if (outside.env.PIPE_DEBUG !== undefined && outside.env.PIPE_DEBUG !== '') {
    lines.push(stack);
  } else {
    const file = join(mkdtempSync(join(tmpdir(), 'pipe-crash-')), 'crash.txt');
    const facts = [
      `pipe ${version}, node ${process.version}, ${process.platform} ${process.arch}`,
      `pipe ${argv.join(' ')}`,
      stack,
    ];
    writeFileSync(file, `${facts.join('\n')}\n`);
    lines.push(
      palette.dim(`  the details are in ${file}; please report them (PIPE_DEBUG=1 prints them here)`),
    );
  }
  outside.stderr.screen.write(`${lines.join('\n')}\n`);
  return EXIT.bug;
}
