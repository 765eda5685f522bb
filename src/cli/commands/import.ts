// `pipe import dvc.yaml`: writes a pipeline from a DVC project. What has no counterpart is said line by line, in the file
// and on the screen. Nothing of the project is changed, and an existing pipeline is never overwritten.

import {existsSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {basename, dirname, join, relative, resolve, sep} from 'node:path';
import {isMap, isNode, parse, parseDocument, stringify} from 'yaml';
import type {Json, JsonObject} from '../../core/json.ts';
import {makeFolder} from '../../host/folder.ts';
import {paletteOf} from '../../report/palette.ts';
import {below, type DvcPipeline, type DvcProject, pipelineOf} from '../dvc/dvc-pipeline.ts';
import {listOf, objectOf, readDvcStages} from '../dvc/dvc-stages.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';

export async function importFile(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const file = resolve(outside.cwd, args[0] ?? 'dvc.yaml');
  if (!existsSync(file)) {
    return refuse(
      'no-such-file',
      `expected a dvc.yaml, but there is no ${args[0] ?? 'dvc.yaml'}`,
      'such as `pipe import dvc.yaml`',
    );
  }
  const folder = dirname(file);
  const document = readYaml(file);
  const params = existsSync(join(folder, 'params.yaml')) ? readYaml(join(folder, 'params.yaml')) : {};
  const variables: JsonObject = Object.assign(
    {},
    params,
    ...listOf(document.vars).map(each =>
      typeof each === 'string' ? variablesIn(folder, each) : objectOf(each),
    ),
  );
  const name = basename(folder).replace(/^[._]+/, '') || 'study';
  // A dvc.yaml below the working directory is a part of this project; any other has a project of its own.
  const root = folder.startsWith(`${outside.cwd}${sep}`) ? outside.cwd : folder;
  const place = relative(root, folder).split(sep).join('/') || '.';
  const pipeline = pipelineOf(
    name,
    readDvcStages(document, variables),
    params,
    projectAt(root, folder, place),
    place,
  );
  if (Object.keys(pipeline.stages).length === 0) {
    return refuse('no-stages', `expected stages in ${args[0] ?? 'dvc.yaml'}, got none`);
  }
  const [stray] = pipeline.outside;
  if (stray !== undefined) {
    const home = repositoryOf(folder);
    const told = relative(home, file).split(sep).join('/');
    return refuse(
      'outside-project',
      `expected paths inside of ${root}, but a stage of ${args[0] ?? 'dvc.yaml'} uses ${stray}`,
      `from a folder that holds both: \`cd ${relative(outside.cwd, home) || home} && pipe import ${told}\``,
    );
  }
  const target =
    options.output === undefined
      ? join(root, 'pipelines', `${pipeline.name}.yaml`)
      : resolve(outside.cwd, options.output);
  if (existsSync(target)) {
    return refuse(
      'file-exists',
      `expected no file at ${relative(outside.cwd, target)} yet`,
      '`-o FILE` writes another',
    );
  }
  makeFolder(dirname(target));
  writeFileSync(target, textOf(pipeline, place === '.' ? basename(file) : `${place}/${basename(file)}`));
  const palette = paletteOf(outside.stdout.colors);
  const shown = relative(outside.cwd, target);
  const lines = [`${palette.done('+')} ${shown}  ${Object.keys(pipeline.stages).length} stages`];
  for (const [note, stages] of byNote(pipeline)) {
    const more =
      stages.length > 2 ? ` and ${stages.length - 1} more` : stages[1] === undefined ? '' : `, ${stages[1]}`;
    lines.push(`  ${stages[0] === '' ? '' : `${stages[0]}${more}: `}${note}`);
  }
  print(outside, [...lines, '', `Next: ${palette.strong(`pipe plan ${shown}`)}`]);
  return EXIT.ok;
}

/** The stages that a note is about: those that `foreach` made have the same ones. */
function byNote({notes}: DvcPipeline): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [stage, said] of Object.entries(notes)) {
    for (const note of said) found.set(note, [...(found.get(note) ?? []), stage]);
  }
  return found;
}

/** The repository around a folder; its parent where there is none. */
function repositoryOf(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git')) || existsSync(join(at, '.dvc'))) return at;
    if (at === dirname(at)) return dirname(folder);
  }
}

/** `conf.yaml`, or some of its keys: `conf.yaml:rate,size`. JSON is YAML as well. */
function variablesIn(folder: string, written: string): JsonObject {
  const [file = '', keys] = written.split(':');
  const all = readYaml(join(folder, file));
  if (keys === undefined) return all;
  const wanted = keys.split(',').map(key => key.trim());
  return Object.fromEntries(Object.entries(all).filter(([key]) => wanted.includes(key)));
}

function readYaml(path: string): JsonObject {
  try {
    return objectOf(parse(readFileSync(path, 'utf8')) as Json);
  } catch (error) {
    return refuse(
      'bad-yaml',
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** `folder`: where dvc.yaml and dvc.lock are, which is `place` of the project. */
function projectAt(root: string, folder: string, place: string): DvcProject {
  const lock = join(folder, 'dvc.lock');
  const locked = existsSync(lock) ? Object.values(objectOf(readYaml(lock).stages)) : [];
  const outs = locked.flatMap(stage => listOf(objectOf(stage).outs)).map(objectOf);
  return {
    kindOf(path) {
      const state = statSync(join(root, path), {throwIfNoEntry: false});
      return state === undefined ? null : state.isDirectory() ? 'folder' : 'file';
    },
    read(path) {
      const at = join(root, path);
      return statSync(at, {throwIfNoEntry: false})?.isFile() === true ? readFileSync(at, 'utf8') : null;
    },
    lockedFolders: new Set(
      outs
        .filter(({md5}) => typeof md5 === 'string' && md5.endsWith('.dir'))
        .map(({path}) => below(place, String(path))),
    ),
  };
}

/** Notes stand above the stage that they are about. */
function textOf({name, params, stages, notes}: DvcPipeline, source: string): string {
  const document = parseDocument(
    stringify(
      {pipeline: name, ...(Object.keys(params).length === 0 ? {} : {params}), stages},
      {lineWidth: 0},
    ),
  );
  document.commentBefore = [
    ` Made by \`pipe import\` from ${source}.`,
    ...(notes[''] ?? []).map(note => ` ${note}`),
  ].join('\n');
  const map = document.get('stages');
  if (isMap(map)) {
    for (const [index, {key}] of map.items.entries()) {
      const said = notes[String(key)] ?? [];
      // What stands before the first key belongs to the map.
      const place = index === 0 ? map : key;
      if (said.length > 0 && isNode(place)) place.commentBefore = said.map(note => ` ${note}`).join('\n');
    }
  }
  return document.toString({lineWidth: 0});
}
