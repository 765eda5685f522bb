// Where everything that an action names stands in its input root: a pure function of the action, so that the same
// action looks the same on every machine. Paths are relative to the root, with `/`.

import type {Action, Artifact, ProducerContent, TrackedFile} from '../action/action.ts';
import {trackedFilesOf} from '../action/action.ts';
import type {Cell} from '../stage/define.ts';
import type {ProducerFiles, TaskInput} from './task.ts';

/** Inputs, by their names. */
export const INPUT_FOLDER = 'in';
/** Declared files and code at their places in the project: the working directory. */
export const PROJECT_FOLDER = 'project';

/** Something to bring into the root, where nothing is yet. */
export type Placing =
  | {readonly kind: 'artifact'; readonly to: string; readonly artifact: Artifact}
  | {readonly kind: 'file'; readonly to: string; readonly file: TrackedFile}
  | {readonly kind: 'text'; readonly to: string; readonly text: string}
  | {readonly kind: 'folder'; readonly to: string};

export interface InputLayout {
  /** Parents before what is in them. */
  readonly placings: readonly Placing[];
  /** What the stage is told of its inputs. */
  readonly inputs: Readonly<Record<string, TaskInput>>;
}

/** File names stay well below what file systems take. */
const LONGEST_LABEL = 120;

export function layInputs(action: Action): InputLayout {
  const placings: Placing[] = [];
  const inputs: Record<string, TaskInput> = {};
  for (const [name, input] of Object.entries(action.inputs)) {
    const place = `${INPUT_FOLDER}/${name}`;
    if (input.kind === 'one') {
      inputs[name] = {kind: 'one', input: layProducer(input.content, place, '', placings)};
      continue;
    }
    placings.push({kind: 'folder', to: place});
    const labels = uniqueLabels(input.contents.map(content => content.cell));
    const producers = input.contents.map((content, index) => {
      const label = labels[index] ?? String(index);
      return layProducer(content, `${place}/${label}`, label, placings);
    });
    const rows = producers.map(({cell, path, metrics}) => ({cell, path: nameOf(path), metrics}));
    placings.push({kind: 'text', to: `${place}/index.json`, text: `${JSON.stringify(rows, null, 1)}\n`});
    inputs[name] = {kind: 'each', path: place, inputs: producers};
  }
  if (action.sandbox === 'closed') {
    for (const [path, file] of Object.entries(trackedFilesOf(action))) {
      placings.push({kind: 'file', to: `${PROJECT_FOLDER}/${path}`, file});
    }
  }
  return {placings, inputs};
}

/**
 * A whole producer: a folder with every output by its name. One output: the artifact itself; a file keeps its
 * extension, and its whole name where it has no label (it then stands in a folder of its own).
 */
function layProducer(
  content: ProducerContent,
  place: string,
  label: string,
  placings: Placing[],
): ProducerFiles {
  const files: Record<string, string> = {};
  let path = place;
  if (content.isWhole) placings.push({kind: 'folder', to: place});
  for (const [output, {path: written, artifact}] of Object.entries(content.outputs)) {
    let to = place;
    if (content.isWhole) to = written === '.' ? place : `${place}/${written}`;
    else if (artifact.kind === 'file') {
      to = label === '' ? `${place}/${nameOf(written)}` : `${place}${extensionOf(written)}`;
      path = to;
    }
    placings.push({kind: 'artifact', to, artifact});
    files[output] = to;
  }
  const {metrics, cell, origin} = content;
  return {path, files, metrics, cell, ...(origin === null ? {} : {origin})};
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** With its dot; empty where there is none, as for `.gitignore`. */
function extensionOf(path: string): string {
  const name = nameOf(path);
  const dot = name.lastIndexOf('.');
  return dot > 0 ? name.slice(dot) : '';
}

/** Inputs as they are found below an absolute root. */
export function inputsBelow(root: string, inputs: InputLayout['inputs']): Record<string, TaskInput> {
  const at = (path: string): string => `${root}/${path}`;
  const lift = (input: ProducerFiles): ProducerFiles => ({
    ...input,
    path: at(input.path),
    files: Object.fromEntries(Object.entries(input.files).map(([name, path]) => [name, at(path)])),
  });
  return Object.fromEntries(
    Object.entries(inputs).map(([name, input]): [string, TaskInput] => [
      name,
      input.kind === 'one'
        ? {kind: 'one', input: lift(input.input)}
        : {kind: 'each', path: at(input.path), inputs: input.inputs.map(lift)},
    ]),
  );
}

/** `optimizer=sam,lr=0.1` as names of files: safe, different from one another, and made of the cells alone. */
export function uniqueLabels(cells: readonly Cell[]): string[] {
  const taken = new Set(['index.json']);
  return cells.map((cell, index) => {
    const text = Object.entries(cell)
      .map(([axis, value]) => `${axis}=${String(value)}`)
      .join(',');
    const safe = text.replace(/[^\p{L}\p{N} _.,=+@%-]/gu, '_').slice(0, LONGEST_LABEL);
    const wanted = safe === '' || /^\.+$/.test(safe) ? String(index + 1) : safe;
    let label = wanted;
    // Some file systems do not tell upper from lower case.
    for (let n = 2; taken.has(label.toLowerCase()); n++) label = `${wanted}~${n}`;
    taken.add(label.toLowerCase());
    return label;
  });
}
