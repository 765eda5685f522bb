// Several pipelines in one command: files, or folders that hold some. One after the other; a mistake in one leaves the
// others alone.

import {readdirSync, statSync} from 'node:fs';
import {join, relative, resolve} from 'node:path';
import {byCodeUnit} from '../core/json.ts';
import {plural} from '../report/format.ts';
import {EXIT, type ExitCode, refuse} from './exit.ts';
import {isFile, isYaml} from './project.ts';
import {reportError} from './report-error.ts';
import type {Invocation, Options, Shell} from './shell.ts';

/** The YAML files that lead the arguments, folders taken apart, as paths from `cwd`; and what follows them. */
export function leadingPipelines(
  args: readonly string[],
  cwd: string,
): {readonly files: readonly string[]; readonly rest: readonly string[]} {
  const files: string[] = [];
  for (const [index, arg] of args.entries()) {
    const found = filesMeantBy(resolve(cwd, arg));
    if (found.length === 0) return {files, rest: args.slice(index)};
    files.push(...found.map(path => relative(cwd, path)));
  }
  return {files: [...new Set(files)], rest: []};
}

function filesMeantBy(path: string): readonly string[] {
  if (isFile(path)) return isYaml(path) ? [path] : [];
  if (statSync(path, {throwIfNoEntry: false})?.isDirectory() !== true) return [];
  return readdirSync(path)
    .filter(isYaml)
    .sort(byCodeUnit)
    .map(name => join(path, name));
}

/**
 * Runs a command on each pipeline that the arguments name, where they are several or a folder; `undefined` for one
 * pipeline, which is the command's own business.
 */
export async function onEach(
  shell: Shell,
  {args, options}: Invocation,
  command: (invocation: Invocation) => Promise<ExitCode>,
): Promise<ExitCode | undefined> {
  const {files, rest} = leadingPipelines(args, shell.outside.cwd);
  const [only] = files;
  if (only === undefined) return undefined;
  if (files.length === 1) return args[0] === only ? undefined : command({args: [only, ...rest], options});
  refuseForSeveral(files, rest, options);
  let code: ExitCode = EXIT.ok;
  for (const file of files) {
    if (!options.json) shell.outside.stderr.screen.write(`${file}:\n`);
    const ended = await command({args: [file], options}).catch((error: unknown) => reportError(error, shell));
    if (ended === EXIT.interrupted || ended === EXIT.bug) return ended;
    if (ended !== EXIT.ok && (code === EXIT.ok || code === EXIT.work)) code = ended;
    if (options.failFast && code !== EXIT.ok) return code;
  }
  return code;
}

function refuseForSeveral(files: readonly string[], rest: readonly string[], options: Options): void {
  const named = rest[0] ?? options.only?.[0] ?? options.from?.[0] ?? options.until?.[0];
  const what = options.watch ? '--watch' : options.detach ? '--detach' : named;
  if (what === undefined) return;
  const message = `expected one pipeline with ${what}, got ${plural(files.length, 'pipeline')}`;
  refuse('several-pipelines', message, `name one of ${files.join(', ')}`);
}
