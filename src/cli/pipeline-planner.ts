// Reads and plans a pipeline from its text. Loaded only when no plan is kept.

import type {Diagnostic} from '../core/diagnostic.ts';
import type {Result} from '../core/result.ts';
import {loadStages} from '../plan/catalogue.ts';
import type {Plan} from '../plan/plan.ts';
import type {PlanFiles} from '../plan/plan-files.ts';
import {planPipeline} from '../plan/planner.ts';
import {findWarnings} from '../plan/warnings.ts';
import {readPipeline, type TreeCache} from '../spec/read-pipeline.ts';
import type {PipelineSpec} from '../spec/spec.ts';
import {Declarations} from './declarations.ts';
import {DiskFiles} from './disk-files.ts';
import {UserMistakes} from './exit.ts';
import {ModuleCatalogue} from './module-catalogue.ts';
import type {Observed, PlanQuestion} from './plan-cache.ts';
import {readSiblings, siblingTexts} from './sibling-pipelines.ts';
import type {StageFolders} from './stage-modules.ts';
import type {Workspace} from './workspace.ts';

export type Planned = Result<Plan, readonly Diagnostic[]>;

export interface Planner {
  readonly spec: PipelineSpec;
  readonly plan: (files: PlanFiles) => Promise<Planned>;
  readonly warnings: () => readonly Diagnostic[];
  /** What was looked at so far. */
  readonly observed: () => Observed;
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
  const {file, profile, set, pools} = question;
  const spec = await readPipeline({path: file, text}, {profile, set, trees});
  if (!spec.ok) throw new UserMistakes(spec.error);
  const declarations = new Declarations(workspace);
  const catalogue = new ModuleCatalogue(folders, workspace.code, declarations);
  const modules = await loadStages(spec.value, catalogue);
  const project = new DiskFiles(folders.project);
  const publishes = [...spec.value.stages.values()].some(({publish}) => publish !== null);
  const siblings = publishes ? await readSiblings(folders.project, file, trees) : [];
  return {
    spec: spec.value,
    async plan(files) {
      for (;;) {
        const planned = planPipeline(spec.value, modules, project, files, siblings, pools);
        // Parameters that only the module itself can judge: asked now, and the plan is made again with the answers.
        if (!(await declarations.settle())) return planned;
      }
    },
    warnings: () => findWarnings(spec.value, project),
    observed: () => ({
      modules: catalogue.found,
      answers: project.answers,
      siblings: publishes ? siblingTexts(folders.project, file) : null,
    }),
  };
}
