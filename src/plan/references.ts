// Do the stages and outputs that a stage names exist?

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import {type Reference, referencesOf, type StageSpec} from '../spec/spec.ts';
import type {StageModules} from './catalogue.ts';

type Report = (diagnostic: Diagnostic) => void;

/** What is known of the other stages by name. */
export interface Neighbours {
  readonly stages: ReadonlyMap<string, StageSpec>;
  readonly modules: StageModules;
}

export function checkReferences(spec: StageSpec, neighbours: Neighbours, report: Report): void {
  for (const reference of referencesOf(spec)) {
    const producer = neighbours.stages.get(reference.value.stage);
    if (!producer) report(unknownStage(reference, neighbours.stages.keys()));
    else checkOutput(reference, outputNames(producer, neighbours.modules), report);
  }
}

function unknownStage(reference: Located<Reference>, known: Iterable<string>): Diagnostic {
  const names = [...known];
  const near = closest(reference.value.stage, names);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : names.length <= 20
        ? `its stages are ${names.join(', ')}`
        : undefined;
  const message = `expected a stage of this pipeline, got '${reference.value.stage}'`;
  return mistake('unknown-stage', message, reference.span, {hint});
}

/** `null` where they are not known because of another mistake. */
function outputNames(spec: StageSpec, modules: StageModules): readonly string[] | null {
  if (!spec.work || spec.isBroken) return null;
  if (spec.work.kind === 'shell') return spec.outputs?.map(({name}) => name) ?? ['out'];
  const loaded = modules.byUses.get(spec.work.uses.value);
  return loaded ? Object.keys(loaded.declaration.outputs) : null;
}

function checkOutput(reference: Located<Reference>, known: readonly string[] | null, report: Report): void {
  const {stage, output} = reference.value;
  if (output === null || known === null || known.includes(output)) return;
  const near = closest(output, known);
  const hint =
    near !== undefined ? `did you mean ${stage}.${near}?` : `its outputs are ${known.join(', ') || 'none'}`;
  const message = `expected an output of the stage ${stage}, got '${output}'`;
  report(mistake('unknown-output', message, reference.span, {hint}));
}
