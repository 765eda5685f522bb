// `pipe log`: the log of one instance, of its last try for the parameters that were asked for, or a list of the results.

import type {ActionResult} from '../../action/action.ts';
import {printable} from '../../core/printable.ts';
import type {Plan} from '../../plan/plan.ts';
import {describeFailure} from '../../report/failure.ts';
import {formatDuration, formatNumber, formatTime} from '../../report/format.ts';
import {type Palette, paletteOf} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import {EXIT, type ExitCode} from '../exit.ts';
import {type FailedTry, Inquiry, type Known} from '../inquiry.ts';
import {openPipeline} from '../pipeline.ts';
import {findInstance, metricsToShow, readLog, sayOther} from '../results.ts';
import type {Invocation, Shell} from '../shell.ts';
import {sourceLines, USAGE_COLUMNS, usageCells} from '../show/made.ts';
import {print} from '../surroundings.ts';

export async function log(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const pipeline = await openPipeline(shell, args, options);
  const [selector] = pipeline.chosen.rest;
  const inquiry = await Inquiry.open(shell, pipeline, options);
  if (selector === undefined) {
    const known = await inquiry.of(inquiry.plan.instances);
    print(shell.outside, listResults(inquiry.plan, known, paletteOf(shell.outside.stdout.colors)));
  } else await printLog(shell, inquiry, selector);
  await inquiry.close();
  return EXIT.ok;
}

async function printLog(shell: Shell, inquiry: Inquiry, selector: string): Promise<void> {
  const {workspace} = inquiry.pipeline;
  const known = await inquiry.one(findInstance(inquiry.plan, selector));
  // A try that failed is the last word on an action, also on one that gave a result before.
  if (known.failed?.log != null) {
    sayFailed(shell, known, known.failed);
    return write(shell, await readLog(workspace, known.failed.log));
  }
  const found = known.status === 'found' ? known : inquiry.refuse(known);
  sayOther(shell, found);
  write(shell, await readLog(workspace, found.result.log));
}

function write({outside}: Shell, text: string): void {
  const shown = printable(text);
  outside.stdout.screen.write(shown === '' || shown.endsWith('\n') ? shown : `${shown}\n`);
}

function sayFailed({outside}: Shell, {instance}: Known, {run, at, failure}: FailedTry): void {
  const palette = paletteOf(outside.stderr.colors);
  const why = failure === null ? 'it was stopped' : describeFailure(failure).split('\n', 1)[0];
  outside.stderr.screen.write(
    `${palette.failed('✗')} ${instance.id}: the try of run ${run}, ${formatTime(at)}, that failed: ${why}\n`,
  );
}

const METRICS_SHOWN = 4;

function listResults(plan: Plan, all: readonly Known[], palette: Palette): string[] {
  const metrics = metricsToShow(plan, all, METRICS_SHOWN);
  const columns: Column[] = [
    {header: 'instance', align: 'left'},
    {header: 'result', align: 'left'},
    {header: 'when', align: 'left'},
    {header: 'took', align: 'right'},
    ...USAGE_COLUMNS,
    ...metrics.map((name): Column => ({header: printable(name), align: 'number'})),
  ];
  const cells = all.map(known => {
    const result = known.status === 'found' ? known.result : undefined;
    return [
      known.instance.id,
      stateOf(known, palette),
      result === undefined ? '' : formatTime(result.made.startedAt),
      result === undefined ? '' : formatDuration(result.made.durationMs),
      ...usageCells(result?.made),
      ...metrics.map(name => metricText(result, name)),
    ];
  });
  const sources = sourceLines(all.flatMap(known => (known.status === 'found' ? [known.result] : [])));
  const notes = sources.length === 0 ? [] : ['', ...sources.map(palette.dim)];
  return [...renderTable(columns, cells, palette.dim), ...notes];
}

function stateOf(known: Known, palette: Palette): string {
  if (known.failed !== undefined) return palette.failed(known.failed.failure === null ? 'stopped' : 'failed');
  if (known.status === 'missing')
    return palette.dim(known.other === undefined ? 'never run' : 'of other parameters');
  return known.changes.length > 0 ? palette.warning('of other parameters') : palette.done('done');
}

function metricText(result: ActionResult | undefined, name: string): string {
  const value = result?.metrics[name];
  return value === undefined ? '' : formatNumber(value);
}
