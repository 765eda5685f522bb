// dvc.yaml as plain stages: variables put in, `foreach` and `matrix` written out. What has no counterpart is said.

import {isJsonObject, type Json, type JsonObject} from '../../core/json.ts';

export interface DvcStage {
  readonly name: string;
  readonly about: string | null;
  readonly commands: readonly string[];
  /** Relative to the project; `.` is the project itself. */
  readonly folder: string;
  readonly deps: readonly string[];
  readonly outs: readonly string[];
  readonly metrics: readonly string[];
  /** Keys of params.yaml that count for it; a whole group by its name. */
  readonly params: readonly string[];
  /** Parameter files of other names, which count as a whole. */
  readonly paramFiles: readonly string[];
  readonly isVolatile: boolean;
  /** Line by line what was left out. */
  readonly notes: readonly string[];
}

export interface DvcFile {
  readonly stages: readonly DvcStage[];
  /** Metrics that dvc.yaml lists beside its stages: inside what one of them makes. */
  readonly metrics: readonly string[];
  readonly notes: readonly string[];
}

const KNOWN = new Set(
  'cmd wdir deps params outs metrics plots always_changed desc frozen meta vars foreach do matrix'.split(' '),
);

/** `document`: dvc.yaml; `variables`: params.yaml with what `vars` adds. */
export function readDvcStages(document: JsonObject, variables: JsonObject): DvcFile {
  const notes: string[] = [];
  for (const key of Object.keys(document)) {
    if (!['stages', 'vars', 'params', 'schema', 'metrics'].includes(key)) {
      notes.push(`${key} of dvc.yaml: left out`);
    }
  }
  const stages: DvcStage[] = [];
  for (const [name, written] of Object.entries(objectOf(document.stages))) {
    const entry = objectOf(written);
    for (const {suffix, body, scope} of cellsOf(entry, variables)) {
      stages.push(readStage(safeName(name + suffix), body, scope));
    }
  }
  const metrics = listOf(document.metrics).filter(each => typeof each === 'string');
  return {stages, metrics, notes};
}

interface DvcCell {
  readonly suffix: string;
  readonly body: JsonObject;
  readonly scope: JsonObject;
}

function cellsOf(entry: JsonObject, variables: JsonObject): DvcCell[] {
  if (entry.matrix !== undefined) {
    let cells: JsonObject[] = [{}];
    for (const [axis, values] of Object.entries(objectOf(fill(entry.matrix, variables)))) {
      cells = cells.flatMap(cell => listOf(values).map(value => ({...cell, [axis]: value})));
    }
    return cells.map(item => ({
      suffix: `_${Object.values(item).map(plain).join('_')}`,
      body: entry,
      scope: {...variables, item, key: Object.values(item).map(plain).join('-')},
    }));
  }
  if (entry.foreach === undefined) return [{suffix: '', body: entry, scope: variables}];
  const items = fill(entry.foreach, variables);
  const body = objectOf(entry.do);
  const pairs: [string, Json][] = Array.isArray(items)
    ? items.map((item, index): [string, Json] => [isJsonObject(item) ? String(index) : plain(item), item])
    : Object.entries(objectOf(items));
  return pairs.map(([key, item]) => ({suffix: `_${key}`, body, scope: {...variables, item, key}}));
}

function readStage(name: string, written: JsonObject, scope: JsonObject): DvcStage {
  const locals = listOf(written.vars).filter(isJsonObject);
  const body = objectOf(fill(written, Object.assign({}, scope, ...locals) as JsonObject));
  const notes: string[] = [];
  const pathsOf = (key: string): string[] =>
    listOf(body[key]).flatMap(each => {
      if (typeof each === 'string') return [each];
      const [path, options] = Object.entries(objectOf(each))[0] ?? [];
      if (path === undefined) return [];
      const kept = Object.keys(objectOf(options)).filter(
        option => !['cache', 'persist', 'desc', 'hash'].includes(option),
      );
      if (kept.length > 0) notes.push(`${kept.join(', ')} of ${path}: left out`);
      return [path];
    });
  for (const key of Object.keys(body)) if (!KNOWN.has(key)) notes.push(`${key}: left out`);
  if (body.frozen === true) notes.push('frozen: left out; a result that is known stays as it is');
  const params: string[] = [];
  const paramFiles: string[] = [];
  for (const each of listOf(body.params)) {
    if (typeof each === 'string') params.push(each);
    for (const [file, keys] of Object.entries(objectOf(each))) {
      if (file === 'params.yaml') params.push(...listOf(keys).map(plain));
      else {
        paramFiles.push(file);
        if (listOf(keys).length > 0) notes.push(`params of ${file}: the whole file counts`);
      }
    }
  }
  return {
    name,
    about: typeof body.desc === 'string' ? body.desc : null,
    commands: listOf(body.cmd).map(plain),
    folder: typeof body.wdir === 'string' ? body.wdir : '.',
    deps: pathsOf('deps'),
    outs: [...pathsOf('outs'), ...pathsOf('plots')],
    metrics: pathsOf('metrics'),
    params,
    paramFiles,
    isVolatile: body.always_changed === true,
    notes,
  };
}

/** Values for `${a.b[0]}`; in a text, a map is written as options of a command, as DVC does. */
function fill(value: Json, scope: JsonObject): Json {
  if (Array.isArray(value)) return value.map(each => fill(each, scope));
  if (isJsonObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [
        plain(fill(key, scope)),
        key === 'foreach' || key === 'do' ? each : fill(each, scope),
      ]),
    );
  }
  if (typeof value !== 'string') return value;
  const whole = /^\$\{([^{}]+)\}$/.exec(value)?.[1];
  if (whole !== undefined) return lookUp(whole, scope) ?? value;
  return value.replace(/(\\?)\$\{([^{}]+)\}/g, (written, escaped: string, path: string) => {
    if (escaped !== '') return written.slice(1);
    const found = lookUp(path, scope);
    return found === undefined ? written : isJsonObject(found) ? optionsOf(found, '') : plain(found);
  });
}

function lookUp(path: string, scope: JsonObject): Json | undefined {
  let at: Json | undefined = scope;
  for (const step of path
    .trim()
    .replace(/\[(\w+)\]/g, '.$1')
    .split('.')) {
    if (Array.isArray(at)) at = at[Number(step)];
    else at = isJsonObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }
  return at;
}

function optionsOf(map: JsonObject, prefix: string): string {
  return Object.entries(map)
    .flatMap(([name, value]) => {
      if (isJsonObject(value)) return [optionsOf(value, `${prefix}${name}.`)];
      if (value === true) return [`--${prefix}${name}`];
      if (value === false || value === null) return [];
      const values = listOf(value).map(each => `'${plain(each).replaceAll("'", `'\\''`)}'`);
      return [`--${prefix}${name} ${values.join(' ')}`];
    })
    .join(' ');
}

export const objectOf = (value: Json | undefined): JsonObject => (isJsonObject(value) ? value : {});
export const listOf = (value: Json | undefined): readonly Json[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
const plain = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** As a pipeline takes it. */
export const safeName = (name: string): string =>
  name.replace(/[^A-Za-z0-9_-]+/g, '_').replace(/^(?![A-Za-z_])/, '_');
