// A failure of a stage in words: one sentence for a line, and a block with the log's tail for the end of a run.

import type {StageFailure} from '../action/outcome.ts';
import {assertNever} from '../core/result.ts';
import {formatDuration} from './format.ts';
import type {Palette} from './palette.ts';
import type {Failed} from './run-state.ts';

/** What went wrong, in one sentence without a full stop. */
export function describeFailure(failure: StageFailure): string {
  switch (failure.reason) {
    case 'mistake':
    case 'threw':
    case 'lost':
    case 'store':
      return failure.message;
    case 'exited':
      return failure.signal === null
        ? `exited with code ${failure.code ?? 'unknown'}`
        : `killed by ${failure.signal}${failure.signal === 'SIGKILL' ? ' (out of memory?)' : ''}`;
    case 'timed-out':
      return `stopped after its timeout of ${formatDuration(failure.afterMs)}`;
    case 'unfinished':
      return `ended before its work did: ${failure.left.join(', ')} still under way`;
    case 'missing-output':
      return `ended well but did not write its output \`${failure.output}\` (expected at ${failure.path})`;
    case 'wrong-output':
      return `output \`${failure.output}\`: ${failure.message}`;
    case 'changed-input':
      return `the stage changed its input ${failure.path}, so its result cannot be trusted`;
    default:
      return assertNever(failure);
  }
}

/** What the user can do about it, where the failure itself says so. */
function hintOf(failure: StageFailure): string | null {
  if (failure.reason === 'unfinished') return 'await everything that writes files, and end what was started';
  return failure.reason === 'mistake' ? failure.hint : null;
}

/** How many frames of a stack are worth showing before the log's tail. */
const STACK_LINES = 6;

/** The frames nearest to what went wrong: the first of JavaScript's, the last of Python's, whose causes stay. */
function framesOf(stack: string, headline: string): readonly string[] {
  const all = stack.split('\n');
  if (!/^Traceback /m.test(stack)) {
    const frames = all.filter(line => line.trimStart().startsWith('at '));
    return frames.slice(0, STACK_LINES).map(line => line.trim());
  }
  const isSaid = (line: string): boolean =>
    line === '' || line === headline || /^Traceback |^\s*[\^~]+$/.test(line);
  return all
    .filter(line => !isSaid(line))
    .map(line => line.replace(/^ {2}/, ''))
    .slice(-3 * STACK_LINES);
}

/** The block at the end of a run: what failed, why, the tail of its log, and where to read on. */
export function renderFailure(failed: Failed, tookMs: number | undefined, palette: Palette): string[] {
  const took = tookMs === undefined ? '' : palette.dim(` after ${formatDuration(tookMs)}`);
  const tries = failed.attempts > 1 ? palette.dim(`, ${failed.attempts} attempts`) : '';
  const bar = palette.failed('│');
  const {failure} = failed;
  const [headline = '', ...detail] = describeFailure(failure).split('\n');
  const lines = [
    `${palette.failed('✗')} ${palette.name(failed.id)} ${palette.failed('failed')}${took}${tries}`,
    `  ${bar} ${palette.strong(headline)}`,
    ...detail.map(line => `  ${bar} ${line}`),
  ];
  const hint = hintOf(failure) ?? failed.advice;
  if (hint !== null) lines.push(...hint.split('\n').map(line => `  ${bar} ${palette.dim('help:')} ${line}`));
  if (failure.reason === 'threw') {
    lines.push(...framesOf(failure.stack, headline).map(line => `  ${bar}   ${palette.dim(line)}`));
  }
  const tail = failed.logTail.filter(line => line.trim() !== '');
  if (tail.length > 0) {
    lines.push(
      `  ${bar} ${palette.dim('the end of its log:')}`,
      ...tail.map(line => `  ${bar}   ${line}`),
      `  ${palette.dim(`whole log: pipe log ${quoteArgument(failed.id)}`)}`,
    );
  }
  return lines;
}

/** Quotes what a shell would take apart, such as the brackets of an instance's id. */
export const quoteArgument = (text: string): string =>
  /^[A-Za-z0-9_./:=,@+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
