// Where things are on the page: an id for every instance, stage and code digest, safe in markup and in addresses.

import type {InstanceId} from '../../plan/plan.ts';

export type Anchors = ReadonlyMap<InstanceId, string>;

/** `train[optimizer=sam,seed=1]` → `i-train-optimizer-sam-seed-1`; a number is added where two would meet. */
export function anchorsOf(ids: readonly InstanceId[]): Anchors {
  const taken = new Set<string>();
  return new Map(
    ids.map(id => {
      const base = `i-${slugOf(id)}`;
      let anchor = base;
      for (let count = 2; taken.has(anchor); count++) anchor = `${base}-${count}`;
      taken.add(anchor);
      return [id, anchor];
    }),
  );
}

export const stageAnchor = (stage: string): string => `stage-${slugOf(stage)}`;
/** Of the parameters that all instances of a stage share. */
export const sharedAnchor = (stage: string): string => `shared-${slugOf(stage)}`;
export const codeAnchor = (digest: string): string => `code-${digest.slice(0, 16)}`;

const slugOf = (text: string): string => text.replace(/[^A-Za-z0-9_.]+/g, '-').replace(/^-|-$/g, '');
