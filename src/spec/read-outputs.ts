// `out`, `files`, `code` and `publish`: paths that stay where they must; and `temporary`, the names of outputs.

import {mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import {asText, asTexts, expected, namedEntries, type Report, valueMistake} from './fields.ts';
import {isGlob, isWithin, readPath} from './path.ts';
import type {OutputSpec, TemporarySpec} from './spec.ts';
import type {Node} from './tree.ts';

/** Files, folders or globs of the project, in normal form. */
export function readProjectPaths(node: Node, key: string, report: Report): Located<string>[] {
  const texts = asTexts(node, 'a path or a list of paths', report);
  return texts.flatMap(text => {
    const path = readPath(text.value);
    if (path.ok && isChangedByRuns(path.value.path)) {
      const message = `expected files or folders that a run leaves alone, got '${text.value}'`;
      const hint =
        'it holds `cache/` or `.git/`, which change all the time: list what is read, such as data/';
      report(mistake('bad-path', message, text.span, {hint}));
      return [];
    }
    if (path.ok) return [{value: path.value.path, span: text.span}];
    const hint = `paths under \`${key}\` are relative to the project and stay in it`;
    report(mistake('bad-path', path.error, text.span, {hint}));
    return [];
  });
}

/** The whole project, the store, or git's folder: tracked, they would make a stage run every time. */
const isChangedByRuns = (path: string): boolean =>
  path === '.' || path === '**' || isWithin(path, 'cache') || isWithin(path, '.git');

export function readPublish(node: Node, report: Report): Located<string> | null {
  const text = asText(node, 'a folder of the project, such as results/table', report);
  if (!text) return null;
  const path = readPath(text.value);
  const hint = '`publish` names a folder of the project, such as results/table';
  if (path.ok && path.value.path !== '.' && !isGlob(path.value.path))
    return {value: path.value.path, span: text.span};
  const message = path.ok ? `expected a folder inside the project, got '${text.value}'` : path.error;
  report(valueMistake('bad-path', message, node, hint));
  return null;
}

/** `true` for all outputs, a name or a list of names for some. */
export function readTemporary(node: Node, report: Report): TemporarySpec | null {
  if (node.kind === 'scalar' && typeof node.value === 'boolean')
    return node.value ? {span: node.span, outputs: 'all'} : null;
  const outputs = asTexts(node, 'true, or the names of outputs', report);
  return outputs.length === 0 ? null : {span: node.span, outputs};
}

/** A path, a list of paths (each called as it is written), or a map from name to path. `path/` is a folder. */
export function readOutputs(node: Node, report: Report): OutputSpec[] {
  const outputs =
    node.kind === 'map'
      ? namedEntries(node, 'an output', report).flatMap(({key, value}) =>
          readOutput(key.value, value, report),
        )
      : (node.kind === 'list' ? node.items : [node]).flatMap(item => readOutput(null, item, report));
  if (
    outputs.length === 0 &&
    node.kind !== 'scalar' &&
    (node.kind === 'list' ? node.items : node.entries).length === 0
  ) {
    expected('at least one output', node, report, 'leave `out` away to keep the whole output folder');
  }
  reportOverlaps(outputs, report);
  return outputs;
}

function readOutput(name: string | null, node: Node, report: Report): OutputSpec[] {
  const text = asText(node, 'a path in the output folder', report);
  if (!text) return [];
  const path = readPath(text.value);
  if (!path.ok || isGlob(path.value.path)) {
    const message = path.ok ? `expected one file or folder, got the pattern '${text.value}'` : path.error;
    const hint =
      'outputs are relative to the output folder ($out) and stay in it; a trailing slash means a folder';
    report(valueMistake('bad-path', message, node, hint));
    return [];
  }
  const {path: written, isFolder} = path.value;
  const kind = isFolder ? 'folder' : 'file';
  return [{name: name ?? (written === '.' ? 'out' : written), kind, path: {value: written, span: text.span}}];
}

/** No output may be another or lie in it. Also used for the outputs of stage modules. */
export function reportOverlaps(outputs: readonly OutputSpec[], report: Report): void {
  const sorted = [...outputs].sort((a, b) => a.path.value.length - b.path.value.length);
  const taken = new Map<string, OutputSpec>();
  for (const output of sorted) {
    const {value, span} = output.path;
    const parts = value.split('/');
    const above = [
      taken.get('.'),
      ...parts.map((_, index) => taken.get(parts.slice(0, index + 1).join('/'))),
    ];
    const other = above.find(candidate => candidate && isWithin(value, candidate.path.value));
    if (!other && !(value === '.' && taken.size > 0)) {
      taken.set(value, output);
      continue;
    }
    const first = other ?? [...taken.values()][0];
    const notes =
      first && first.path.span !== span ? [{message: 'the other one', span: first.path.span}] : [];
    const message = `expected outputs that lie apart, got '${value}' beside '${first?.path.value}'`;
    report(mistake('overlapping-outputs', message, span, {notes}));
  }
}
