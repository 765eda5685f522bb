// Files that a plan reads: the cells of `matrix: {from: …}` and the parameters of `with: {from: …}`. Stages make them
// during a run, and the pipeline is planned anew with what is there.

import type {Digest} from '../core/digest.ts';
import type {SourceFile} from '../core/source.ts';
import type {Plan, Producer} from './plan.ts';

export interface PlanFile {
  readonly digest: Digest;
  readonly text: string;
}
/** By the name of what makes them (`producerName`). */
export type PlanFiles = ReadonlyMap<string, PlanFile>;

export const NO_FILES: PlanFiles = new Map();

/** `best[optimizer=sam].best`: how the file is called in messages, and its key among the files of a plan. */
export const producerName = ({id, output}: Producer): string => (output === null ? id : `${id}.${output}`);

export const sourceOf = (name: string, {text}: PlanFile): SourceFile => ({path: name, text});

/** The files that a plan waits for, by name, in plan order. */
export function awaitedFiles(plan: Plan): ReadonlyMap<string, Producer> {
  const files = new Map<string, Producer>();
  for (const {from} of plan.pending) files.set(producerName(from), from);
  for (const {choosers} of plan.instances) {
    for (const {from, gives} of choosers) if (gives === null) files.set(producerName(from), from);
  }
  return files;
}
