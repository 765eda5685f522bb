// Reads and plans a pipeline from its text. Loaded only when no plan is kept.

import {existsSync} from 'node:fs';
import {join} from 'node:path';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {Result} from '../core/result.ts';
import {loadStages} from '../plan/catalogue.ts';
import type {Plan} from '../plan/plan.ts';
import type {PlanFiles} from '../plan/plan-files.ts';
import {planPipeline} from '../plan/planner.ts';
import {readPipeline, type TreeCache} from '../spec/read-pipeline.ts';
import {Declarations} from './declarations.ts';
import {UserMistakes} from './exit.ts';
import {ModuleCatalogue} from './module-catalogue.ts';
import type {PlanQuestion} from './plan-cache.ts';
import type {StageFolders} from './stage-modules.ts';
import type {Workspace} from './workspace.ts';

export type Planned = Result<Plan, readonly Diagnostic[]>;

export interface Planner {
  readonly plan: (files: PlanFiles) => Promise<Planned>;
  readonly observed: {
    readonly modules: ReadonlyMap<string, string>;
    readonly exists: ReadonlyMap<string, boolean>;
  };
}

export interface PlannerOptions {
  readonly text: string;
  readonly question: PlanQuestion;
  readonly workspace: Workspace;
  readonly folders: StageFolders;
  readonly trees: TreeCache;
}

export async function openPlanner({
  text,
  question,
  workspace,
  folders,
  trees,
}: PlannerOptions): Promise<Planner> {
  const {file, profile, set} = question;
  const spec = await readPipeline({path: file, text}, {profile, set, trees});
  if (!spec.ok) throw new UserMistakes(spec.error);
  const declarations = new Declarations(workspace);
  const catalogue = new ModuleCatalogue(folders, workspace.code, declarations);
  const modules = await loadStages(spec.value, catalogue);
  const exists = new Map<string, boolean>();
  const project = {
    exists(path: string): boolean {
      const answer = existsSync(join(folders.project, path));
      exists.set(path, answer);
      return answer;
    },
  };
  const plan = async (files: PlanFiles): Promise<Planned> => {
    for (;;) {
      const planned = planPipeline(spec.value, modules, project, files);
      // Parameters that only the module itself can judge: asked now, and the plan is made again with the answers.
      if (!(await declarations.settle())) return planned;
    }
  };
  return {plan, observed: {modules: catalogue.found, exists}};
}
