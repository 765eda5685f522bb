// `pipe verify`: everything that the store holds against its digests and checksums; `--repair` mends what can be mended.

import {printable} from '../../core/printable.ts';
import {formatBytes, plural} from '../../report/format.ts';
import {bar} from '../../report/frame.ts';
import {paletteOf} from '../../report/palette.ts';
import {describeStoreError} from '../../store/store-error.ts';
import {type Found, type VerifyError, verifyStore} from '../../store/verification.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {findProject} from '../project.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';
import {openWorkspace} from '../workspace.ts';

const REDRAW_MS = 100;

export async function verify(shell: Shell, {options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const {stderr, stdout, clock} = outside;
  const workspace = await openWorkspace(shell, findProject(outside.cwd));
  let drawnAt = 0;
  const palette = paletteOf(stderr.colors);
  const onProgress = (done: number, total: number): void => {
    const now = clock.now();
    if (now - drawnAt < REDRAW_MS && done < total) return;
    drawnAt = now;
    stderr.screen.write(
      `\r${bar(total === 0 ? 1 : done / total, 20, palette)} ${done}/${total} blobs\u001b[K`,
    );
  };
  const {code, tier} = workspace;
  const answer = await verifyStore(
    {...workspace, code: code.shelf, isTiered: tier !== null},
    {repairs: options.repair === true, onProgress: stderr.isTerminal ? onProgress : undefined},
  );
  await workspace.cache.close();
  if (stderr.isTerminal) stderr.screen.write('\r\u001b[K');
  if (!answer.ok) return cannot(answer.error);
  const {blobs: count, bytes, rows, voided, findings} = answer.value;
  const exit = exitOf(findings, options.repair === true);
  if (options.json) {
    printJson(outside, {blobs: count, bytes, rows, voided, findings: findings.map(each => ({...each}))});
    return exit;
  }
  const paint = paletteOf(stdout.colors);
  const all = `${plural(count, 'blob')}, ${formatBytes(bytes)}, ${plural(rows, 'result')}`;
  const damaged = findings.filter(({kind}) => kind !== 'result');
  const bad = paint.failed('✗');
  print(outside, [
    ...findings.map(({kind, path, wrong, done}) => {
      const mark = kind === 'result' ? paint.dim('○') : done === null ? bad : paint.done('✓');
      const what = kind === 'result' ? `result ${path.slice(0, 10)}` : path;
      return `${mark} ${printable(what)}: ${printable(wrong)}${done === null ? '' : paint.dim(` (${done})`)}`;
    }),
    ...(voided.length === 0
      ? []
      : [
          `${bad} ${plural(voided.length, 'result')} made from damaged blobs voided: what they had read is unknown; they run again`,
        ]),
    damaged.length === 0
      ? `${paint.done('✓')} ${all}: all as their digests say`
      : `${exit === EXIT.ok ? paint.done('✓') : bad} ${all}: ${damaged.length} damaged${
          findings.some(({done}) => done === null) && options.repair !== true
            ? '; `pipe verify --repair` mends what can be mended'
            : ''
        }`,
  ]);
  return exit;
}

/** A repair has failed where something is left; without one, whatever was found counts. */
function exitOf(findings: readonly Found[], isRepair: boolean): ExitCode {
  const counts = findings.filter(({kind, done}) => kind !== 'result' && (!isRepair || done === null));
  return counts.length === 0 ? EXIT.ok : EXIT.failed;
}

function cannot(error: VerifyError): never {
  if (error.reason !== 'busy') return refuse('cannot-verify', describeStoreError(error));
  const {pid, where} = error.by;
  const who = `process ${pid}${where === 'here' ? '' : ' of another container or machine'}`;
  return refuse('busy', `expected a store at rest, but ${who} is using it`, 'try again when it has ended');
}
