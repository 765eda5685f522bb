// `pipe show`: all that is known of an instance, or of an artifact by its digest.

import type {Action, ActionInput, Artifact} from '../../action/action.ts';
import {type Digest, shortDigest} from '../../core/digest.ts';
import type {Json} from '../../core/json.ts';
import type {Instance} from '../../plan/plan.ts';
import {producersIn} from '../../plan/plan-graph.ts';
import {
  formatBytes,
  formatDuration,
  formatNumber,
  formatTime,
  formatValue,
  plural,
} from '../../report/format.ts';
import {type Palette, paletteOf} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {openPipeline, type Pipeline} from '../pipeline.ts';
import {findInstances, type Known, knownOf, metricNames, readLog} from '../results.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';

export async function show(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const pipeline = await openPipeline(shell, args, options);
  const [what, ...more] = pipeline.chosen.rest;
  if (more.length > 0)
    refuse('too-many-arguments', `expected one instance or artifact, got '${more.join(' ')}' as well`);
  const palette = paletteOf(outside.stdout.colors);
  const {plan} = pipeline;
  if (
    what !== undefined &&
    /^[0-9a-f]{6,64}$/.test(what) &&
    !plan.instances.some(({stage}) => stage === what)
  ) {
    const found = findArtifact(pipeline, what);
    if (options.json) printJson(outside, artifactJson(found));
    else print(outside, drawArtifact(pipeline, found, palette));
    return EXIT.ok;
  }
  const instances = findInstances(plan, what === undefined ? [] : [what]);
  const all = await Promise.all(
    instances.map(async instance => ({instance, known: await knownOf(pipeline, instance.id)})),
  );
  const [only] = all;
  if (options.json) {
    const values = all.map(({instance, known}) => instanceJson(pipeline, instance, known));
    printJson(outside, only !== undefined && all.length === 1 ? (values[0] ?? null) : values);
  } else if (only !== undefined && all.length === 1) {
    print(outside, drawInstance(pipeline, only.instance, only.known, palette));
  } else print(outside, drawMany(all, palette));
  await pipeline.workspace.cache.close();
  return EXIT.ok;
}

const LOG_LINES = 10;
const PAIRS: readonly Column[] = [
  {header: '', align: 'left'},
  {header: '', align: 'left'},
];

function pairs(title: string, rows: readonly (readonly [string, string])[], palette: Palette): string[] {
  if (rows.length === 0) return [];
  const drawn = renderTable(
    PAIRS,
    rows.map(([name, value]) => [`  ${name}`, value]),
  );
  return ['', palette.strong(title), ...drawn];
}

function drawInstance(
  pipeline: Pipeline,
  instance: Instance,
  known: Known | undefined,
  palette: Palette,
): string[] {
  const {work} = instance;
  const result = known?.result;
  const params = known?.action?.params ?? instance.params;
  const head = [
    `${palette.name(instance.id)} ${palette.dim(`of ${pipeline.plan.pipeline}`)}`,
    work.kind === 'module' ? palette.dim(`uses ${work.uses}`) : palette.dim(firstLine(work.command)),
  ];
  const lines = [
    ...head,
    ...pairs(
      'parameters',
      Object.entries(params).map(([name, value]) => [name, formatValue(value)]),
      palette,
    ),
  ];
  lines.push(...pairs('inputs', inputRows(instance, known?.action, palette), palette));
  if (known === undefined || result === undefined) {
    const status = known === undefined ? 'it never ran' : `the last try: ${known.last.status}`;
    return [...lines, '', palette.warning(status)];
  }
  const {made} = result;
  lines.push(
    ...pairs(
      'outputs',
      Object.entries(result.outputs).map(([name, artifact]) => [name, describeArtifact(artifact, palette)]),
      palette,
    ),
  );
  const metrics = Object.entries(result.metrics);
  if (metrics.length > 0) {
    const columns: Column[] = [
      {header: '', align: 'left'},
      {header: '', align: 'number'},
    ];
    lines.push('', palette.strong('metrics'));
    lines.push(
      ...renderTable(
        columns,
        metrics.map(([name, value]) => [`  ${name}`, formatNumber(value)]),
      ),
    );
  }
  lines.push(...pairs('code', codeRows(pipeline, known.action, palette), palette));
  lines.push(
    ...pairs(
      'made',
      [
        ['in', `run ${made.run}, ${formatTime(made.startedAt)}`],
        ['took', formatDuration(made.durationMs)],
        [
          'on',
          [made.host, made.platform, made.device, plural(made.cpus, 'cpu')]
            .filter(part => part !== '')
            .join(', '),
        ],
        ['key', known.last.resultOf ?? known.last.fingerprint],
      ],
      palette,
    ),
  );
  const log = readLog(pipeline.workspace, result.log)
    .trimEnd()
    .split('\n')
    .filter(line => line !== '');
  if (log.length > 0) {
    const hidden = log.length - LOG_LINES;
    lines.push(
      '',
      `${palette.strong('log')}${hidden > 0 ? palette.dim(` the last ${LOG_LINES} of ${log.length} lines`) : ''}`,
    );
    lines.push(...log.slice(-LOG_LINES).map(line => `  ${line}`));
  }
  return lines;
}

function inputRows(instance: Instance, action: Action | undefined, palette: Palette): [string, string][] {
  return Object.entries(instance.inputs).map(([name, edge]) => {
    const producers = producersIn(edge);
    const named = producers.slice(0, 3).map(({id, output}) => (output === null ? id : `${id}.${output}`));
    const more = producers.length > named.length ? `, … (${producers.length} in all)` : '';
    const content = action?.inputs[name];
    return [
      name,
      `${named.join(', ')}${more}${content === undefined ? '' : palette.dim(`  ${describeContent(content)}`)}`,
    ];
  });
}

function describeContent(input: ActionInput): string {
  if (input.kind === 'each') return plural(input.contents.length, 'cell');
  return Object.entries(input.content.outputs)
    .map(([name, {artifact}]) => `${name} ${shortDigest(artifact.digest)}`)
    .join(', ');
}

const describeArtifact = ({kind, digest, size}: Artifact, palette: Palette): string =>
  `${shortDigest(digest)}  ${formatBytes(size)}${kind === 'folder' ? ' folder' : ''}${palette.dim(`  ${digest}`)}`;

function codeRows(pipeline: Pipeline, action: Action | undefined, palette: Palette): [string, string][] {
  if (action === undefined) return [];
  if (action.work.kind === 'shell') {
    return Object.entries(action.work.code).map(([path, {digest}]) => [path, shortDigest(digest)]);
  }
  const rows: [string, string][] = [
    [action.work.kind === 'module' ? 'bundle' : 'code', shortDigest(action.work.code)],
  ];
  const sources = pipeline.workspace.code.manifestOf(action.work.code) ?? {};
  for (const [path, file] of Object.entries(sources)) {
    if (file.isBundled)
      rows.push([path, file.importedBy === null ? '' : palette.dim(`imported by ${file.importedBy}`)]);
  }
  for (const [name, version] of Object.entries(action.work.packages))
    rows.push([palette.dim(name), palette.dim(version)]);
  return rows;
}

const firstLine = (text: string): string => text.trim().split('\n', 1)[0] ?? '';

const METRICS_SHOWN = 5;

function drawMany(
  all: readonly {readonly instance: Instance; readonly known: Known | undefined}[],
  palette: Palette,
): string[] {
  const metrics = metricNames(all.map(({known}) => known?.result)).slice(0, METRICS_SHOWN);
  const columns: Column[] = [
    {header: 'instance', align: 'left'},
    {header: 'took', align: 'right'},
    ...metrics.map((header): Column => ({header, align: 'number'})),
  ];
  const rows = all.map(({instance, known}) => [
    instance.id,
    known?.result === undefined ? palette.dim('never run') : formatDuration(known.result.made.durationMs),
    ...metrics.map(name => {
      const value = known?.result?.metrics[name];
      return value === undefined ? '' : formatNumber(value);
    }),
  ]);
  return renderTable(columns, rows, palette.dim);
}

function instanceJson({plan}: Pipeline, instance: Instance, known: Known | undefined): Json {
  const result = known?.result;
  return {
    id: instance.id,
    pipeline: plan.pipeline,
    stage: instance.stage,
    cell: instance.cell,
    params: known?.action?.params ?? instance.params,
    inputs: Object.fromEntries(
      Object.entries(instance.inputs).map(([name, edge]) => [
        name,
        producersIn(edge).map(({id, output}) => ({id, output})),
      ]),
    ),
    status: known?.last.status ?? 'never-run',
    fingerprint: known?.last.fingerprint ?? null,
    outputs:
      result === undefined
        ? null
        : Object.fromEntries(
            Object.entries(result.outputs).map(([name, {kind, digest, size}]) => [
              name,
              {kind, digest, size},
            ]),
          ),
    metrics: result?.metrics ?? null,
    log: result?.log ?? null,
    made: result === undefined ? null : {...result.made},
  };
}

interface FoundArtifact {
  readonly artifact: Artifact;
  readonly makers: readonly {readonly id: string; readonly output: string}[];
}

/** The artifact whose digest begins so, among the last results of this pipeline. */
function findArtifact({plan, workspace}: Pipeline, prefix: string): FoundArtifact {
  const found = new Map<Digest, {artifact: Artifact; makers: {id: string; output: string}[]}>();
  for (const {id} of plan.instances) {
    const outputs = workspace.ledger.last(plan.pipeline, id)?.result?.outputs ?? {};
    for (const [output, artifact] of Object.entries(outputs)) {
      if (!artifact.digest.startsWith(prefix)) continue;
      const known = found.get(artifact.digest) ?? {artifact, makers: []};
      known.makers.push({id, output});
      found.set(artifact.digest, known);
    }
  }
  const [only] = found.values();
  if (only !== undefined && found.size === 1) return only;
  const what = found.size === 0 ? 'no artifact' : `${found.size} artifacts`;
  return refuse(
    'unknown-artifact',
    `expected an artifact of ${plan.pipeline}, but ${what} of its last results begins with ${prefix}`,
  );
}

const FILES_SHOWN = 20;

function drawArtifact({workspace}: Pipeline, {artifact, makers}: FoundArtifact, palette: Palette): string[] {
  const lines = [
    `${palette.name(artifact.digest)}`,
    `${artifact.kind}, ${formatBytes(artifact.size)}`,
    ...pairs(
      'made by',
      makers.map(({id, output}) => [id, palette.dim(output)]),
      palette,
    ),
  ];
  const files = workspace.blobs.filesOf(artifact);
  if (artifact.kind === 'file' || !files.ok) return lines;
  const columns: Column[] = [
    {header: '', align: 'left'},
    {header: '', align: 'right'},
    {header: '', align: 'left'},
  ];
  const rows = files.value
    .slice(0, FILES_SHOWN)
    .map(({path, digest, size}) => [`  ${path}`, formatBytes(size), palette.dim(shortDigest(digest))]);
  const more = files.value.length - FILES_SHOWN;
  lines.push('', palette.strong(plural(files.value.length, 'file')), ...renderTable(columns, rows));
  return more > 0 ? [...lines, palette.dim(`  and ${more} more`)] : lines;
}

const artifactJson = ({artifact, makers}: FoundArtifact): Json => ({
  kind: artifact.kind,
  digest: artifact.digest,
  size: artifact.size,
  madeBy: makers.map(({id, output}) => ({id, output})),
});
