// Which instances of a plan are meant: by selectors, with what they need or what needs them. A selector that
// selects nothing is a mistake that says what there is.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Located} from '../core/source.ts';
import type {Instance, InstanceId, Plan} from './plan.ts';
import {PlanGraph} from './plan-graph.ts';
import {type AxisChoice, isChosen, parseSelector, type Selector} from './selector.ts';

/** The arguments of a run. Where several kinds are given, an instance must satisfy each. */
export interface SelectionRequest {
  /** These and all that they need. */
  readonly targets?: readonly string[];
  /** These and nothing else. */
  readonly only?: readonly string[];
  /** These and all that needs them. */
  readonly from?: readonly string[];
  /** As targets. */
  readonly until?: readonly string[];
}

export interface Selection {
  readonly ids: ReadonlySet<InstanceId>;
  /** Stages whose matrix file is awaited: select anew when the plan has been made with its cells. */
  readonly awaits: ReadonlySet<string>;
}

/** Everything where the request is empty. */
export function selectInstances(
  plan: Plan,
  request: SelectionRequest,
): Result<Selection, readonly Diagnostic[]> {
  const mistakes: Diagnostic[] = [];
  const graph = new PlanGraph(plan);
  let selection: Selection = {
    ids: new Set(plan.instances.map(({id}) => id)),
    awaits: new Set(plan.pending.map(({stage}) => stage)),
  };
  const narrow = (
    texts: readonly string[] | undefined,
    where: string,
    widen: (found: Match) => Selection,
  ): void => {
    if (!texts || texts.length === 0) return;
    const found = matchAll(plan, texts, where, mistakes);
    const wide = widen(found);
    selection = {ids: common(selection.ids, wide.ids), awaits: common(selection.awaits, wide.awaits)};
  };
  narrow(request.targets, 'target', found => upTo(plan, graph, found));
  narrow(request.until, '--until', found => upTo(plan, graph, found));
  narrow(request.from, '--from', found => ({
    ids: graph.withConsumers(found.ids),
    // Which held-back stages lie below is known only when they are expanded.
    awaits: new Set(plan.pending.map(({stage}) => stage)),
  }));
  narrow(request.only, '--only', found => ({ids: new Set(found.ids), awaits: holding(plan, found.held)}));
  if (mistakes.length > 0) return err(mistakes);
  if (selection.ids.size === 0 && selection.awaits.size === 0) {
    const hint = 'targets, --only, --from and --until must agree on at least one instance';
    return err([mistake('empty-selection', 'expected a selection, got nothing', undefined, {hint})]);
  }
  return ok(selection);
}

/** The instances that one selector means, in plan order, for commands that look at results. */
export function matchSelector(
  plan: Plan,
  text: string,
  where = 'target',
): Result<readonly InstanceId[], Diagnostic> {
  const found = match(plan, text, where);
  return found.ok ? ok(found.value.ids) : found;
}

interface Match {
  readonly ids: readonly InstanceId[];
  /** Stages that are not expanded yet. */
  readonly held: readonly string[];
}

function matchAll(plan: Plan, texts: readonly string[], where: string, mistakes: Diagnostic[]): Match {
  const ids: InstanceId[] = [];
  const held: string[] = [];
  for (const text of texts) {
    const found = match(plan, text, where);
    if (found.ok) {
      ids.push(...found.value.ids);
      held.push(...found.value.held);
    } else mistakes.push(found.error);
  }
  return {ids, held};
}

function match(plan: Plan, text: string, where: string): Result<Match, Diagnostic> {
  // An id as it was printed always works, whatever its values look like.
  const exact = plan.instances.find(({id}) => id === text);
  if (exact) return ok({ids: [exact.id], held: []});
  const parsed = parseSelector(text, where);
  if (!parsed.ok) return parsed;
  const selector = parsed.value;
  const stage = selector.stage.value;
  const candidates = plan.instances.filter(instance => instance.stage === stage);
  if (candidates.length === 0) {
    const held = plan.pending.some(({holdsBack}) => holdsBack.includes(stage));
    return held ? ok({ids: [], held: [stage]}) : err(unknownStage(plan, selector));
  }
  const chosen = candidates.filter(({cell}) =>
    selector.axes.every(({axis, values}) => {
      const value = Object.hasOwn(cell, axis.value) ? cell[axis.value] : undefined;
      return value !== undefined && values.some(choice => isChosen(value, choice.value));
    }),
  );
  if (chosen.length === 0) return err(nothingChosen(candidates, selector));
  for (const choice of selector.axes) {
    const problem = axisProblem(candidates, choice, stage);
    if (problem) return err(problem);
  }
  return ok({ids: chosen.map(({id}) => id), held: []});
}

function unknownStage(plan: Plan, {stage}: Selector): Diagnostic {
  const names = [
    ...new Set([
      ...plan.instances.map(instance => instance.stage),
      ...plan.pending.flatMap(p => p.holdsBack),
    ]),
  ];
  const near = closest(stage.value, names);
  const listed = names.length <= 20 ? `its stages are ${names.join(', ')}` : undefined;
  const hint = near === undefined ? listed : `did you mean ${near}?`;
  return mistake('unknown-stage', `expected a stage of ${plan.pipeline}, got '${stage.value}'`, stage.span, {
    hint,
  });
}

function nothingChosen(candidates: readonly Instance[], selector: Selector): Diagnostic {
  const stage = selector.stage.value;
  for (const choice of selector.axes) {
    const problem = axisProblem(candidates, choice, stage);
    if (problem) return problem;
  }
  const span = selector.stage.span;
  const whole = {...span, end: span.file.text.length};
  const example = candidates[0]?.id;
  const hint = example === undefined ? undefined : `an instance is ${example}`;
  return mistake('empty-selection', `expected an instance of ${stage}, got values that never meet`, whole, {
    hint,
  });
}

function axisProblem(
  candidates: readonly Instance[],
  {axis, values}: AxisChoice,
  stage: string,
): Diagnostic | null {
  const axes = [...new Set(candidates.flatMap(({cell}) => Object.keys(cell)))];
  if (!axes.includes(axis.value)) {
    const near = closest(axis.value, axes);
    const listed = axes.length === 0 ? `${stage} has no axes` : `its axes are ${axes.join(', ')}`;
    const hint = near === undefined ? listed : `did you mean ${near}?`;
    return mistake('unknown-axis', `expected an axis of ${stage}, got '${axis.value}'`, axis.span, {hint});
  }
  const known = candidates.flatMap(({cell}) =>
    Object.hasOwn(cell, axis.value) ? [cell[axis.value] ?? null] : [],
  );
  // Each value must select something: a part of a selector that is passed over in silence is a run that is missing.
  const missing = values.find(choice => !known.some(value => isChosen(value, choice.value)));
  return missing ? unknownValue(axis.value, missing.span, [...new Set(known.map(String))]) : null;
}

function unknownValue(axis: string, span: Located<unknown>['span'], known: readonly string[]): Diagnostic {
  const text = span.file.text.slice(span.start, span.end);
  const near = closest(text, known);
  const hint = near === undefined ? `its values are ${known.join(', ')}` : `did you mean ${near}?`;
  return mistake('unknown-value', `expected a value of the axis ${axis}, got '${text}'`, span, {hint});
}

/** What is found and all that it needs; for stages that are held back, the makers of the files that hold them. */
function upTo(plan: Plan, graph: PlanGraph, found: Match): Selection {
  const awaits = holding(plan, found.held);
  const makers = plan.pending.filter(({stage}) => awaits.has(stage)).map(({from}) => from.id);
  return {ids: graph.withProducers([...found.ids, ...makers]), awaits};
}

const holding = (plan: Plan, held: readonly string[]): ReadonlySet<string> =>
  new Set(
    plan.pending
      .filter(({holdsBack}) => held.some(stage => holdsBack.includes(stage)))
      .map(({stage}) => stage),
  );

const common = <T>(a: ReadonlySet<T>, b: ReadonlySet<T>): ReadonlySet<T> =>
  new Set([...a].filter(item => b.has(item)));
