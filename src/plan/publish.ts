// Where copies of outputs go: a folder per instance, never two in one place, never on top of sources or the store.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {digestBytes, shortDigest} from '../core/digest.ts';
import type {Located} from '../core/source.ts';
import {isGlob} from '../spec/path.ts';
import type {PipelineSpec, StageSpec} from '../spec/spec.ts';
import type {Cell} from '../stage/define.ts';
import {cellText} from './matrix.ts';

type Report = (diagnostic: Diagnostic) => void;

/** Longest name of a folder that every common file system takes, in bytes, with room for the digest. */
const LONGEST_NAME = 200;

/**
 * `base` for a stage without axes, else `base/optimizer=sam,seed=1`. Characters that are special in file systems
 * or shells are written as `%2F`, so that different cells never meet; very long names end in a digest.
 */
export function publishPath(base: string, cell: Cell): string {
  if (Object.keys(cell).length === 0) return base;
  const name = Object.entries(cell)
    .map(([axis, value]) => `${axis}=${encodeValue(String(value))}`)
    .join(',');
  const isLong = name.length > LONGEST_NAME;
  return `${base}/${isLong ? `${name.slice(0, LONGEST_NAME)}…${shortDigest(digestBytes(cellText(cell)))}` : name}`;
}

const encodeValue = (text: string): string =>
  text.replace(/[^A-Za-z0-9._+-]/gu, letter =>
    [...Buffer.from(letter)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );

/** Folders that hold what a run must not write over, at any depth or at the top of the project. */
const NEVER = new Set(['.git', 'node_modules']);
const NOT_AT_TOP = new Set(['cache', 'src', 'stages', 'pipelines', 'test', 'tests', 'dist']);

/** With a profile, its name is added: what is tried out lies beside the results, never on top of them. */
export const publishFolder = (base: string, profile: string | null): string =>
  profile === null ? base : `${base}-${profile}`;

/** A stage that publishes: every folder that it publishes to in one profile or another, and what it puts there. */
interface Publisher {
  readonly publish: Located<string>;
  readonly folders: readonly string[];
  /** Paths in the folder, where a command says them. */
  readonly files: readonly string[];
}

const publishersOf = ({stages, profiles}: PipelineSpec): readonly Publisher[] =>
  [...stages.values()].flatMap(({publish, outputs}): Publisher[] => {
    if (!publish) return [];
    const folders = [null, ...profiles].map(profile => publishFolder(publish.value, profile));
    const paths = outputs?.map(({path}) => path.value) ?? [];
    const files =
      paths.length === 0 || paths.includes('.')
        ? folders
        : paths.flatMap(path => folders.map(folder => `${folder}/${path}`));
    return [{publish, folders, files}];
  });

/**
 * Reports publish folders that meet each other, sources, the store, or what a stage reads. With another pipeline a
 * folder may be shared, as long as no two put a file at one place.
 */
export function checkPublishing(spec: PipelineSpec, siblings: readonly PipelineSpec[], report: Report): void {
  const taken = new TakenPlaces();
  for (const {publish, files} of siblings.flatMap(publishersOf)) taken.take(publish, files);
  const own = new TakenPlaces();
  for (const {publish, folders, files} of publishersOf(spec)) {
    const forbidden = forbiddenFolder(publish.value);
    if (forbidden !== null) {
      const hint = 'choose a folder of its own, such as results/table';
      const message = `expected a folder for results, got '${publish.value}', which lies in ${forbidden}`;
      report(mistake('bad-publish', message, publish.span, {hint}));
      continue;
    }
    const other = own.find(folders) ?? taken.find(files);
    if (other) reportMeeting(publish, other, report);
    else own.take(publish, folders);
  }
  for (const stage of spec.stages.values()) checkReading(stage, own, report);
}

/** Places of results, found by a path that is one of them, or lies in or around one. */
class TakenPlaces {
  readonly #taken = new Map<string, Located<string>>();
  readonly #around = new Map<string, Located<string>>();

  take(publish: Located<string>, paths: readonly string[]): void {
    for (const path of paths) {
      this.#taken.set(path, publish);
      for (const parent of foldersAbove(path))
        if (!this.#around.has(parent)) this.#around.set(parent, publish);
    }
  }

  find(paths: readonly string[]): Located<string> | undefined {
    for (const path of paths) {
      const met =
        [path, ...foldersAbove(path)].map(above => this.#taken.get(above)).find(found => found) ??
        this.#around.get(path);
      if (met) return met;
    }
    return undefined;
  }
}

function reportMeeting(publish: Located<string>, other: Located<string>, report: Report): void {
  const isOutside = other.span.file !== publish.span.file;
  const how = isOutside
    ? `got '${publish.value}', where ${other.span.file.path} publishes`
    : publish.value === other.value
      ? `got '${publish.value}' twice`
      : `got '${publish.value}' and '${other.value}'`;
  const notes = [{message: 'the other one', span: other.span}];
  const message = `expected a folder of its own for each stage that publishes, ${how}`;
  report(mistake('publish-conflict', message, publish.span, {notes}));
}

function forbiddenFolder(path: string): string | null {
  const parts = path.split('/');
  const [top = ''] = parts;
  if (NOT_AT_TOP.has(top)) return `${top}/`;
  const found = parts.find(part => NEVER.has(part));
  return found === undefined ? null : `${found}/`;
}

const foldersAbove = (path: string): readonly string[] => {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
};

/** What one stage publishes and another reads from there would be an input that the graph does not know. */
function checkReading(stage: StageSpec, own: TakenPlaces, report: Report): void {
  const code = stage.work?.kind === 'shell' ? stage.work.code : [];
  for (const path of [...stage.files, ...code]) {
    const met = own.find([fixedPart(path.value)]);
    if (!met) continue;
    const hint = 'take it from the stage itself, under `in`';
    const notes = [{message: 'published here', span: met.span}];
    const message = `expected sources of the project, got '${path.value}', where a stage publishes`;
    report(mistake('reads-published', message, path.span, {hint, notes}));
  }
}

/** The folders of a glob before its first pattern; the path itself where there is none. */
const fixedPart = (path: string): string => {
  const parts = path.split('/');
  const pattern = parts.findIndex(isGlob);
  return pattern === -1 ? path : parts.slice(0, pattern).join('/') || '.';
};
