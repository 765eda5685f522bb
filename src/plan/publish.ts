// Where copies of outputs go: a folder per instance, never two in one place, never on top of sources or the store.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {digestBytes, shortDigest} from '../core/digest.ts';
import type {Located} from '../core/source.ts';
import {isGlob} from '../spec/path.ts';
import type {StageSpec} from '../spec/spec.ts';
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

/** Reports publish folders that meet each other, sources, the store, or what a stage reads. */
export function checkPublishing(stages: Iterable<StageSpec>, report: Report): void {
  const taken = new Map<string, Located<string>>();
  const above = new Map<string, Located<string>>();
  const all = [...stages];
  for (const {publish} of all) {
    if (!publish) continue;
    const forbidden = forbiddenFolder(publish.value);
    if (forbidden !== null) {
      const hint = 'choose a folder of its own, such as results/table';
      const message = `expected a folder for results, got '${publish.value}', which lies in ${forbidden}`;
      report(mistake('bad-publish', message, publish.span, {hint}));
      continue;
    }
    const parents = foldersAbove(publish.value);
    const other =
      [publish.value, ...parents].map(path => taken.get(path)).find(found => found) ??
      above.get(publish.value);
    if (other) reportMeeting(publish, other, report);
    else taken.set(publish.value, publish);
    for (const parent of parents) if (!above.has(parent)) above.set(parent, publish);
  }
  if (taken.size > 0) for (const stage of all) checkReading(stage, taken, above, report);
}

function reportMeeting(publish: Located<string>, other: Located<string>, report: Report): void {
  const how =
    publish.value === other.value
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
function checkReading(
  stage: StageSpec,
  taken: ReadonlyMap<string, Located<string>>,
  above: ReadonlyMap<string, Located<string>>,
  report: Report,
): void {
  const code = stage.work?.kind === 'shell' ? stage.work.code : [];
  for (const path of [...stage.files, ...code]) {
    const fixed = fixedPart(path.value);
    const met =
      [fixed, ...foldersAbove(fixed)].map(folder => taken.get(folder)).find(found => found) ??
      above.get(fixed);
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
