// `pipe stages`: the stage modules that a pipeline of this project can use; of one, its parameters, inputs and outputs
// with their formats, and a snippet to paste. `--markdown` writes all of them as a page of the manual.

import {printable} from '../../core/printable.ts';
import type {LoadedStage} from '../../plan/catalogue.ts';
import {type ParameterRow, parameterRows} from '../../plan/parameter-table.ts';
import {paletteOf} from '../../report/palette.ts';
import {renderTable} from '../../report/table.ts';
import type {OutputDeclaration} from '../../stage/define.ts';
import {Declarations} from '../declarations.ts';
import {EXIT, type ExitCode, UserMistakes} from '../exit.ts';
import {ModuleCatalogue} from '../module-catalogue.ts';
import {findProject} from '../project.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';
import {openWorkspace} from '../workspace.ts';

export async function stages(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const workspace = await openWorkspace(shell, findProject(outside.cwd));
  const folders = {project: workspace.project, packageRoot: shell.packageRoot};
  const catalogue = new ModuleCatalogue(folders, workspace.code, new Declarations(workspace));
  const load = async (uses: string): Promise<LoadedStage> => {
    const loaded = await catalogue.load(uses, {file: {path: 'stages', text: ''}, start: 0, end: 0});
    if (!loaded.ok) throw new UserMistakes([{...loaded.error, span: undefined}]);
    return loaded.value;
  };
  const [one] = args;
  const names = one === undefined ? await catalogue.names() : [one];
  const loaded = await Promise.all(names.map(load));
  if (options.json) {
    printJson(outside, loaded.map(stageJson));
  } else if (options.markdown) {
    print(outside, manualPage(loaded).map(printable));
  } else if (one !== undefined) {
    for (const stage of loaded) print(outside, stageLines(shell, stage));
  } else {
    const palette = paletteOf(outside.stdout.colors);
    const rows = loaded.map(({uses, declaration}) => [palette.strong(uses), printable(declaration.about)]);
    const columns = [
      {header: '', align: 'left'},
      {header: '', align: 'left'},
    ] as const;
    print(outside, [
      ...renderTable(columns, rows),
      '',
      palette.dim('pipe stages NAME says what one takes and makes'),
    ]);
  }
  return EXIT.ok;
}

interface Port {
  readonly name: string;
  /** Such as `one`, `each`, `file weights.safetensors`. */
  readonly kind: string;
  readonly holds: string;
}

const inputsOf = ({declaration: {inputs, holds = {}}}: LoadedStage): Port[] =>
  Object.entries(inputs).map(([name, arity]) => ({name, kind: arity, holds: textOf(holds, name)}));

const outputsOf = ({declaration: {outputs, holds = {}}}: LoadedStage): Port[] =>
  Object.entries(outputs).map(([name, output]) => ({
    name,
    kind: describeOutput(name, output),
    holds: textOf(holds, name),
  }));

function describeOutput(name: string, output: OutputDeclaration): string {
  return typeof output === 'string' ? `${output} ${name}` : `${output.kind} ${output.name}`;
}

/** Declarations of the user's own modules are only known at run time. */
function textOf(holds: Readonly<Record<string, unknown>>, name: string): string {
  const text = holds[name];
  return typeof text === 'string' ? text : '';
}

const fallbackOf = ({fallback, isRequired}: ParameterRow): string =>
  fallback ?? (isRequired ? 'required' : 'none');

function stageLines({outside}: Shell, stage: LoadedStage): string[] {
  const palette = paletteOf(outside.stdout.colors);
  const rows = parameterRows(stage);
  const left = (header: string) => ({header, align: 'left' as const});
  const ports = (title: string, list: readonly Port[]): string[] =>
    list.length === 0
      ? []
      : [
          '',
          palette.strong(title),
          ...renderTable(
            [left(''), left(''), left('')],
            list.map(({name, kind, holds}) => [`  ${name}`, palette.dim(kind), printable(holds)]),
          ),
        ];
  return [
    `${palette.strong(stage.uses)}: ${printable(stage.declaration.about)}`,
    ...ports('inputs', inputsOf(stage)),
    ...ports('outputs', outputsOf(stage)),
    ...(rows.length === 0 ? [] : ['', palette.strong('parameters')]),
    ...(rows.length === 0
      ? []
      : renderTable(
          [left('  name'), left('takes'), left('default'), left('')],
          rows.map(row => [
            `  ${printable(row.name)}`,
            printable(row.takes),
            printable(fallbackOf(row)),
            palette.dim(printable(row.meaning)),
          ]),
          palette.dim,
        )),
    '',
    palette.strong('to paste'),
    ...snippet(stage).map(line => `  ${line}`),
  ];
}

/** A part of a pipeline file that uses the stage. */
function snippet(stage: LoadedStage): string[] {
  const name = stage.uses.replace(/^.*\//, '').replace(/\.[^.]*$/, '');
  const inputs = Object.entries(stage.declaration.inputs)
    .filter(([, arity]) => arity !== 'optional')
    .map(([input, arity]) => (arity === 'each' ? `${input}: {each: STAGE}` : `${input}: STAGE`));
  const params = parameterRows(stage)
    .filter(({isRequired}) => isRequired)
    .map(row => `${row.name}: ${row.takes.split(' | ')[0] ?? ''}`);
  return [
    `${name}:`,
    `  uses: ${stage.uses}`,
    ...(inputs.length === 0 ? [] : [`  in: {${inputs.join(', ')}}`]),
    ...(params.length === 0 ? [] : [`  with: {${params.join(', ')}}`]),
  ];
}

function stageJson(stage: LoadedStage) {
  const {uses, declaration} = stage;
  return {
    uses,
    about: declaration.about,
    inputs: inputsOf(stage).map(port => ({...port})),
    outputs: outputsOf(stage).map(port => ({...port})),
    parameters: parameterRows(stage).map(row => ({...row})),
  };
}

function manualPage(loaded: readonly LoadedStage[]): string[] {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const code = (text: string): string => (text === '' ? '' : `\`${cell(text)}\``);
  const ports = (title: string, list: readonly Port[]): string[] =>
    list.length === 0
      ? []
      : [
          `| ${title} | | holds |`,
          '| --- | --- | --- |',
          ...list.map(({name, kind, holds}) => `| \`${name}\` | ${kind} | ${cell(holds)} |`),
          '',
        ];
  return [
    '# Built-in stages',
    '',
    'Made by `pipe stages --markdown`; `pipe stages NAME` says the same of one, and of your own.',
    '',
    ...loaded.flatMap(stage => {
      const rows = parameterRows(stage);
      return [
        `## ${stage.uses}`,
        '',
        stage.declaration.about,
        '',
        ...ports('input', inputsOf(stage)),
        ...ports('output', outputsOf(stage)),
        ...(rows.length === 0
          ? []
          : [
              '| parameter | takes | default | |',
              '| --- | --- | --- | --- |',
              ...rows.map(
                row =>
                  `| \`${row.name}\` | ${cell(row.takes)} | ${row.fallback === null ? fallbackOf(row) : code(row.fallback)} | ${cell(row.meaning)} |`,
              ),
              '',
            ]),
        '```yaml',
        ...snippet(stage),
        '```',
        '',
      ];
    }),
  ].slice(0, -1);
}
