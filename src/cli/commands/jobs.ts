// `pipe jobs`: what is out there for this project, also after the coordinator that sent it is gone. `--cancel` ends it.

import type {Json} from '../../core/json.ts';
import {printable} from '../../core/printable.ts';
import {formatTime} from '../../report/format.ts';
import {paletteOf} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import {EXIT, type ExitCode} from '../exit.ts';
import {endPilots, findJobs} from '../outside-jobs.ts';
import {findProject} from '../project.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';
import {openWorkspace} from '../workspace.ts';

const COLUMNS: readonly Column[] = [
  {header: 'executor', align: 'left'},
  {header: 'job', align: 'left'},
  {header: 'instance', align: 'left'},
  {header: 'state', align: 'left'},
  {header: 'host', align: 'left'},
  {header: 'since', align: 'left'},
];

export async function jobs(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const workspace = await openWorkspace(shell, findProject(outside.cwd));
  try {
    const wanted = new Set(args);
    const all = await findJobs(shell, workspace);
    const found = all.filter(({what}) => wanted.size === 0 || wanted.has(what) || wanted.has(stageOf(what)));
    if (options.cancel) {
      for (const job of found) await job.cancel();
      const trouble = wanted.size === 0 ? await endPilots(workspace) : undefined;
      if (trouble !== undefined) outside.stderr.screen.write(`! pilots were not ended: ${trouble}\n`);
    }
    if (options.json) {
      printJson(
        outside,
        found.map(({cancel: _, ...job}): Json => ({...job})),
      );
      return EXIT.ok;
    }
    if (found.length === 0) {
      print(outside, ['nothing is out there']);
      return EXIT.ok;
    }
    const rows = found.map(({executor, job, what, state, host, since}) =>
      [executor, job, what, options.cancel ? 'told to end' : state, host, formatTime(since)].map(printable),
    );
    print(outside, renderTable(COLUMNS, rows, paletteOf(outside.stdout.colors).dim));
    return EXIT.ok;
  } finally {
    await workspace.results.close();
  }
}

/** `train` of `train[seed=1]`. */
const stageOf = (instance: string): string => instance.split('[')[0] ?? '';
