// What people should look at in a sound pipeline: it stops nothing.

import {type Diagnostic, warning} from '../core/diagnostic.ts';
import type {PipelineSpec} from '../spec/spec.ts';
import {findUntracked} from './commands.ts';
import type {ProjectFiles} from './project-files.ts';

/** In the order of the file. */
export function findWarnings(spec: PipelineSpec, project: ProjectFiles): readonly Diagnostic[] {
  const unused = spec.unused.map(({value, span}) =>
    warning('unused-parameter', `the parameter ${value} is declared, and no stage refers to it`, span, {
      hint: `use it as a whole value, "\${${value}}", or remove it`,
    }),
  );
  return [...unused, ...[...spec.stages.values()].flatMap(stage => findUntracked(stage, project))];
}
