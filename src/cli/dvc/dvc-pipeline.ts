// Plain DVC stages as the text of a pipeline. A command finds everything at the paths that it was written for: what other
// stages made is linked there, and what it wrote is moved to its outputs.

import type {JsonObject} from '../../core/json.ts';
import {type DvcFile, type DvcStage, objectOf, safeName} from './dvc-stages.ts';
import {modulesOf} from './script-imports.ts';

export interface DvcProject {
  /** What stands at a path of the project. */
  readonly kindOf: (path: string) => 'file' | 'folder' | null;
  /** The text of a file; `null` for what is none. */
  readonly read: (path: string) => string | null;
  /** Paths that dvc.lock knows as folders. */
  readonly lockedFolders: ReadonlySet<string>;
}

export interface DvcPipeline {
  /** As the pipeline is called. */
  readonly name: string;
  /** Groups of params.yaml that stages name. */
  readonly params: JsonObject;
  /** The stages as YAML's data. */
  readonly stages: Readonly<Record<string, JsonObject>>;
  /** By stage, and `''` for the whole file. */
  readonly notes: Readonly<Record<string, readonly string[]>>;
  /** Paths that lead out of the project. */
  readonly outside: readonly string[];
}

interface Made {
  readonly path: string;
  readonly stage: string;
  readonly output: string;
  readonly kind: 'file' | 'folder';
}

/** `place`: the folder of dvc.yaml and params.yaml, relative to the project; `.` is the project itself. */
export function pipelineOf(
  name: string,
  written: DvcFile,
  params: JsonObject,
  project: DvcProject,
  place: string,
): DvcPipeline {
  const file = {
    metrics: written.metrics.map(path => below(place, path)),
    notes: written.notes,
    stages: written.stages.map(stage => ({...stage, folder: below(place, stage.folder) || '.'})),
  };
  const made = file.stages.flatMap(stage => outputsOf(stage, project));
  const stages: Record<string, JsonObject> = {};
  const notes: Record<string, readonly string[]> = {'': file.notes};
  for (const stage of file.stages) {
    const said: string[] = [...stage.notes];
    stages[stage.name] = stageOf(
      stage,
      made,
      params,
      project,
      file.metrics,
      below(place, 'params.yaml'),
      said,
    );
    notes[stage.name] = said;
  }
  const given = new Set(Object.values(stages).flatMap(stage => Object.values(objectOf(stage.with ?? {}))));
  const used = Object.entries(params).filter(([group]) => given.has(referenceTo(group)));
  return {
    name: safeName(name),
    params: Object.fromEntries(used.map(([group, value]) => [safeName(group), value])),
    stages,
    notes,
    outside: [...new Set(file.stages.flatMap(pathsOf).filter(path => path.startsWith('../')))],
  };
}

const pathsOf = ({folder, deps, outs, metrics, paramFiles}: DvcStage): string[] =>
  [...deps, ...outs, ...metrics, ...paramFiles].map(path => below(folder, path));

function outputsOf(stage: DvcStage, project: DvcProject): Made[] {
  const taken = new Set<string>();
  return [...stage.outs, ...stage.metrics].map(written => {
    const path = below(stage.folder, written);
    const base = safeName((path.split('/').at(-1) ?? path).replace(/\.[^.]*$/, ''));
    let output = base;
    for (let n = 2; taken.has(output); n++) output = `${base}_${n}`;
    taken.add(output);
    const isFolder =
      project.lockedFolders.has(path) || (!/\.\w+$/.test(path) && project.kindOf(path) !== 'file');
    return {path, stage: stage.name, output, kind: isFolder ? 'folder' : 'file'};
  });
}

function stageOf(
  stage: DvcStage,
  made: readonly Made[],
  params: JsonObject,
  project: DvcProject,
  metrics: readonly string[],
  paramsFile: string,
  said: string[],
): JsonObject {
  const own = made.filter(({stage: by}) => by === stage.name);
  const listed = metrics.filter(path => own.some(each => isInside(each.path, path)));
  const inputs: Record<string, string> = {};
  const code = new Set<string>();
  const before: string[] = [];
  for (const written of stage.deps) {
    const path = below(stage.folder, written);
    const makers = made.filter(
      each =>
        each.stage !== stage.name &&
        (each.path === path || isInside(each.path, path) || isInside(path, each.path)),
    );
    for (const maker of makers) {
      const input = `${maker.stage}_${maker.output}`.replaceAll('-', '_');
      if (inputs[input] !== undefined) continue;
      inputs[input] = `${maker.stage}.${maker.output}`;
      const folder = folderOf(maker.path);
      if (folder !== '.') before.push(`mkdir -p ${quoted(folder)}`);
      before.push(`ln -s "$in_${input}" ${quoted(maker.path)}`);
    }
    if (makers.length > 0) continue;
    code.add(path);
    if (project.kindOf(path) === null)
      said.push(`${path} is not here: \`dvc pull\` or \`dvc import\` brings it`);
    if (!path.endsWith('.py')) continue;
    const modules = modulesOf(path, project);
    for (const each of modules) code.add(each);
    if (modules.length > 0) said.push(`${modules.join(', ')}: imported by ${path}, which DVC does not track`);
  }
  for (const path of stage.paramFiles) code.add(below(stage.folder, path));
  const declared = new Set(stage.params.map(groupOf));
  const isWhole = readsWholeParams(stage, [...code], project);
  const groups = isWhole ? [...new Set([...declared, ...Object.keys(params)])] : [...declared];
  if (isWhole && groups.length > declared.size)
    said.push('params.yaml: what reads it may read all of it, so every group counts');
  const values = groups.filter(group => params[group] !== undefined);
  for (const group of groups) {
    if (params[group] === undefined) said.push(`${group} is not in params.yaml`);
  }
  if (values.length > 0) {
    const pairs = values.map(group => `"${group}": %s`).join(', ');
    const given = values.map(group => `"$p_${safeName(group)}"`.replaceAll('-', '_')).join(' ');
    const folder = folderOf(paramsFile);
    if (folder !== '.') before.push(`mkdir -p ${quoted(folder)}`);
    before.push(`printf '{${pairs}}\\n' ${given} > ${quoted(paramsFile)}`);
  }
  const folders = [...new Set(own.map(({path}) => folderOf(path)))].filter(folder => folder !== '.');
  if (folders.length > 0) before.push(`mkdir -p ${folders.map(quoted).join(' ')}`);
  if (stage.folder !== '.' && !folders.includes(stage.folder))
    before.push(`mkdir -p ${quoted(stage.folder)}`);
  const commands =
    stage.folder === '.' ? stage.commands : ['(', `cd ${quoted(stage.folder)}`, ...stage.commands, ')'];
  const after = own.map(({path, output, kind}) => {
    const to = `"$out_${output.replaceAll('-', '_')}"`;
    return kind === 'folder' ? `cp -R ${quoted(path)}/. ${to}/` : `cp ${quoted(path)} ${to}`;
  });
  const metricFiles = [...stage.metrics.map(path => below(stage.folder, path)), ...listed];
  const readable = metricFiles.filter(path => path.endsWith('.json'));
  for (const path of metricFiles) {
    if (!readable.includes(path))
      said.push(`metrics of ${path} are kept as a file: only JSON is read as numbers`);
  }
  if (readable.length > 0) after.push(flattenMetrics(readable));
  return {
    ...(stage.about === null ? {} : {about: stage.about}),
    run: `${[...before, ...commands, ...after].join('\n')}\n`,
    ...(Object.keys(inputs).length === 0 ? {} : {in: inputs}),
    ...(values.length === 0
      ? {}
      : {
          with: Object.fromEntries(
            values.map(group => [`p_${safeName(group)}`.replaceAll('-', '_'), givenAs(params, group)]),
          ),
        }),
    ...(code.size === 0 ? {} : {code: [...code]}),
    ...(own.length === 0
      ? {}
      : {
          out: Object.fromEntries(
            own.map(({output, path, kind}) => [output, kind === 'folder' ? `${path}/` : path]),
          ),
        }),
    ...(stage.isVolatile ? {volatile: true} : {}),
  };
}

/** Whether a stage reads params.yaml beyond what it declares: its command names the file, or its scripts alone do. */
function readsWholeParams(
  {commands, params}: DvcStage,
  code: readonly string[],
  {read}: DvcProject,
): boolean {
  if (commands.some(command => command.includes('params.yaml'))) return true;
  return (
    params.length === 0 && code.some(path => path.endsWith('.py') && read(path)?.includes('params.yaml'))
  );
}

/** Numbers of nested maps, by dotted names; of several files together. */
const flattenMetrics = (paths: readonly string[]): string =>
  `node -e 'const m={},w=(v,n)=>{if(typeof v==="number")m[n]=v;else if(v&&typeof v==="object")` +
  `for(const[k,e]of Object.entries(v))w(e,n?n+"."+k:k)};` +
  `for(const f of process.argv.slice(1))w(JSON.parse(require("fs").readFileSync(f,"utf8")),"");` +
  `require("fs").writeFileSync(process.env.metrics,JSON.stringify(m))' ${paths.map(quoted).join(' ')}`;

/** A text as JSON, everything else by the pipeline's parameter, which a command gets as JSON. */
const givenAs = (params: JsonObject, group: string): string =>
  typeof params[group] === 'string' ? JSON.stringify(params[group]) : referenceTo(group);

const referenceTo = (group: string): string => `\${${safeName(group)}}`;

const groupOf = (key: string): string => key.split('.')[0] ?? key;
const folderOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.');
const isInside = (folder: string, path: string): boolean => path.startsWith(`${folder}/`);

/** `''` for the project itself; begins with `../` where it leads out of it. */
export function below(folder: string, path: string): string {
  const parts: string[] = [];
  for (const part of `${folder}/${path}`.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  return parts.join('/');
}

const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
