// What ended a command, for people: their own mistakes drawn, bugs in two lines with the stack in a file.

import {mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type Diagnostic, mistake, renderDiagnostic} from '../core/diagnostic.ts';
import {hasCode} from '../host/system-error.ts';
import {plural} from '../report/format.ts';
import {paletteOf} from '../report/palette.ts';
import {describeStoreError, ioError} from '../store/store-error.ts';
import {EXIT, type ExitCode, MachineFailed, MissingResult, UserMistakes} from './exit.ts';
import type {Shell} from './shell.ts';

export async function reportError(error: unknown, shell: Shell): Promise<ExitCode> {
  if (error instanceof UserMistakes) {
    await drawDiagnostics(error.diagnostics, shell);
    return error instanceof MissingResult || error instanceof MachineFailed ? EXIT.failed : EXIT.mistake;
  }
  if (isCommanderError(error)) {
    // Help and version that were asked for end so, too.
    if (error.exitCode === 0) return EXIT.ok;
    await drawDiagnostics(
      [
        commandLineMistake(
          error,
          shell.argv.find(word => !word.startsWith('-')),
        ),
      ],
      shell,
    );
    return EXIT.mistake;
  }
  if (hasCode(error, ...MACHINE)) {
    await drawDiagnostics([mistake('machine', describeStoreError(ioError(error, shell.outside.cwd)))], shell);
    // Nothing that was written is wrong.
    return hasCode(error, ...FAILED) ? EXIT.failed : EXIT.mistake;
  }
  return reportBug(error, shell);
}

/** No mistake of anybody: the machine has too little of something, or is broken. */
const FAILED = ['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE', 'EIO'];

/** What the system refuses for reasons that only the user can mend. */
const MACHINE = [...FAILED, 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENXIO'];

/** Of more nobody reads all, and the first ones tell what is wrong with the file. */
const MOST_DRAWN = 100;

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
  const drawn = diagnostics
    .slice(0, MOST_DRAWN)
    .map(diagnostic => renderDiagnostic(diagnostic, palette.diagnostic));
  const left = diagnostics.length - drawn.length;
  if (left > 0) drawn.push(palette.dim(`and ${left.toLocaleString('en')} more`));
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

function commandLineMistake({code, message}: CommanderProblem, command: string | undefined): Diagnostic {
  const [said = '', suggestion = ''] = message.replace(/^error: /, '').split('\n');
  const near = /Did you mean (.*)\?/.exec(suggestion)?.[1];
  const isKnown = command !== undefined && code !== 'commander.unknownCommand';
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : isKnown
        ? `\`pipe ${command} --help\` lists its options, with examples`
        : '`pipe help` lists all commands';
  return mistake(
    code.replace('commander.', 'command-line-').replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`),
    reword(said),
    undefined,
    {hint},
  );
}

/** What commander says, in the form of all other messages: expected X, got Y. */
function reword(said: string): string {
  const invalid = /^option '(?:-\w, )?(--[\w-]+)[^']*' argument '(.*)' is invalid\. (.*)$/.exec(said);
  if (invalid !== null) {
    const [, option = '', value = '', reason = ''] = invalid;
    const choices = /^Allowed choices are (.*)\.$/.exec(reason)?.[1];
    const expected =
      choices === undefined ? reason.replace(/\.$/, '') : `expected one of ${choices}, got '${value}'`;
    return `${option}: ${expected}`;
  }
  const argument =
    /^command-argument value '(.*)' is invalid for argument '(.*)'\. Allowed choices are (.*)\.$/.exec(said);
  if (argument !== null) return `${argument[2]}: expected one of ${argument[3]}, got '${argument[1]}'`;
  const missing = /^option '(?:-\w, )?(--[\w-]+) (<.*>)' argument missing$/.exec(said);
  if (missing !== null) return `${missing[1]}: expected ${missing[2]}, got nothing`;
  const conflict =
    /^option '(?:-\w, )?(--[\w-]+)[^']*' cannot be used with option '(?:-\w, )?(--[\w-]+)/.exec(said);
  if (conflict !== null) return `expected one of ${conflict[1]} and ${conflict[2]}, got both`;
  return said;
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
