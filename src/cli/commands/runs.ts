// `pipe runs`: the runs of a project, newest first.

import type {Json, JsonObject} from '../../core/json.ts';
import {printable} from '../../core/printable.ts';
import {formatDuration, formatNumber, formatTime} from '../../report/format.ts';
import {paletteOf} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import type {Ledger} from '../../store/ledger/ledger.ts';
import type {RunRecord} from '../../store/ledger/run-record.ts';
import {EXIT, type ExitCode} from '../exit.ts';
import {findProject} from '../project.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';
import {openWorkspace} from '../workspace.ts';

export interface RunTally {
  readonly executed: number;
  readonly cached: number;
  readonly failed: number;
  readonly other: number;
}

export function tallyOf({instances}: RunRecord): RunTally {
  const tally = {executed: 0, cached: 0, failed: 0, other: 0};
  for (const entry of instances.values()) {
    if (entry.status === 'known') tally.cached++;
    else if (entry.status === 'unfinished') tally.other++;
    else if (entry.outcome.status === 'skipped' || entry.outcome.status === 'cancelled') tally.other++;
    else tally[entry.outcome.status]++;
  }
  return tally;
}

const COLUMNS: readonly Column[] = [
  {header: 'run', align: 'left'},
  {header: 'pipeline', align: 'left'},
  {header: 'when', align: 'left'},
  {header: 'took', align: 'right'},
  {header: 'executed', align: 'right'},
  {header: 'cached', align: 'right'},
  {header: 'failed', align: 'right'},
  {header: 'command', align: 'left'},
];

export async function runs(shell: Shell, {options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const {ledger} = await openWorkspace(shell, findProject(outside.cwd));
  const palette = paletteOf(outside.stdout.colors);
  const records = chooseRecords(ledger, options);
  const metric = options.metric;
  if (options.json) {
    printJson(
      outside,
      records.map(
        (record): Json => ({
          run: record.header.run,
          pipeline: record.header.pipeline,
          file: record.header.file,
          params: record.header.params,
          argv: record.header.argv,
          startedAt: record.header.startedAt,
          durationMs: record.end?.durationMs ?? null,
          git: record.git === null ? null : {...record.git},
          ...(metric === undefined ? {} : {metric: spanOf(ledger, record, metric)}),
          ...tallyOf(record),
        }),
      ),
    );
    return EXIT.ok;
  }
  if (records.length === 0) {
    const isIdle = ledger.runIds().length > 0;
    print(outside, [palette.dim(isIdle ? 'no run made anything; --all lists them' : 'no runs yet')]);
    return EXIT.ok;
  }
  const dash = (count: number): string => (count === 0 ? palette.dim('·') : String(count));
  const rows = records.map(record => {
    const {header, end} = record;
    const tally = tallyOf(record);
    return [
      palette.name(header.run),
      header.pipeline,
      formatTime(header.startedAt),
      end === undefined ? palette.warning('no end') : formatDuration(end.durationMs),
      dash(tally.executed),
      dash(tally.cached),
      tally.failed > 0 ? palette.failed(String(tally.failed)) : dash(0),
      ...(metric === undefined ? [] : [spanText(spanOf(ledger, record, metric))]),
      palette.dim(printable(header.argv.join(' '))),
    ];
  });
  const columns =
    metric === undefined ? COLUMNS : COLUMNS.toSpliced(-1, 0, {header: printable(metric), align: 'left'});
  print(outside, renderTable(columns, rows, palette.dim));
  return EXIT.ok;
}

/** Newest first. Those that made nothing and failed nowhere only with `--all`. */
function chooseRecords(
  ledger: Ledger,
  {all, limit = Number.POSITIVE_INFINITY}: Options,
): readonly RunRecord[] {
  const records: RunRecord[] = [];
  for (const record of ledger.runs()) {
    if (records.length >= limit) break;
    if (all || didSomething(record)) records.push(record);
  }
  return records;
}

/** Whether it made a result, failed somewhere, or did not come to its end. */
export function didSomething(record: RunRecord): boolean {
  const {executed, failed, other} = tallyOf(record);
  return executed + failed + other > 0 || record.end === undefined;
}

interface Span {
  readonly least: number;
  readonly most: number;
}

/** The smallest and the largest value that instances of a run gave. */
function spanOf(ledger: Ledger, record: RunRecord, metric: string): (Span & JsonObject) | null {
  const values = [...record.instances.keys()].flatMap(id => {
    const outcome = ledger.outcomeOf(record, id);
    const value = outcome !== undefined && 'result' in outcome ? outcome.result.metrics[metric] : undefined;
    // A span has ends: what is not finite is told by `show`.
    return typeof value === 'number' ? [value] : [];
  });
  return values.length === 0 ? null : {least: Math.min(...values), most: Math.max(...values)};
}

const spanText = (span: Span | null): string =>
  span === null
    ? ''
    : span.least === span.most
      ? formatNumber(span.least)
      : `${formatNumber(span.least)} to ${formatNumber(span.most)}`;
