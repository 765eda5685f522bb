// `pipe log`: the log of one instance, or a list of the last results.

import {formatDuration, formatNumber, formatTime} from '../../report/format.ts';
import {paletteOf} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import {EXIT, type ExitCode} from '../exit.ts';
import {openPipeline, type Pipeline} from '../pipeline.ts';
import {findInstance, metricNames, readLog, resultOf} from '../results.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';

export async function log(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const pipeline = await openPipeline(shell, args, options);
  const [selector] = pipeline.chosen.rest;
  if (selector === undefined) print(shell.outside, listResults(shell, pipeline));
  else {
    const {id} = findInstance(pipeline.plan, selector);
    const text = readLog(pipeline.workspace, resultOf(pipeline, id).log);
    shell.outside.stdout.screen.write(text === '' || text.endsWith('\n') ? text : `${text}\n`);
  }
  return EXIT.ok;
}

const METRICS_SHOWN = 4;

function listResults({outside}: Shell, {plan, workspace}: Pipeline): string[] {
  const palette = paletteOf(outside.stdout.colors);
  const rows = plan.instances.map(({id}) => ({id, last: workspace.ledger.last(plan.pipeline, id)}));
  const metrics = metricNames(rows.map(({last}) => last?.result)).slice(0, METRICS_SHOWN);
  const columns: Column[] = [
    {header: 'instance', align: 'left'},
    {header: 'last', align: 'left'},
    {header: 'when', align: 'left'},
    {header: 'took', align: 'right'},
    ...metrics.map((header): Column => ({header, align: 'number'})),
  ];
  const cells = rows.map(({id, last}) => [
    id,
    last === undefined
      ? palette.dim('never run')
      : last.status === 'done'
        ? palette.done('done')
        : palette.failed(last.status),
    last === undefined ? '' : formatTime(last.at),
    last?.durationMs === undefined ? '' : formatDuration(last.durationMs),
    ...metrics.map(name => {
      const value = last?.result?.metrics[name];
      return value === undefined ? '' : formatNumber(value);
    }),
  ]);
  return renderTable(columns, cells, palette.dim);
}
