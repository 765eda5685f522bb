// `stages`: every stage with its references resolved. A stage with a mistake in it is read on, so that all mistakes
// come at once; it is marked as broken.

import type {Diagnostic} from '../core/diagnostic.ts';
import type {Located, Span} from '../core/source.ts';
import {asMap, expected, type Report} from './fields.ts';
import {nameMistake} from './name.ts';
import {readStage} from './read-stage.ts';
import {resolveReferences} from './reference.ts';
import type {StageSpec} from './spec.ts';
import type {Entry, MapNode, Node} from './tree.ts';

/** `found` are the mistakes of the YAML: what they spoil is read as far as it goes, and no echo of them is reported. */
export function readStages(
  node: Node | null,
  params: MapNode,
  found: readonly Diagnostic[],
  report: Report,
): ReadonlyMap<string, StageSpec> {
  const stages = new Map<string, StageSpec>();
  if (!node) return stages;
  const map = asMap(node, 'a map from stage to what it does', report);
  if (map?.entries.length === 0) expected('at least one stage', map, report);
  for (const item of map?.entries ?? []) {
    const spoils = found.filter(({span}) => holds(item, span));
    const isSpoilt = spoils.length > 0;
    const stage = readOneStage(item.key, item.value, params, isSpoilt ? unlessEcho(spoils, report) : report);
    stages.set(item.key.value, isSpoilt ? {...stage, isBroken: true} : stage);
  }
  return stages;
}

function readOneStage(name: Located<string>, node: Node, params: MapNode, report: Report): StageSpec {
  let isSound = true;
  const noting: Report = diagnostic => {
    isSound = false;
    report(diagnostic);
  };
  const bad = nameMistake('a stage', name);
  if (bad) noting(bad);
  const map = asMap(node, 'a map with `uses` or `run`', noting, `such as ${name.value}: {run: COMMAND}`);
  if (!map) return {...readStage(name, emptyMap(name.span), () => undefined), isBroken: true};
  const entries = map.entries.map(entry =>
    isExempt(entry.key.value)
      ? entry
      : {key: entry.key, value: resolveReferences(entry.value, params, noting)},
  );
  // A reference that was not resolved is text, and would be reported again as text of the wrong kind.
  const stage = readStage(name, {...map, entries}, isSound ? noting : unlessUnresolved(report));
  return isSound ? stage : {...stage, isBroken: true};
}

/** `run` belongs to the shell, where `${x}` is a variable; `about` is for people. */
const isExempt = (key: string): boolean => key === 'run' || key === 'about';

const unlessUnresolved =
  (report: Report): Report =>
  diagnostic => {
    const span = diagnostic.span;
    if (!span?.file.text.slice(span.start, span.end).includes('${')) report(diagnostic);
  };

/** What the YAML could not give is missing, empty or of another kind only because of that. */
const unlessEcho =
  (found: readonly Diagnostic[], report: Report): Report =>
  diagnostic => {
    const {code, span} = diagnostic;
    const isEcho = found.some(
      ({span: at}) => at && span && at.file === span.file && at.start < span.end && span.start < at.end,
    );
    if (!isEcho && code !== 'missing-key') report(diagnostic);
  };

/** Whether a place lies in what an entry of a map says. */
export const holds = ({key, value}: Entry, span: Span | undefined): boolean =>
  span !== undefined && key.span.end <= span.start && span.end <= value.span.end;

const emptyMap = (span: Span): MapNode => ({kind: 'map', entries: [], span, origin: null});
