// `pipe schema`: the JSON Schema of the pipeline file with the parameters of every stage of this project, for editors;
// or, with --events, of the lines that `pipe run --json` writes.

import {writeNamedFile} from '../../host/atomic-file.ts';
import {paletteOf} from '../../report/palette.ts';
import {Declarations} from '../declarations.ts';
import {EXIT, type ExitCode, UserMistakes} from '../exit.ts';
import {ModuleCatalogue} from '../module-catalogue.ts';
import {findProject} from '../project.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';
import {fromCwd, openWorkspace} from '../workspace.ts';

export async function schema(shell: Shell, {options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const value = options.events ? await eventSchema() : await fileSchema(shell, shell.outside.cwd);
  const text = JSON.stringify(value, null, 2);
  if (options.output === undefined) {
    print(outside, [text]);
    return EXIT.ok;
  }
  writeNamedFile(fromCwd(shell, options.output), `${text}\n`);
  const palette = paletteOf(outside.stdout.colors);
  print(outside, [`${palette.done('✓')} ${options.output}`]);
  if (!options.events) {
    const line = `# yaml-language-server: $schema=${options.output}`;
    print(outside, [palette.dim(`  editors use it where a pipeline begins with: ${line}`)]);
  }
  return EXIT.ok;
}

async function eventSchema(): Promise<unknown> {
  const {eventJsonSchema} = await import('../../report/event-schema.ts');
  return eventJsonSchema();
}

/** The schema of pipeline files in the project of `folder`. Throws `UserMistakes` of its stage modules. */
export async function fileSchema(shell: Shell, folder: string): Promise<unknown> {
  const {pipelineSchema} = await import('../../plan/schema.ts');
  const workspace = await openWorkspace(shell, findProject(folder));
  const catalogue = new ModuleCatalogue(
    {project: workspace.project, packageRoot: shell.packageRoot},
    workspace.code,
    new Declarations(workspace),
  );
  const names = await catalogue.names();
  const file = {path: 'stages', text: ''};
  const loaded = await Promise.all(names.map(name => catalogue.load(name, {file, start: 0, end: 0})));
  const mistakes = loaded.flatMap(each => (each.ok ? [] : [{...each.error, span: undefined}]));
  if (mistakes.length > 0) throw new UserMistakes(mistakes);
  return pipelineSchema(loaded.flatMap(each => (each.ok ? [each.value] : [])));
}
