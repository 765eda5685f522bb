// Damage of one file of a store, as a disk, an editor or a cut of the power would do it. What is drawn at random is
// which file and how; the answer says what was hit.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';

/** Which files of a project, by the folder or file that they are in. */
export const places = {
  blob: ['cache/blobs'],
  index: ['cache/index'],
  runs: ['cache/runs'],
  last: ['cache/last'],
  files: ['cache/files.journal'],
  plans: ['cache/plans', 'cache/code', 'cache/copied.journal'],
  published: ['cache/published'],
  lock: ['pipelines/study.lock.json'],
} as const;
export type Place = keyof typeof places;

export const ways = ['flip', 'cut', 'garbage', 'empty', 'delete', 'folder'] as const;
export type Way = (typeof ways)[number];

export interface Hit {
  /** Relative to the project. */
  readonly path: string;
  readonly before: Buffer;
}

/** `draw` picks the file and the byte. `undefined` where there is nothing to damage. */
export function damage(project: string, place: Place, way: Way, draw: number): Hit | undefined {
  const files = places[place].flatMap(path => filesBelow(project, path));
  const path = files[draw % Math.max(1, files.length)];
  if (path === undefined) return undefined;
  const absolute = join(project, path);
  const before = readFileSync(absolute);
  const at = Math.floor(draw / 7) % Math.max(1, before.length);
  if (way === 'delete' || way === 'folder') {
    rmSync(absolute);
    if (way === 'folder') mkdirSync(absolute);
    return {path, before};
  }
  chmodSync(absolute, 0o644);
  if (way === 'cut') truncateSync(absolute, at);
  else if (way === 'empty') truncateSync(absolute, 0);
  else if (way === 'garbage') writeFileSync(absolute, Buffer.from(`\u0000\u0001garbage ${draw}\n\ufffd`));
  else if (before.length > 0) writeFileSync(absolute, flipped(before, at, draw));
  return {path, before};
}

/** Bit rot: another byte, with size and times as they were. */
export function rot(project: string, draw: number): Hit | undefined {
  const files = filesBelow(project, 'cache/blobs').filter(path => statSync(join(project, path)).size > 0);
  const path = files[draw % Math.max(1, files.length)];
  if (path === undefined) return undefined;
  const absolute = join(project, path);
  const before = readFileSync(absolute);
  const {atime, mtime, mode} = statSync(absolute);
  chmodSync(absolute, 0o644);
  writeFileSync(absolute, flipped(before, Math.floor(draw / 7) % before.length, draw));
  chmodSync(absolute, mode);
  utimesSync(absolute, atime, mtime);
  return {path, before};
}

function flipped(bytes: Buffer, at: number, draw: number): Buffer {
  const after = Buffer.from(bytes);
  after[at] = (after[at] ?? 0) ^ (1 << (draw % 8));
  return after;
}

/** Plain files at or below a path, sorted, relative to the project. */
export function filesBelow(project: string, path: string): string[] {
  const absolute = join(project, path);
  if (!existsSync(absolute)) return [];
  const state = lstatSync(absolute);
  if (state.isFile()) return [path];
  if (!state.isDirectory()) return [];
  return readdirSync(absolute)
    .sort()
    .flatMap(name => filesBelow(project, `${path}/${name}`));
}
