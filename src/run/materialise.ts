// Brings the inputs of an action into a sandbox, as links to the store, and says where they are. Everything that a
// stage sees of its producers comes from the action, so that nothing outside of the key can reach it.

import {mkdirSync, writeFileSync} from 'node:fs';
import {basename, extname, join} from 'node:path';
import type {Action, ProducerContent} from '../action/action.ts';
import {ok, type Result} from '../core/result.ts';
import type {TaskInput} from '../exec/executor.ts';
import type {Instance} from '../plan/plan.ts';
import type {Cell, StageInput} from '../stage/define.ts';
import type {BlobStore} from '../store/store.ts';
import type {StoreError} from '../store/store-error.ts';

/** File names stay well below what file systems take. */
const LONGEST_LABEL = 120;

export async function materialiseInputs(
  blobs: BlobStore,
  instance: Instance,
  action: Action,
  folder: string,
): Promise<Result<Readonly<Record<string, TaskInput>>, StoreError>> {
  const inputs: Record<string, TaskInput> = {};
  for (const [name, input] of Object.entries(action.inputs)) {
    const edge = instance.inputs[name];
    const place = join(folder, name);
    if (input.kind === 'one') {
      const isWhole = edge?.kind === 'one' && edge.from.output === null;
      const made = await placeProducer(blobs, input.content, place, isWhole ? 'all' : 'one', '');
      if (!made.ok) return made;
      inputs[name] = {kind: 'one', input: made.value};
      continue;
    }
    mkdirSync(place, {recursive: true});
    const producers: StageInput[] = [];
    const labels = uniqueLabels(input.contents.map(content => content.cell));
    for (const [index, content] of input.contents.entries()) {
      const isWhole = edge?.kind === 'each' && edge.from[index]?.output === null;
      const label = labels[index] ?? String(index);
      const made = await placeProducer(blobs, content, join(place, label), isWhole ? 'all' : 'one', label);
      if (!made.ok) return made;
      producers.push(made.value);
    }
    const rows = producers.map(({cell, path, metrics}) => ({cell, path: basename(path), metrics}));
    writeFileSync(join(place, 'index.json'), `${JSON.stringify(rows, null, 1)}\n`);
    inputs[name] = {kind: 'each', path: place, inputs: producers};
  }
  return ok(inputs);
}

/**
 * `all`: a folder with every output by its name. `one`: the artifact itself; a file keeps its extension, and its
 * whole name where it has no label (it then stands in a folder of its own).
 */
async function placeProducer(
  blobs: BlobStore,
  content: ProducerContent,
  place: string,
  how: 'all' | 'one',
  label: string,
): Promise<Result<StageInput, StoreError>> {
  const files: Record<string, string> = {};
  const placed = (path: string): StageInput => ({path, files, metrics: content.metrics, cell: content.cell});
  if (how === 'all') {
    mkdirSync(place, {recursive: true});
    for (const [output, {path, artifact}] of Object.entries(content.outputs)) {
      const to = join(place, path);
      const restored = await blobs.restore(artifact, to, 'link');
      if (!restored.ok) return restored;
      files[output] = to;
    }
    return ok(placed(place));
  }
  let to = place;
  for (const [output, {path, artifact}] of Object.entries(content.outputs)) {
    if (artifact.kind === 'file')
      to = label === '' ? join(place, basename(path)) : `${place}${extname(path)}`;
    const restored = await blobs.restore(artifact, to, 'link');
    if (!restored.ok) return restored;
    files[output] = to;
  }
  return ok(placed(to));
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
