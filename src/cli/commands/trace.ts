// `pipe trace FILE:LINE[:COLUMN]`: where the numbers of a published table come from, read from the trace beside it.

import {readFileSync, statSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {digestBytes} from '../../core/digest.ts';
import {namesIn} from '../../host/atomic-file.ts';
import {quoteArgument} from '../../report/failure.ts';
import {paletteOf} from '../../report/palette.ts';
import {parseTrace, TRACE_SUFFIX, type Trace} from '../../stage/trace.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {findProject} from '../project.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';
import {cellsOf} from '../trace/cells.ts';
import {drawLine, type TracedLine, tracedJson} from '../trace/line-text.ts';
import {lookUpSources} from '../trace/sources.ts';
import {fromCwd, openWorkspace} from '../workspace.ts';

export async function trace(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const [place, ...rest] = args;
  if (place === undefined || rest.length > 0)
    refuse(
      'no-place',
      'expected one place in a published file',
      'such as: pipe trace results/quickstart/table.md:5',
    );
  const {shown, line, column} = placeOf(place);
  const path = fromCwd(shell, shown);
  if (statSync(path, {throwIfNoEntry: false})?.isFile() !== true)
    refuse('no-such-file', `expected a published file, but there is no ${shown}`);
  const text = readFileSync(path, 'utf8');
  const found = traceBeside(path, shown);
  const name = basename(path);
  const {outside} = shell;
  if (found.files[name]?.digest !== digestBytes(text)) {
    const palette = paletteOf(outside.stderr.colors);
    const warning = `${shown} is not as it was written: it was edited, and its lines may be others`;
    outside.stderr.screen.write(`${palette.warning('!')} ${warning}\n`);
  }
  if (line === null) return listLines(shell, found, name, shown);
  const traced = lineOf(found, text, {name, shown, line, column});
  const workspace = await openWorkspace(shell, findProject(dirname(path)));
  const sources = await lookUpSources(workspace, found, traced.numbers);
  await workspace.results.close();
  if (options.json) printJson(outside, tracedJson(traced, sources));
  else print(outside, drawLine(traced, sources, paletteOf(outside.stdout.colors)));
  return EXIT.ok;
}

interface Place {
  readonly shown: string;
  readonly line: number | null;
  /** From 1. */
  readonly column: number | null;
}

function placeOf(text: string): Place {
  const match = /^(.+?)(?::(\d+)(?::(\d+))?)?$/.exec(text);
  const [, shown = text, line, column] = match ?? [];
  return {
    shown,
    line: line === undefined ? null : Number(line),
    column: column === undefined ? null : Number(column),
  };
}

/** The trace that speaks of this file. */
function traceBeside(path: string, shown: string): Trace {
  const folder = dirname(path);
  for (const name of namesIn(folder).filter(each => each.endsWith(TRACE_SUFFIX))) {
    const found = parseTrace(readFileSync(join(folder, name), 'utf8'));
    if (found !== undefined && Object.hasOwn(found.files, basename(path))) return found;
  }
  return refuse(
    'no-trace',
    `expected a file NAME${TRACE_SUFFIX} beside ${shown} that says where its numbers come from, found none`,
    'the stage tabulate writes one; publish all of its outputs to one folder',
  );
}

function listLines({outside}: Shell, {files}: Trace, name: string, shown: string): ExitCode {
  const lines = Object.entries(files[name]?.lines ?? {}).filter(([, columns]) =>
    columns.some(each => each !== null),
  );
  const palette = paletteOf(outside.stdout.colors);
  print(outside, [
    `${palette.name(shown)}: numbers in the lines ${lines.map(([line]) => line).join(', ')}`,
    palette.dim(
      `pipe trace ${quoteArgument(`${shown}:${lines[0]?.[0] ?? 1}`)} says where those of a line come from`,
    ),
  ]);
  return EXIT.ok;
}

function lineOf(
  {files, numbers}: Trace,
  text: string,
  {name, shown, line, column}: Place & {readonly name: string; readonly line: number},
): TracedLine {
  const places = files[name]?.lines[String(line)] ?? [];
  const cells = cellsOf(name, text, line);
  const found = places.flatMap((place, at) => {
    const number = place === null ? undefined : numbers[place];
    const isAsked = column === null || column === at + 1;
    return number === undefined || !isAsked ? [] : [{column: at + 1, shown: cells[at] ?? '', number}];
  });
  if (found.length > 0) return {place: `${shown}:${line}`, cells, numbers: found};
  const lines = Object.keys(files[name]?.lines ?? {}).join(', ');
  const columns = places.flatMap((place, at) => (place === null ? [] : [at + 1])).join(', ');
  return refuse(
    'no-number',
    column === null || columns === ''
      ? `expected a line of ${shown} with numbers of the study, got ${line}`
      : `expected a column of line ${line} with a number of the study, got ${column}`,
    column === null || columns === '' ? `those are ${lines}` : `those are ${columns}`,
  );
}
