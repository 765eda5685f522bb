// `pipe runs`: the runs of a project, newest first.

import type {Json} from '../../core/json.ts';
import {formatDuration, formatTime} from '../../report/format.ts';
import {paletteOf} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import type {RunRecord} from '../../store/ledger/run-record.ts';
import {EXIT, type ExitCode} from '../exit.ts';
import {findProject} from '../project.ts';
import type {Invocation, Shell} from '../shell.ts';
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
  const records = ledger
    .runIds()
    .slice(0, options.limit)
    .flatMap(id => ledger.run(id) ?? []);
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
          ...tallyOf(record),
        }),
      ),
    );
    return EXIT.ok;
  }
  if (records.length === 0) {
    print(outside, [palette.dim('no runs yet')]);
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
      palette.dim(header.argv.join(' ')),
    ];
  });
  print(outside, renderTable(COLUMNS, rows, palette.dim));
  return EXIT.ok;
}
