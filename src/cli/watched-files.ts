// Which files a pipeline's results depend on, as far as a change of them is a reason to run again: the pipeline
// file, settings, sources of stage modules, and what `files` and `code` name. What stages write is not among them.

import {dirname, posix} from 'node:path';
import picomatch from 'picomatch';
import {isNamedBy} from '../action/witnesses.ts';
import {CONFIG} from './exit.ts';
import type {Pipeline} from './pipeline.ts';

/** Answers for a path relative to the project, with `/`. */
export type IsWatched = (path: string, isNew: boolean) => boolean;

/** A new file beside a source may be found in its stead. */
const SOURCE = /\.(?:[cm]?[jt]sx?|json|py)$/;

export async function watchedFiles({plan, chosen, workspace}: Pipeline): Promise<IsWatched> {
  const paths = new Set([chosen.file, CONFIG, 'package.json', 'package-lock.json']);
  const folders = new Set(['stages']);
  const patterns = new Set<string>();
  const modules = new Set<string>();
  const computed = new Set<string>();
  const linked = new Set<string>();
  for (const {work, files} of plan.instances) {
    for (const pattern of files) patterns.add(pattern);
    if (work.kind === 'shell') for (const pattern of work.code) patterns.add(pattern);
    else modules.add(work.path);
  }
  for (const module of modules) {
    const code = await workspace.code.digest(module);
    if (!code.ok) continue;
    const {files: sources, witnesses} = code.value;
    for (const path of Object.keys(sources)) {
      paths.add(path);
      folders.add(dirname(path));
    }
    for (const path of Object.keys(witnesses.files)) paths.add(path);
    for (const pattern of Object.keys(witnesses.listings)) computed.add(pattern);
    for (const folder of Object.keys(witnesses.folders)) linked.add(folder);
  }
  const isTracked = trackedBy([...patterns]);
  return (path, isNew) =>
    paths.has(path) ||
    isTracked(path) ||
    [...computed].some(pattern => isNamedBy(pattern, path)) ||
    [...linked].some(folder => path.startsWith(`${folder}/`)) ||
    (isNew && SOURCE.test(path) && folders.has(dirname(path)));
}

/** Whether patterns of `files` name a path; a folder is everything below it. */
function trackedBy(patterns: readonly string[]): (path: string) => boolean {
  const places = patterns
    .filter(pattern => !pattern.startsWith('!'))
    .map(pattern => posix.normalize(pattern));
  if (places.length === 0) return () => false;
  return picomatch(
    places.flatMap(place => [place, `${place.replace(/\/$/, '')}/**`]),
    {dot: true},
  );
}
