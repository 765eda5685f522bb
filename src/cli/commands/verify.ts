// `pipe verify`: everything that the store holds against its digests and checksums.

import {formatBytes, plural} from '../../report/format.ts';
import {bar} from '../../report/frame.ts';
import {paletteOf} from '../../report/palette.ts';
import {describeStoreError} from '../../store/store-error.ts';
import {verifyStore} from '../../store/verification.ts';
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
  const answer = await verifyStore(workspace, stderr.isTerminal ? onProgress : undefined);
  await workspace.cache.close();
  if (stderr.isTerminal) stderr.screen.write('\r\u001b[K');
  if (!answer.ok) return refuse('cannot-verify', describeStoreError(answer.error));
  const {blobs: count, bytes, damaged, rows, voided, records, locks} = answer.value;
  const isWell = damaged.length + records.size + locks.size === 0;
  if (options.json) {
    printJson(outside, {
      blobs: count,
      bytes,
      damaged: damaged.map(({digest, setAside}) => ({digest, setAside})),
      rows,
      voided,
      records: Object.fromEntries(records),
      locks: Object.fromEntries(locks),
    });
    return isWell ? EXIT.ok : EXIT.failed;
  }
  const paint = paletteOf(stdout.colors);
  const all = `${plural(count, 'blob')}, ${formatBytes(bytes)}`;
  if (isWell) {
    print(outside, [`${paint.done('✓')} ${all}, ${plural(rows, 'result')}: all as their digests say`]);
    return EXIT.ok;
  }
  const bad = paint.failed('✗');
  print(outside, [
    ...damaged.map(({digest, setAside}) => `${bad} ${digest} ${paint.dim(`moved to ${setAside}`)}`),
    ...[...records].map(
      ([path, lines]) => `${bad} cache/${path}: ${plural(lines, 'damaged line')}, passed over`,
    ),
    ...[...locks].map(([path, message]) => `${bad} ${path}: ${message}`),
    ...(voided.length === 0
      ? []
      : [
          `${bad} ${plural(voided.length, 'result')} made from damaged blobs voided: what they had read is unknown`,
        ]),
    `${bad} ${all}: ${damaged.length} damaged; what made them runs again with the next \`pipe run\``,
  ]);
  return EXIT.failed;
}
