// Parameters that name files of the project: what they name is declared with the stage, as if it stood under `files`.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Json, JsonObject} from '../core/json.ts';
import type {Span} from '../core/source.ts';
import type {StageSpec} from '../spec/spec.ts';
import {jsonOf} from '../spec/tree.ts';
import type {LoadedStage} from './catalogue.ts';
import type {Instance} from './plan.ts';
import type {ProjectFiles} from './project-files.ts';

const PREFIX = './';

interface FileParameter {
  readonly name: string;
  readonly value: string;
  /** As the stage finds it in `files`. */
  readonly path: string;
}

function fileParametersOf(module: LoadedStage | null, params: JsonObject): readonly FileParameter[] {
  return (module?.declaration.fileParams ?? []).flatMap(name => {
    const value = params[name];
    return typeof value === 'string' && value.startsWith(PREFIX)
      ? [{name, value, path: value.slice(PREFIX.length)}]
      : [];
  });
}

/** The files that parameters name. */
export const filesNamed = (module: LoadedStage | null, params: JsonObject): readonly string[] =>
  fileParametersOf(module, params).map(({path}) => path);

/** Reports what is named and is not there, at the place where it is written. */
export function checkFilesNamed(
  spec: StageSpec,
  module: LoadedStage | null,
  instances: readonly Instance[],
  project: ProjectFiles,
  report: (diagnostic: Diagnostic) => void,
): void {
  const missing = new Map<string, FileParameter>();
  for (const {params} of instances)
    for (const parameter of fileParametersOf(module, params))
      if (!missing.has(parameter.value) && !project.isFile(parameter.path))
        missing.set(parameter.value, parameter);
  for (const {name, value} of missing.values()) {
    const message = `expected a file of the project for ${name}, got '${value}', which is not there`;
    const hint = 'paths are relative to the folder of the project';
    report(mistake('missing-file', message, placeOf(spec, name, value), {hint}));
  }
}

/** Where a stage writes the value, under `with` or as an axis; its name where another file gives it. */
function placeOf({values, matrix, name: stage}: StageSpec, name: string, value: Json): Span {
  const own = values.get(name)?.node;
  if (own !== undefined && jsonOf(own) === value) return own.span;
  const products = matrix.kind === 'products' ? matrix.products : [];
  const written = products
    .flatMap(({axes}) => axes.filter(axis => axis.name.value === name))
    .flatMap(({values}) => values)
    .find(node => node.value === value);
  return written?.span ?? stage.span;
}
