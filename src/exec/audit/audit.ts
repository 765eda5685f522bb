// Sorts what a task was seen to do into what it was given, libraries by the folder that they are in, and the rest, which
// is the answer: lists that are sorted, and cut at a length that a record can take.

import type {Audit} from '../../action/audit.ts';
import {byCodeUnit} from '../../core/json.ts';
import type {Accesses} from './trace-reader.ts';

/** Where things are, absolute. */
export interface AuditPlaces {
  readonly project: string;
  readonly store: string;
  /** Folders of this package, and programs that the runner starts: what of them is read is the runner's doing. */
  readonly own: readonly string[];
  /** The root of the task's sandbox. */
  readonly root: string;
  /** The task's working directory: the project itself, or the folder with what is declared of it. */
  readonly cwd: string;
}

const MOST = 200;

/** `isThere`: whether the project has a file, relative to it. */
export function auditOf(accesses: Accesses, places: AuditPlaces, isThere: (path: string) => boolean): Audit {
  const {project, cwd} = places;
  const found: Record<'project' | 'files' | 'machine', Set<string>> = {
    project: new Set(),
    files: new Set(),
    machine: new Set(),
  };
  const libraries = new Map<string, number>();
  for (const path of accesses.read) {
    const kind = kindOf(path, places);
    if (kind.is === 'own') continue;
    if (kind.is === 'library') libraries.set(kind.folder, (libraries.get(kind.folder) ?? 0) + 1);
    else if (kind.is === 'project') found.project.add(path.slice(project.length + 1));
    // Whatever its number, it is the task itself.
    else found[kind.is].add(path.replace(/^\/proc\/\d+\//, '/proc/self/'));
  }
  const network: string[] = [];
  for (const address of accesses.network) {
    // The system's own answers about names and users.
    if (/^(?:\/var)?\/run\/(?:nscd|systemd|dbus)\//.test(address)) found.machine.add(address);
    else network.push(address);
  }
  const missed = new Set<string>();
  for (const path of accesses.missing) {
    if (cwd === project || !path.startsWith(`${cwd}/`)) continue;
    const below = path.slice(cwd.length + 1);
    if (!isOfStore(below) && isThere(below)) missed.add(below);
  }
  const written = [...accesses.written].filter(
    path => !isBelow(path, places.root) && !isBelow(path, places.store) && !/^\/(?:dev|proc)\//.test(path),
  );
  const programs = [...accesses.programs].filter(path => !places.own.some(own => isBelow(path, own)));
  let more = 0;
  const cut = (all: Iterable<string>): readonly string[] => {
    const sorted = [...all].sort(byCodeUnit);
    more += Math.max(0, sorted.length - MOST);
    return sorted.slice(0, MOST);
  };
  const lists = {
    project: cut(found.project),
    missed: cut(missed),
    files: cut(found.files),
    machine: cut(found.machine),
    written: cut(written),
    network: cut(network),
    programs: cut(programs),
  };
  const folders = [...libraries]
    .sort((a, b) => byCodeUnit(a[0], b[0]))
    .map(([folder, files]) => ({folder, files}));
  return {...lists, libraries: folders, clock: accesses.clock, more};
}

type Kind =
  | {readonly is: 'own' | 'project' | 'files' | 'machine'}
  | {readonly is: 'library'; readonly folder: string};

function kindOf(path: string, {project, store, own, root}: AuditPlaces): Kind {
  if ([root, store, ...own].some(folder => isBelow(path, folder))) return {is: 'own'};
  const folder = libraryOf(path);
  if (folder !== undefined) return {is: 'library', folder};
  // The folder itself is opened by every program that starts in it.
  if (path === `${project}/`) return {is: 'own'};
  if (isBelow(path, project)) return {is: 'project'};
  if (/^\/dev\/(null|zero|tty|full|fd\/|std)/.test(path)) return {is: 'own'};
  return /^\/(etc|proc|sys|dev|run|var\/run)\//.test(path) ? {is: 'machine'} : {is: 'files'};
}

const LIBRARIES = [
  /^.*?\/node_modules\/(?:@[^/]+\/)?[^/]+/,
  /^.*?\/(?:site|dist)-packages(?=\/)/,
  /^.*?\/lib\/python\d[\d.]*(?=\/)/,
  /^.*?\/\.(?:pyenv|nvm|conda|venv)(?=\/)/,
  /^\/(?:usr\/(?:local\/)?)?(?:lib|lib32|lib64|libexec|share|libx32)\/[^/]+(?=\/)/,
  /^\/(?:usr\/(?:local\/)?)?(?:lib|lib32|lib64|libexec|share|bin|sbin)(?=\/)/,
  /^\/opt\/[^/]+(?=\/)/,
];

/** The folder of libraries that a path lies in; `undefined` for what is no library. */
function libraryOf(path: string): string | undefined {
  if (/^\/etc\/(ld\.so\.cache|locale\.alias)$/.test(path)) return '/etc (of the loader)';
  for (const pattern of LIBRARIES) {
    const [folder] = pattern.exec(path) ?? [];
    if (folder !== undefined) return folder;
  }
  // Loaded as one, wherever it is.
  return /\.so(\.\d+)*$/.test(path) ? path.slice(0, path.lastIndexOf('/')) : undefined;
}

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
const isOfStore = (path: string): boolean => /^(?:cache|node_modules|\.git)(?:\/|$)/.test(path);
