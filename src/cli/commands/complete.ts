// `pipe __complete SHELL WORDBREAKS LINE`: the candidates for the word under the cursor, one per line. Called at each
// press of a key, so it says nothing where something is wrong, and never fails.

import {readdirSync, readFileSync, statSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {cutAtWordBreak, parseTyped} from '../command-line.ts';
import {EXIT, type ExitCode} from '../exit.ts';
import {lastPipeline, openPipeline, type Pipeline} from '../pipeline.ts';
import {buildProgram} from '../program.ts';
import {choosePipeline, findProject, listPipelines, shortPipelineName} from '../project.ts';
import type {Shell} from '../shell.ts';

type CommandOf = ReturnType<typeof buildProgram>;
type OptionOf = CommandOf['options'][number];

export async function complete(shell: Shell, args: readonly string[]): Promise<ExitCode> {
  const [name = '', breaks = '', line = ''] = args;
  const {words, current} = parseTyped(line);
  const candidates = await candidatesFor(quiet(shell), words, current).catch((): string[] => []);
  const fitting = [...new Set(candidates)].filter(candidate => candidate.startsWith(current));
  const shown = name === 'bash' ? fitting.map(each => cutAtWordBreak(each, current, breaks)) : fitting;
  if (shown.length > 0) shell.outside.stdout.screen.write(`${shown.join('\n')}\n`);
  return EXIT.ok;
}

/** Nothing but candidates may be written. */
const quiet = (shell: Shell): Shell => ({
  ...shell,
  outside: {
    ...shell.outside,
    stderr: {...shell.outside.stderr, screen: {...shell.outside.stderr.screen, write: () => {}}},
  },
});

async function candidatesFor(shell: Shell, words: readonly string[], current: string): Promise<string[]> {
  const program = buildProgram(shell, () => {});
  const [name, ...typed] = words;
  const command = program.commands.find(each => each.name() === name);
  if (command === undefined) {
    return name === undefined || name === 'help' ? program.commands.map(each => each.name()) : [];
  }
  const {positional, values, open} = takeApart(command, typed);
  if (open !== undefined) return valuesOf(open, shell, positional, values, current);
  const assigned = /^(--[a-z-]+)=(.*)$/.exec(current);
  const option = assigned === null ? undefined : findOption(command, assigned[1] ?? '');
  if (option !== undefined && assigned !== null) {
    const found = await valuesOf(option, shell, positional, values, assigned[2] ?? '');
    return found.map(value => `${assigned[1]}=${value}`);
  }
  if (current.startsWith('-')) {
    return command.options.flatMap(({long}) => (long ? [long] : []));
  }
  return positionalOf(shell, command, positional, values, current);
}

interface Typed {
  readonly positional: readonly string[];
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** An option that waits for its value. */
  readonly open: OptionOf | undefined;
}

function takeApart(command: CommandOf, typed: readonly string[]): Typed {
  const positional: string[] = [];
  const values = new Map<string, string[]>();
  let open: OptionOf | undefined;
  const keep = (option: OptionOf, value: string): void => {
    values.set(option.attributeName(), [...(values.get(option.attributeName()) ?? []), value]);
  };
  for (const word of typed) {
    if (open !== undefined) {
      keep(open, word);
      open = undefined;
      continue;
    }
    const [flag = '', ...rest] = word.split('=');
    const option = word.startsWith('-') ? findOption(command, flag) : undefined;
    if (option === undefined) positional.push(word);
    else if (rest.length > 0) keep(option, rest.join('='));
    else if (option.required) open = option;
  }
  return {positional, values, open};
}

const findOption = (command: CommandOf, flag: string): OptionOf | undefined =>
  command.options.find(({long, short}) => long === flag || short === flag);

async function valuesOf(
  option: OptionOf,
  shell: Shell,
  positional: readonly string[],
  values: Typed['values'],
  current: string,
): Promise<string[]> {
  if (option.argChoices !== undefined) return [...option.argChoices];
  const name = option.attributeName();
  if (name === 'mirror' || name === 'output') return pathsAt(shell, current);
  if (!['profile', 'set', 'only', 'from', 'until'].includes(name)) return [];
  if (name === 'profile') return profilesOf(shell, positional);
  const pipeline = await openPipeline(shell, positional, planningOptions(values));
  if (name === 'set') return Object.keys(pipeline.plan.params).map(each => `${each}=`);
  return selectorsOf(pipeline, current);
}

async function positionalOf(
  shell: Shell,
  command: CommandOf,
  positional: readonly string[],
  values: Typed['values'],
  current: string,
): Promise<string[]> {
  const [first] = command.registeredArguments;
  if (first === undefined) return [];
  if (first.argChoices !== undefined) return [...first.argChoices];
  if (first.name() !== 'file') return first.name() === 'folder' ? pathsAt(shell, current) : [];
  const takesMore = command.registeredArguments.length > 1;
  const files =
    positional.length === 0
      ? [...listPipelines(findProject(shell.outside.cwd)).map(shortPipelineName), ...pathsAt(shell, current)]
      : [];
  if (!takesMore) return files;
  const pipeline = await openPipeline(shell, positional, planningOptions(values)).catch(() => undefined);
  if (pipeline === undefined) return files;
  const {rest} = pipeline.chosen;
  if (command.name() === 'get' && rest.length === 1) {
    const [target] = rest;
    const found = pipeline.plan.instances.find(({id, stage}) => id === target || stage === target);
    return Object.keys(found?.outputs ?? {});
  }
  return [...files, ...selectorsOf(pipeline, current)];
}

function planningOptions(values: Typed['values']): {profile?: string; set?: readonly string[]; json: true} {
  const profile = values.get('profile')?.at(-1);
  const set = values.get('set');
  return {json: true, ...(profile !== undefined && {profile}), ...(set !== undefined && {set})};
}

/** Stages; after `stage[`, its axes; after `axis=`, the values of that axis among instances chosen so far. */
function selectorsOf({plan}: Pipeline, current: string): string[] {
  const open = current.indexOf('[');
  const stages = [...new Set(plan.instances.map(({stage}) => stage))];
  if (open < 0) {
    const hasAxes = (stage: string): boolean =>
      plan.instances.some(instance => instance.stage === stage && Object.keys(instance.cell).length > 0);
    return stages.flatMap(stage => (hasAxes(stage) && current === stage ? [`${stage}[`] : [stage]));
  }
  const stage = current.slice(0, open);
  const typed = current.slice(open + 1).split(',');
  const last = typed.pop() ?? '';
  const chosen = typed.map(choice => choice.split('='));
  const cells = plan.instances.flatMap(({stage: of, cell}) =>
    of === stage && chosen.every(([axis = '', value]) => String(cell[axis]) === value) ? [cell] : [],
  );
  const before = `${stage}[${typed.map(choice => `${choice},`).join('')}`;
  const used = new Set(chosen.map(([axis]) => axis));
  const axes = [...new Set(cells.flatMap(cell => Object.keys(cell)))].filter(axis => !used.has(axis));
  const [axis = ''] = last.split('=');
  if (!last.includes('=')) return axes.map(each => `${before}${each}=`);
  const isLast = axes.length <= 1;
  const values = new Set(cells.flatMap(cell => (axis in cell ? [String(cell[axis])] : [])));
  return [...values].flatMap(value => {
    const choice = `${before}${axis}=${value}`;
    return isLast ? [`${choice}]`] : [`${choice},`, `${choice}]`];
  });
}

async function profilesOf({outside}: Shell, positional: readonly string[]): Promise<string[]> {
  const {readPipeline} = await import('../../spec/read-pipeline.ts');
  const {path, file} = choosePipeline(positional, outside.cwd, lastPipeline);
  const spec = await readPipeline({path: file, text: readFileSync(path, 'utf8')}, {profile: null, set: []});
  return spec.ok ? [...spec.value.profiles] : [];
}

/** Files and folders that continue what is typed; folders end in a slash. */
function pathsAt({outside}: Shell, current: string): string[] {
  const folder = current.endsWith('/') ? current : dirname(current);
  const base = folder === '.' && !current.startsWith('./') ? '' : folder.replace(/\/?$/, '/');
  const path = resolve(outside.cwd, folder === '' ? '.' : folder);
  return readdirSync(path)
    .filter(name => !name.startsWith('.') && name !== 'node_modules')
    .map(name => {
      const isFolder = statSync(join(path, name), {throwIfNoEntry: false})?.isDirectory() === true;
      return `${base}${name}${isFolder ? '/' : ''}`;
    });
}
