// Where the project is, and which of its pipelines is meant.

import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs';
import {basename, dirname, join, relative, resolve} from 'node:path';
import {closest} from '../core/closest.ts';
import {byCodeUnit} from '../core/json.ts';
import {packageName} from '../core/package-name.ts';
import {CONFIG, refuse} from './exit.ts';

/** The nearest folder with any of these is the project; `pipe.config.yaml` wins over the others. */
const MARKERS = ['pipelines', 'package.json', '.git'] as const;

/** The project's folder, absolute: looked for from `from` upwards; `from` itself where nothing marks one. */
export function findProject(from: string): string {
  const ancestors: string[] = [];
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    ancestors.push(folder);
    if (dirname(folder) === folder) break;
  }
  return (
    ancestors.find(folder => existsSync(join(folder, CONFIG))) ??
    ancestors.find(folder => MARKERS.some(marker => existsSync(join(folder, marker)))) ??
    resolve(from)
  );
}

export const isYaml = (path: string): boolean => /\.ya?ml$/.test(path);
export const isFile = (path: string): boolean => statSync(path, {throwIfNoEntry: false})?.isFile() === true;

/** Pipelines of a project, relative to it, sorted: the YAML files of `pipelines/`. */
export function listPipelines(project: string): string[] {
  const folder = join(project, 'pipelines');
  if (statSync(folder, {throwIfNoEntry: false})?.isDirectory() !== true) return [];
  return readdirSync(folder)
    .filter(name => isYaml(name))
    .map(name => `pipelines/${name}`)
    .sort(byCodeUnit);
}

/** What a pipeline of `pipelines/` may be called by: its file's name without the extension. */
export const shortPipelineName = (file: string): string =>
  file.replace(/^pipelines\//, '').replace(/\.ya?ml$/, '');

export interface Chosen {
  readonly project: string;
  /** Absolute. */
  readonly path: string;
  /** Relative to the project, as people see it. */
  readonly file: string;
  /** What is left of the arguments. */
  readonly rest: readonly string[];
  /** Why this pipeline, where no file was named. */
  readonly because: string | null;
}

/**
 * Takes the pipeline file from the arguments, if the first one is a file or the name of one. Otherwise the
 * project's only pipeline is meant, or else the one that was run last. Refuses where neither is clear.
 */
export function choosePipeline(
  args: readonly string[],
  cwd: string,
  lastRun: (project: string) => string | null,
): Chosen {
  const [first, ...rest] = args;
  if (first !== undefined) {
    const path = resolve(cwd, first);
    if (isFile(path)) {
      const project = findProject(isInside(findProject(cwd), path) ? cwd : dirname(path));
      return chosen(isInside(project, path) ? project : dirname(path), path, rest, null);
    }
    const project = findProject(cwd);
    const named = listPipelines(project).find(file => file === first || stem(file) === first);
    if (named !== undefined) return chosen(project, join(project, named), rest, null);
    if (isFolder(path) && (first.includes('/') || listYaml(path).length > 0))
      return refuseFolder(first, path);
    if (isYaml(first) || first.includes('/')) return refuseMissing(first, project);
  }
  const project = findProject(cwd);
  const pipelines = listPipelines(project);
  const [only] = pipelines;
  if (only !== undefined && pipelines.length === 1) {
    return chosen(project, join(project, only), args, 'the only pipeline of this project');
  }
  const last = lastRun(project);
  if (last !== null && isFile(join(project, last))) {
    return chosen(project, join(project, last), args, 'the pipeline that was run last');
  }
  return refuse(
    'no-pipeline',
    pipelines.length === 0
      ? `expected a pipeline file, but ${describeFolder(project, cwd)} has no pipelines/*.yaml`
      : `expected the name of a pipeline: ${describeFolder(project, cwd)} has ${pipelines.length}`,
    pipelines.length === 0
      ? '`pipe init` writes a small one to start from'
      : `name one of ${pipelines.join(', ')}`,
  );
}

const chosen = (project: string, path: string, rest: readonly string[], because: string | null): Chosen => ({
  project,
  path,
  file: relative(project, path).replaceAll('\\', '/'),
  rest,
  because,
});

const isFolder = (path: string): boolean => statSync(path, {throwIfNoEntry: false})?.isDirectory() === true;
const listYaml = (folder: string): string[] => readdirSync(folder).filter(isYaml).sort(byCodeUnit);

function refuseFolder(first: string, folder: string): never {
  const names = listYaml(folder);
  const hint =
    names.length === 0 ? undefined : `name one of ${names.map(name => join(first, name)).join(', ')}`;
  return refuse('several-pipelines', `expected a pipeline file, got the folder ${first}`, hint);
}

function refuseMissing(first: string, project: string): never {
  const pipelines = listPipelines(project);
  const near = closest(first, pipelines) ?? pipelines.find(file => basename(file) === basename(first));
  return refuse(
    'no-such-file',
    `expected a pipeline file, but there is no ${first}`,
    near !== undefined
      ? `did you mean ${near}?`
      : pipelines.length > 0
        ? `the project's pipelines are ${pipelines.join(', ')}`
        : undefined,
  );
}

const stem = (file: string): string => basename(file).replace(/\.ya?ml$/, '');
const isInside = (folder: string, path: string): boolean => !relative(folder, path).startsWith('..');
const describeFolder = (project: string, cwd: string): string => (project === cwd ? 'this folder' : project);

/** The version of this package, and its folder. */
export function findPackage(from: string): {readonly root: string; readonly version: string} {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      const manifest: unknown = JSON.parse(readFileSync(path, 'utf8'));
      if (
        typeof manifest === 'object' &&
        manifest !== null &&
        'name' in manifest &&
        manifest.name === packageName
      ) {
        return {root: folder, version: 'version' in manifest ? String(manifest.version) : '0'};
      }
    }
    if (dirname(folder) === folder) throw new Error(`Internal error: no package above ${from}`);
  }
}
