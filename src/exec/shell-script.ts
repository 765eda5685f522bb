// The text that runs one shell task: its variables, its folder, its command. Values are quoted, never spliced:
// nothing in a parameter can become a command.

import type {Json} from '../core/json.ts';
import {lineBuffering} from './line-buffering.ts';
import type {Task} from './task.ts';

/** Variables that the shell itself gives a meaning to, or that `pipe` sets: a parameter so called is `param_NAME`. */
const RESERVED = new Set(
  `BASH BASHOPTS BASHPID BASH_ENV CDPATH DIRSTACK ENV EUID FUNCNAME GROUPS HISTCMD HOME HOSTNAME IFS LANG LD_LIBRARY_PATH
  LD_PRELOAD LINENO OLDPWD OPTARG OPTIND PATH PIPESTATUS POSIXLY_CORRECT PPID PS4 PWD RANDOM SECONDS SHELL SHELLOPTS SHLVL
  TMPDIR UID _ checkpoint cpus gpus metrics mirror out`.split(/\s+/),
);

/** In single quotes, so that a shell takes it as it is. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A name that a shell takes for a variable: other characters become `_`, a digit in front gets one. */
export const variableName = (name: string): string =>
  name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9]|$)/, '_');

/** The environment of a shell task: declared variables, parameters, then what `pipe` itself says. */
export function shellVariables(task: Task): Map<string, string> {
  const variables = new Map(Object.entries(task.env));
  for (const [name, value] of Object.entries(task.params)) {
    const safe = variableName(name);
    const isReserved = RESERVED.has(safe) || /^(in|out)_/.test(safe) || safe.startsWith('BASH_');
    variables.set(isReserved ? `param_${safe}` : safe, textOf(value));
  }
  for (const [name, input] of Object.entries(task.inputs)) {
    variables.set(`in_${variableName(name)}`, input.kind === 'one' ? input.input.path : input.path);
  }
  variables.set('out', task.outputFolder);
  for (const [name, output] of Object.entries(task.outputs)) {
    variables.set(`out_${variableName(name)}`, output.path);
  }
  variables.set('metrics', task.metricsFile);
  variables.set('cpus', String(task.cpus));
  variables.set('checkpoint', task.checkpoint ?? '');
  variables.set('mirror', task.mirror ?? '');
  variables.set('gpus', task.gpus.join(','));
  variables.set('CUDA_VISIBLE_DEVICES', task.gpus.join(','));
  return variables;
}

/**
 * One command for a shell server: runs the task in a subshell, which is a process group of its own. `before`: what stands
 * in front of a program, such as a tracer; the command then runs in a shell under it.
 */
export function shellScript(task: Task, shell: string, before: readonly string[]): string {
  if (task.work.kind !== 'shell') throw new Error('Internal error: expected a shell command');
  const variables = [...Object.entries(lineBuffering()), ...shellVariables(task)];
  const assignments = variables.map(([name, value]) => `${name}=${quote(value)}`);
  const command = `set -e -u -o pipefail; eval ${quote(task.work.command)}`;
  const words = [...before, shell, '--noprofile', '--norc', '-c', command];
  return (
    `( export ${assignments.join(' ')}; cd ${quote(task.cwd)} || exit; ` +
    `${before.length === 0 ? command : `exec ${words.map(quote).join(' ')}`} ) ` +
    `</dev/null >>${quote(task.logFile)} 2>&1 & __pipe_wait\n`
  );
}

/** Scalars as they are, `null` as nothing, lists and objects as JSON. */
function textOf(value: Json): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
