// `pipe report`: one self-contained HTML page of a pipeline's last results.

import {resolve} from 'node:path';
import {mistake} from '../../core/diagnostic.ts';
import {writeNamedFile} from '../../host/atomic-file.ts';
import {formatBytes} from '../../report/format.ts';
import {renderPage} from '../../report/page/page.ts';
import {paletteOf} from '../../report/palette.ts';
import {EXIT, type ExitCode, MissingResult, refuse} from '../exit.ts';
import {openPipeline} from '../pipeline.ts';
import {gatherFacts} from '../report/gather.ts';
import {otherPublications} from '../report/publications.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';

const DEFAULT_NAME = 'report.html';

export async function report(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const pipeline = await openPipeline(shell, args, options);
  const [extra] = pipeline.chosen.rest;
  if (extra !== undefined)
    refuse(
      'too-many-arguments',
      `expected one pipeline, got '${extra}' as well`,
      'a page shows a whole pipeline',
    );
  const facts = await gatherFacts(shell, pipeline, options);
  if (facts.instances.every(({state}) => state === 'never-run' || state === 'missing')) {
    const others = facts.instances.filter(({state}) => state === 'missing').length;
    const [run = ''] = facts.commands.map(({command}) => command);
    throw new MissingResult([
      mistake(
        'no-result',
        `${pipeline.plan.pipeline} has no results ${others > 0 ? 'of these parameters' : 'yet'}`,
        undefined,
        {hint: `run it first: ${run}${others > 0 ? '; --last shows the newest ones of others' : ''}`},
      ),
    ]);
  }
  for (const note of otherPublications(pipeline.workspace.project, facts.instances, pipeline.plan.study)) {
    outside.stderr.screen.write(`${paletteOf(outside.stderr.colors).warning('!')} ${note}\n`);
  }
  const page = await renderPage(facts);
  const shown = options.output ?? DEFAULT_NAME;
  try {
    writeNamedFile(resolve(outside.cwd, shown), page);
  } catch (error) {
    const {message} = error instanceof Error ? error : {message: String(error)};
    refuse('cannot-write', `expected to write ${shown}: ${message}`);
  }
  print(outside, [`${shown}, ${formatBytes(Buffer.byteLength(page))}`]);
  return EXIT.ok;
}
