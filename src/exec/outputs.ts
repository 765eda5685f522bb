// The outputs of a task that ended well: looked at, taken in, and whatever else it left in its output folder said.

import {readdirSync, statSync} from 'node:fs';
import type {Action, Artifact} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import {byCodeUnit} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {ContentStore} from './content-store.ts';
import type {Redaction} from './redaction.ts';

/** Takes in every declared output; nothing is taken in before all of them are there. */
export async function admitOutputs(
  content: ContentStore,
  {outputs}: Action,
  folder: string,
  redaction: Redaction,
): Promise<Result<Record<string, Artifact>, StageFailure>> {
  const pathOf = (path: string): string => (path === '.' ? folder : `${folder}/${path}`);
  for (const [output, {kind, path}] of Object.entries(outputs)) {
    const state = statSync(pathOf(path), {throwIfNoEntry: false});
    if (state === undefined) return err({reason: 'missing-output', output, path});
    const got = state.isFile() ? 'file' : state.isDirectory() ? 'folder' : 'special file';
    if (got !== kind) {
      return err({reason: 'wrong-output', output, message: `expected a ${kind} at ${path}, got a ${got}`});
    }
  }
  for (const [output, {path}] of Object.entries(outputs)) {
    const found = await redaction.find(pathOf(path));
    if (found === undefined) continue;
    const where = redaction.text(found.path.slice(folder.length + 1));
    const message = `expected no secret in what is kept, got the value of ${found.name} in ${where === '' ? output : where}`;
    return err({reason: 'wrong-output', output, message});
  }
  const artifacts: Record<string, Artifact> = {};
  for (const [output, {kind, path}] of Object.entries(outputs)) {
    const admitted = await content.admit(pathOf(path), kind);
    if (!admitted.ok) {
      const {error} = admitted;
      return err(error.reason === 'wrong-output' ? {...error, output} : error);
    }
    artifacts[output] = admitted.value;
  }
  return ok(artifacts);
}

/** Names that a task left in its output folder and that belong to no declared output; sorted. */
export function findStrays({outputs}: Action, folder: string): string[] {
  const declared = Object.values(outputs);
  const strays: string[] = [];
  const visit = (below: string): void => {
    for (const entry of readdirSync(below === '' ? folder : `${folder}/${below}`, {withFileTypes: true})) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (declared.some(output => output.path === path)) continue;
      // A folder on the way to an output may hold others beside it.
      const isOnTheWay = declared.some(output => output.path.startsWith(`${path}/`));
      if (isOnTheWay && entry.isDirectory()) visit(path);
      else strays.push(path);
    }
  };
  if (!declared.some(({path}) => path === '.')) visit('');
  return strays.sort(byCodeUnit);
}
