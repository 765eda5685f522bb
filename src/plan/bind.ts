// One stage against its declaration and the names of the others: everything that can be said of a stage before
// its instances are known. Nothing here depends on which cells its producers have.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import {readPath} from '../spec/path.ts';
import {reportOverlaps} from '../spec/read-outputs.ts';
import {CHOOSER_KEY} from '../spec/read-values.ts';
import type {OutputSpec, StageSpec} from '../spec/spec.ts';
import type {StageDeclaration} from '../stage/declaration.ts';
import type {LoadedStage} from './catalogue.ts';
import {checkInputs} from './inputs.ts';
import {EMPTY_CELL, expandProducts, type PlacedCell} from './matrix.ts';
import type {OutputPlan, Work} from './plan.ts';
import {checkReferences, type Neighbours} from './references.ts';
import {type BoundCell, bindCells} from './stage-parameters.ts';
import {bindTemporary} from './temporary.ts';
import {checkVariables} from './variables.ts';

type Report = (diagnostic: Diagnostic) => void;

export interface BoundStage {
  readonly spec: StageSpec;
  readonly work: Work;
  /** `null` for shell stages. */
  readonly module: LoadedStage | null;
  readonly outputs: Readonly<Record<string, OutputPlan>>;
  /** Names of outputs whose bytes go when all that takes them is done. */
  readonly temporary: readonly string[];
  /** `null` where the cells are in a file. */
  readonly cells: readonly BoundCell[] | null;
}

/** `null` where the stage cannot be expanded; then its mistakes are reported, here or before. */
export function bindStage(spec: StageSpec, neighbours: Neighbours, reportOutside: Report): BoundStage | null {
  let isSound = !spec.isBroken;
  const report: Report = diagnostic => {
    isSound = false;
    reportOutside(diagnostic);
  };
  checkReferences(spec, neighbours, report);
  const placed = ownCells(spec, report);
  if (!spec.work) return null;
  if (spec.work.kind === 'shell') {
    checkVariables(spec, report);
    const cells = placed && bindCells(spec, null, placed, report);
    const {command, code} = spec.work;
    const work: Work = {kind: 'shell', command: command.value, code: code.map(({value}) => value)};
    const outputs = outputsOf(spec.outputs ?? [wholeFolder(spec)]);
    const temporary = bindTemporary(spec, outputs, report);
    return isSound ? {spec, work, module: null, outputs, temporary, cells} : null;
  }
  const {uses} = spec.work;
  const module = neighbours.modules.byUses.get(uses.value);
  if (!module) return null;
  if (Object.hasOwn(module.declaration.params.shape, CHOOSER_KEY)) report(unreachable(uses));
  checkInputs(spec, module, report);
  const cells = placed && bindCells(spec, module, placed, report);
  const outputs = outputsOf(moduleOutputs(module.declaration, uses, report));
  const {usesDevice = false, traces = false, continues = null} = module.declaration;
  const work: Work = {kind: 'module', uses: uses.value, path: module.path, usesDevice, traces, continues};
  const temporary = bindTemporary(spec, outputs, report);
  return isSound ? {spec, work, module, outputs, temporary, cells} : null;
}

/** Under `with`, `from` names files that give parameters: a parameter of that name could not be given. */
const unreachable = (uses: Located<string>): Diagnostic =>
  mistake(
    'bad-module',
    `expected another name for the parameter ${CHOOSER_KEY} of ${uses.value}`,
    uses.span,
    {
      hint: '`with: {from: …}` names what chooses parameters; rename it in the module',
    },
  );

function ownCells(spec: StageSpec, report: Report): readonly PlacedCell[] | null {
  switch (spec.matrix.kind) {
    case 'none':
      return [EMPTY_CELL];
    case 'from':
      return null;
    case 'products':
      return expandProducts(spec.matrix.products, report);
  }
}

const wholeFolder = (spec: StageSpec): OutputSpec => ({
  name: 'out',
  kind: 'folder',
  path: {value: '.', span: spec.name.span},
});

const outputsOf = (outputs: readonly OutputSpec[]): Readonly<Record<string, OutputPlan>> =>
  Object.fromEntries(outputs.map(({name, kind, path}) => [name, {kind, path: path.value}]));

function moduleOutputs(declaration: StageDeclaration, uses: Located<string>, report: Report): OutputSpec[] {
  const outputs = Object.entries(declaration.outputs).map(([name, declared]): OutputSpec => {
    const {kind, name: written} = typeof declared === 'string' ? {kind: declared, name} : declared;
    const path = readPath(written);
    if (!path.ok) {
      const message = `the stage module's output ${name} has a bad path: ${path.error}`;
      report(mistake('bad-module', message, uses.span, {hint: 'mend it in the module'}));
    }
    return {name, kind, path: {value: path.ok ? path.value.path : name, span: uses.span}};
  });
  reportOverlaps(outputs, report);
  return outputs;
}
