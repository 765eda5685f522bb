// What a study must give, computed from nothing: the bytes of every instance, which of them can be made at all, and two
// things by which a cache is judged. `key`: instances of one key are one piece of work; whatever has another may not be
// taken for it. It knows nothing of stores, runs or fingerprints.

import {createHash} from 'node:crypto';
import type {Cell} from '../../src/stage/define.ts';
import {expand, type ModelInstance, type ModelStage} from './expansion-model.ts';
import {commandOf, contentOf, type Study, type StudyStage, toolOf} from './random-study.ts';

export interface ModelledInstance {
  readonly stage: StudyStage;
  readonly cell: Cell;
  readonly key: string;
  /** `text`, `best` and files of `tree` by path in the outputs' folder; `undefined` where it fails or lacks something. */
  readonly files: Readonly<Record<string, string>> | undefined;
  /** True for one that runs and fails; one that lacks a producer does not run. */
  readonly fails: boolean;
  /** The texts of all files that it reads. */
  readonly reads: readonly string[];
}

/** `undefined` for a study that has a mistake. The instances are in the order of their stages. */
export function modelOf(study: Study, outside: string): readonly ModelledInstance[] | undefined {
  const {stages, mistakes} = expand(study.stages.map(modelStage));
  if (mistakes.size > 0) return undefined;
  const made = new Map<number, ModelledInstance[]>();
  for (const stage of study.stages) {
    const instances = stages.get(String(stage.number)) ?? [];
    made.set(
      stage.number,
      instances.map(instance => modelInstance(study, stage, instance, made, outside)),
    );
  }
  return [...made.values()].flat();
}

/** The model of matrices calls stages by their numbers. */
const modelStage = ({number, x, y, inputs, chooser}: StudyStage): ModelStage => ({
  name: String(number),
  products:
    x.length + y.length === 0
      ? null
      : [{axes: {...(x.length > 0 ? {x} : {}), ...(y.length > 0 ? {y} : {})}, exclude: []}],
  inputs: inputs.map(({kind, of}) => ({kind, from: String(of)})),
  choosers: chooser === null ? [] : [String(chooser)],
});

function modelInstance(
  study: Study,
  stage: StudyStage,
  {cell, inputs, choosers}: ModelInstance,
  made: ReadonlyMap<number, readonly ModelledInstance[]>,
  outside: string,
): ModelledInstance {
  const at = ({from, index}: {readonly from: string; readonly index: number}): ModelledInstance => {
    const found = made.get(Number(from))?.[index];
    if (found === undefined) throw new Error(`expected an instance ${index} of ${from}`);
    return found;
  };
  const producers = inputs.map(all => all.map(at));
  const [chosenBy] = choosers.map(at);
  const before = stage.after === null ? [] : (made.get(stage.after) ?? []);
  const needed = [...producers.flat(), ...(chosenBy === undefined ? [] : [chosenBy]), ...before];
  const isLacking = needed.some(({files}) => files === undefined);
  if (isLacking) return {stage, cell, key: 'none', files: undefined, fails: false, reads: []};

  const own: Record<string, unknown> = {p: stage.p};
  if (stage.x.length > 0) own.x = cell.x;
  if (stage.y.length > 0) own.y = cell.y;
  if (chosenBy !== undefined) Object.assign(own, JSON.parse(chosenBy.files?.['best.json'] ?? '{}'));
  const file = stage.file === null ? '' : contentOf(study.files[stage.file] ?? 0);
  const tool = stage.tool === null ? '' : toolOf(study.tools[stage.tool] ?? 0);
  const contents = stage.inputs.map(({kind, text}, n) =>
    (producers[n] ?? []).map((producer, index) => ({
      label: kind === 'each' ? labelOf(producer.cell, index) + (text ? '.txt' : '') : '',
      files: (text ? {'text.txt': producer.files?.['text.txt']} : producer.files) as Files,
    })),
  );

  const words = Object.entries(own).map(([name, value]) => `${name}=${String(value)}`);
  let said = `stage ${stage.number} ${words.join(' ')}\n${file}${stage.tool === null ? '' : tool.replace('echo ', '')}`;
  for (const [n, {kind}] of stage.inputs.entries()) {
    for (const {label, files} of (contents[n] ?? []).toSorted((a, b) => (a.label < b.label ? -1 : 1))) {
      if (kind === 'each') said += `${label}\n`;
      said += (files?.['text.txt'] ?? '') + (files?.['tree/sub/leaf'] ?? '');
    }
  }
  const h = createHash('sha256').update(said).digest('hex').slice(0, 16);
  const fails = stage.fails === 'some' && h < '4';
  const key = JSON.stringify([commandOf(stage, outside), own, contents, file, tool, stage.salt, stage.gives]);
  const reads = [file, tool, ...contents.flat().flatMap(({files}) => Object.values(files ?? {}))];
  return {
    stage,
    cell,
    key,
    files: fails ? undefined : filesOf(stage, h),
    fails,
    reads: reads.flatMap(text => (text === undefined ? [] : [text])),
  };
}

type Files = Readonly<Record<string, string | undefined>> | undefined;

function filesOf({gives}: StudyStage, h: string): Record<string, string> {
  const isLow = h < '8';
  if (gives === 'coarse') return {'text.txt': isLow ? 'low\n' : 'high\n', 'best.json': '{"q": 0}\n'};
  const files = {'text.txt': `${h}\n`, 'best.json': `{"q": ${isLow ? 1 : 2}}\n`};
  return gives === 'tree' ? {...files, 'tree/sub/leaf': `leaf ${h}\n`, 'tree/empty': ''} : files;
}

/** `x=1,y=u`, with the axes by name; those without axes are counted. */
export function labelOf(cell: Cell, index: number): string {
  const axes = Object.keys(cell).sort();
  return axes.length === 0 ? String(index + 1) : axes.map(axis => `${axis}=${String(cell[axis])}`).join(',');
}
