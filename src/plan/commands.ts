// What a command says of itself, held against what its stage declares: variables that nothing sets, and files of the
// project that are not tracked.

import picomatch from 'picomatch';
import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake, warning} from '../core/diagnostic.ts';
import type {Span} from '../core/source.ts';
import {isGlob, isWithin} from '../spec/path.ts';
import {readVariables, wordsLikePaths} from '../spec/shell-text.ts';
import type {PipelineSpec, StageSpec} from '../spec/spec.ts';
import type {ProjectFiles} from './project-files.ts';
import {axisNames} from './stage-parameters.ts';

type Report = (diagnostic: Diagnostic) => void;

/** A parameter of the pipeline that a command reads as a variable, and does not get. */
export function checkVariablesRead(stage: StageSpec, params: PipelineSpec['params'], report: Report): void {
  // What a chooser gives is not known yet, and cells of a file neither.
  if (stage.work?.kind !== 'shell' || stage.choosers.length > 0 || stage.matrix.kind === 'from') return;
  const own = [...stage.values.keys(), ...axisNames(stage).map(({value}) => value)];
  const known = new Set([...own, ...stage.env.map(({value}) => value)]);
  for (const {name, text} of readVariables(stage.work.command.value)) {
    if (known.has(name)) continue;
    const span = placeIn(stage.work.command.span, text);
    if (Object.hasOwn(params, name)) {
      const message = `expected ${text} to be a parameter of the stage, got one of the pipeline`;
      const hint = `pass it: with: {${name}: "\${${name}}"}`;
      report(mistake('unset-variable', message, span, {hint}));
      continue;
    }
    const near = closest(name, own);
    if (near === undefined || PROVIDED.test(name)) continue;
    const message = `expected a variable that the command has, got ${text}`;
    report(mistake('unset-variable', message, span, {hint: `did you mean $${near}?`}));
  }
}

/** What every command finds, or may find, without saying so. */
const PROVIDED =
  /^(?:[A-Z_][A-Z0-9_]*|out|in_.*|out_.*|param_.*|metrics|cpus|gpus|checkpoint|mirror|[a-z]+_proxy)$/;

/** Files of the project that a command names and that its stage does not track. */
export function findUntracked(stage: StageSpec, project: ProjectFiles): readonly Diagnostic[] {
  if (stage.work?.kind !== 'shell') return [];
  const {command, code} = stage.work;
  // What it makes may lie at such a path of its own folder before it is moved to its output.
  const made = (stage.outputs ?? [])
    .map(({path}) => path.value.replace(/\/$/, ''))
    .filter(path => path !== '');
  const isTracked = trackedBy([
    ...code.map(({value}) => value),
    ...stage.files.map(({value}) => value),
    ...made,
  ]);
  return wordsLikePaths(command.value).flatMap(path => {
    if (isTracked(path) || !project.isFile(path)) return [];
    const lacks = stage.sandbox === 'project' ? 'is in no key' : 'is not there for it';
    const message = `expected the files of the project that a command names to be declared, got ${path}, which ${lacks}`;
    const hint = `add it: ${addition('code', code, path)} (or under \`files\`, where it is data)`;
    return [warning('untracked-file', message, placeIn(command.span, path), {hint})];
  });
}

const addition = (key: string, before: readonly {readonly value: string}[], path: string): string =>
  `${key}: [${[...before.map(({value}) => value), path].join(', ')}]`;

function trackedBy(patterns: readonly string[]): (path: string) => boolean {
  const matchers = patterns.map(pattern => (isGlob(pattern) ? picomatch(pattern) : null));
  return path => patterns.some((pattern, index) => matchers[index]?.(path) ?? isWithin(path, pattern));
}

/** Where `text` stands first in what was written; all of it where escapes of YAML hide it. */
function placeIn(span: Span, text: string): Span {
  const {file, start, end} = span;
  const at = file.text.slice(start, end).indexOf(text);
  return at === -1 ? span : {file, start: start + at, end: start + at + text.length};
}
