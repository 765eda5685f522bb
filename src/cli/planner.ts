// Reads and plans a pipeline from its text. Loaded only when no plan is kept, or for matrices that stages make.

import {existsSync} from 'node:fs';
import {join} from 'node:path';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {Json} from '../core/json.ts';
import {err, type Result} from '../core/result.ts';
import {loadStages} from '../plan/catalogue.ts';
import {readCells} from '../plan/cells.ts';
import type {Plan} from '../plan/plan.ts';
import {planPipeline} from '../plan/planner.ts';
import {readPipeline, type TreeCache} from '../spec/read-pipeline.ts';
import type {Cell} from '../stage/define.ts';
import {UserMistakes} from './exit.ts';
import {ModuleCatalogue} from './module-catalogue.ts';
import type {PlanQuestion} from './plan-cache.ts';
import type {StageFolders} from './stage-modules.ts';
import type {Workspace} from './workspace.ts';

export type Planned = Result<Plan, readonly Diagnostic[]>;

export interface Planner {
  readonly plan: (matrices: ReadonlyMap<string, Json>) => Promise<Planned>;
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
  const catalogue = new ModuleCatalogue(folders, workspace.code);
  const modules = await loadStages(spec.value, catalogue);
  const exists = new Map<string, boolean>();
  const project = {
    exists(path: string): boolean {
      const answer = existsSync(join(folders.project, path));
      exists.set(path, answer);
      return answer;
    },
  };
  const plan = async (contents: ReadonlyMap<string, Json>): Promise<Planned> => {
    const matrices = new Map<string, readonly Cell[]>();
    const mistakes: Diagnostic[] = [];
    for (const [stage, content] of contents) {
      const cells = await readCells({path: `matrix of ${stage}`, text: JSON.stringify(content, null, 2)});
      if (cells.ok) matrices.set(stage, cells.value);
      else mistakes.push(...cells.error);
    }
    return mistakes.length > 0 ? err(mistakes) : planPipeline(spec.value, modules, project, matrices);
  };
  return {plan, observed: {modules: catalogue.found, exists}};
}
