// An instance as `pipe show` tells it: parameters, inputs, outputs, metrics, code, how it was made, log.

import type {Action, ActionInput, ActionResult, Artifact} from '../../action/action.ts';
import {shortDigest} from '../../core/digest.ts';
import type {Json} from '../../core/json.ts';
import {printable} from '../../core/printable.ts';
import type {Instance, Plan} from '../../plan/plan.ts';
import {producersIn} from '../../plan/plan-graph.ts';
import {auditLines} from '../../report/audit-text.ts';
import {describeFailure} from '../../report/failure.ts';
import {formatBytes, formatDuration, formatNumber, formatValue, plural} from '../../report/format.ts';
import type {Palette} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import {type Found, type Inquiry, type Known, missingText} from '../inquiry.ts';
import {metricsToShow, readLog} from '../results.ts';
import type {Workspace} from '../workspace.ts';
import {madeRows, USAGE_COLUMNS, usageCells} from './made.ts';
import {drawPairs, type Painted} from './pairs.ts';

const LOG_LINES = 10;

export async function drawInstance(inquiry: Inquiry, known: Known, palette: Palette): Promise<string[]> {
  const {instance, failed} = known;
  const {work, params} = instance;
  const action = known.action ?? undefined;
  const values = Object.entries(action?.params ?? params);
  const lines = [
    `${palette.name(printable(instance.id))} ${palette.dim(`of ${inquiry.plan.pipeline}`)}`,
    palette.dim(work.kind === 'module' ? `uses ${work.uses}` : printable(firstLine(work.command))),
    ...drawPairs(
      'parameters',
      values.map(([name, value]) => [name, printable(formatValue(value))]),
      palette,
    ),
    ...drawPairs('inputs', inputRows(instance, action, palette), palette),
    ...drawPairs('environment', environmentRows(action, palette), palette),
  ];
  if (known.status === 'found') lines.push(...drawResult(known.result, palette, droppedOf(inquiry, known)));
  lines.push(...drawCode(inquiry.pipeline.workspace, action, palette));
  if (known.status === 'found') {
    const rows = madeRows(known.result, known.fingerprint);
    lines.push(...drawPairs('made', rows, palette));
  } else lines.push('', palette.warning(printable(missingText(known))));
  if (failed !== undefined && known.status === 'found') {
    const how = failed.failure === null ? 'was stopped' : `failed: ${describeFailure(failed.failure)}`;
    lines.push('', palette.warning(printable(`the last try, in run ${failed.run}, ${how}`)));
  }
  lines.push(...drawAudit(inquiry, instance, palette));
  const log = failed?.log ?? (known.status === 'found' ? known.result.log : null);
  return log === null
    ? lines
    : [...lines, ...drawLog(await readLog(inquiry.pipeline.workspace, log), palette)];
}

/** What was seen of it when it was last looked at (`pipe run --audit`). */
function drawAudit({pipeline, plan}: Inquiry, {id, work}: Instance, palette: Palette): string[] {
  const seen = pipeline.workspace.ledger.auditOf(plan.pipeline, id);
  if (seen === undefined) return [];
  const title = `${palette.strong('audit')}${palette.dim(` in run ${seen.run}`)}`;
  return ['', title, ...auditLines(seen.audit, work.kind === 'shell', palette).map(line => `  ${line}`)];
}

/** Temporary outputs whose bytes are not here. */
const droppedOf = ({pipeline}: Inquiry, {instance, result}: Found): ReadonlySet<string> =>
  new Set(
    instance.temporary.filter(name => {
      const artifact = result.outputs[name];
      return artifact !== undefined && pipeline.workspace.blobs.findLoss(artifact) !== undefined;
    }),
  );

/** `dropped`: outputs whose bytes went on purpose. */
export function drawResult(
  {outputs, metrics}: ActionResult,
  palette: Palette,
  dropped: ReadonlySet<string> = new Set(),
): string[] {
  const rows = Object.entries(outputs).map(
    ([name, artifact]): Painted => [
      name,
      `${describeArtifact(artifact, palette)}${dropped.has(name) ? '  dropped: temporary' : ''}`,
    ],
  );
  const lines = drawPairs('outputs', rows, palette);
  if (Object.keys(metrics).length === 0) return lines;
  const columns: Column[] = [
    {header: '', align: 'left'},
    {header: '', align: 'number'},
  ];
  const cells = Object.entries(metrics).map(([name, value]) => [`  ${printable(name)}`, formatNumber(value)]);
  return [...lines, '', palette.strong('metrics'), ...renderTable(columns, cells)];
}

export function drawLog(text: string, palette: Palette): string[] {
  const log = printable(text)
    .trimEnd()
    .split('\n')
    .filter(line => line !== '');
  if (log.length === 0) return [];
  const hidden = log.length - LOG_LINES;
  const note = hidden > 0 ? palette.dim(` the last ${LOG_LINES} of ${log.length} lines`) : '';
  return ['', `${palette.strong('log')}${note}`, ...log.slice(-LOG_LINES).map(line => `  ${line}`)];
}

function inputRows(instance: Instance, action: Action | undefined, palette: Palette): Painted[] {
  return Object.entries(instance.inputs).map(([name, edge]) => {
    const producers = producersIn(edge);
    const named = producers.slice(0, 3).map(({id, output}) => (output === null ? id : `${id}.${output}`));
    const more = producers.length > named.length ? `, … (${producers.length} in all)` : '';
    const content = action?.inputs[name];
    const text = printable(`${named.join(', ')}${more}`);
    return [name, `${text}${content === undefined ? '' : palette.dim(`  ${describeContent(content)}`)}`];
  });
}

export function describeContent(input: ActionInput): string {
  if (input.kind === 'each') return plural(input.contents.length, 'cell');
  return Object.entries(input.content.outputs)
    .map(([name, {artifact}]) => `${name} ${shortDigest(artifact.digest)}`)
    .join(', ');
}

/** A value may be a secret: its digest says whether it is the same one. */
export const environmentRows = (action: Action | undefined, palette: Palette): Painted[] =>
  Object.entries(action?.env ?? {}).map(([name, value]) => [
    name,
    value === null ? palette.dim('not set') : value === 'secret' ? value : `digest ${shortDigest(value)}`,
  ]);

const describeArtifact = ({kind, digest, size}: Artifact, palette: Palette): string =>
  `${shortDigest(digest)}  ${formatBytes(size)}${kind === 'folder' ? ' folder' : ''}${palette.dim(`  ${digest}`)}`;

const FILES_SHOWN = 3;

/** Sources once: the module and the first of what it imports, the others as a number. */
export function drawCode({code: shelf}: Workspace, action: Action | undefined, palette: Palette): string[] {
  if (action === undefined) return [];
  if (action.work.kind === 'shell') {
    const rows = Object.entries(action.work.code).map(
      ([path, {digest}]): Painted => [path, shortDigest(digest)],
    );
    return drawPairs('code', rows, palette);
  }
  const {code, packages, kind} = action.work;
  const manifest = shelf.manifestOf(code) ?? {};
  const files = Object.entries(manifest).filter(([, {isBundled}]) => isBundled);
  const [own, imported] = [
    files.filter(([, file]) => file.importedBy === null),
    files.filter(([, file]) => file.importedBy !== null),
  ];
  const shown = imported.slice(0, FILES_SHOWN).map(([path]) => path);
  const more = imported.length - shown.length;
  const what = kind === 'module' ? 'bundle' : 'code';
  const rows: Painted[] = own.map(([path]) => [path, palette.dim(`${what} ${shortDigest(code)}`)]);
  if (own.length === 0) rows.push([what, shortDigest(code)]);
  if (shown.length > 0)
    rows.push([
      'imports',
      palette.dim(`${shown.join(', ')}${more > 0 ? ` and ${plural(more, 'file')} more` : ''}`),
    ]);
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  if (versions.length > 0) rows.push(['packages', palette.dim(versions.join(', '))]);
  return drawPairs('code', rows, palette);
}

const firstLine = (text: string): string => text.trim().split('\n', 1)[0] ?? '';

const METRICS_SHOWN = 5;

export function drawInstances(plan: Plan, all: readonly Known[], palette: Palette): string[] {
  const metrics = metricsToShow(plan, all, METRICS_SHOWN);
  const columns: Column[] = [
    {header: 'instance', align: 'left'},
    {header: 'took', align: 'right'},
    ...USAGE_COLUMNS,
    ...metrics.map((name): Column => ({header: printable(name), align: 'number'})),
  ];
  const rows = all.map(known => {
    const result = known.status === 'found' ? known.result : undefined;
    const state = known.failed === undefined ? 'no result' : 'failed';
    return [
      printable(known.instance.id),
      result === undefined ? palette.dim(state) : formatDuration(result.made.durationMs),
      ...usageCells(result?.made),
      ...metrics.map(name => {
        const value = result?.metrics[name];
        return value === undefined ? '' : formatNumber(value);
      }),
    ];
  });
  return renderTable(columns, rows, palette.dim);
}

function auditJson({pipeline, plan}: Inquiry, {id}: Instance): Json {
  const seen = pipeline.workspace.ledger.auditOf(plan.pipeline, id);
  return seen === undefined
    ? null
    : {run: seen.run, ...seen.audit, libraries: seen.audit.libraries.map(each => ({...each}))};
}

export function instanceJson(inquiry: Inquiry, known: Known): Json {
  const {instance, failed} = known;
  const result = known.status === 'found' ? known.result : undefined;
  const dropped = known.status === 'found' ? droppedOf(inquiry, known) : new Set<string>();
  const outputs = Object.entries(result?.outputs ?? {}).map(
    ([name, {kind, digest, size}]): [string, Json] => [
      name,
      {kind, digest, size, isDropped: dropped.has(name)},
    ],
  );
  return {
    id: instance.id,
    pipeline: inquiry.plan.pipeline,
    stage: instance.stage,
    cell: instance.cell,
    params: known.action?.params ?? instance.params,
    inputs: Object.fromEntries(
      Object.entries(instance.inputs).map(([name, edge]) => [
        name,
        producersIn(edge).map(({id, output}) => ({id, output})),
      ]),
    ),
    status:
      result !== undefined
        ? 'done'
        : failed === undefined
          ? 'missing'
          : failed.failure === null
            ? 'unfinished'
            : 'failed',
    fingerprint: known.fingerprint,
    outputs: result === undefined ? null : Object.fromEntries(outputs),
    metrics: result?.metrics ?? null,
    log: failed?.log ?? result?.log ?? null,
    made: result === undefined ? null : {...result.made},
    audit: auditJson(inquiry, instance),
    code: known.action?.work.kind === 'module' ? known.action.work.code : null,
    failure: failed?.failure ? describeFailure(failed.failure) : null,
    tried: failed === undefined ? null : {run: failed.run, at: failed.at},
  };
}
