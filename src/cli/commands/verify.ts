// `pipe verify`: every blob of the store against its digest.

import {formatBytes, plural} from '../../report/format.ts';
import {bar} from '../../report/frame.ts';
import {paletteOf} from '../../report/palette.ts';
import {describeStoreError} from '../../store/store-error.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {findProject} from '../project.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';
import {openWorkspace} from '../workspace.ts';

const REDRAW_MS = 100;

export async function verify(shell: Shell, {options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const {stderr, stdout, clock} = outside;
  const {blobs} = await openWorkspace(shell, findProject(outside.cwd));
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
  const answer = await blobs.verify(stderr.isTerminal ? onProgress : undefined);
  if (stderr.isTerminal) stderr.screen.write('\r\u001b[K');
  if (!answer.ok) return refuse('cannot-verify', describeStoreError(answer.error));
  const {blobs: count, bytes, damaged} = answer.value;
  if (options.json) {
    printJson(outside, {
      blobs: count,
      bytes,
      damaged: damaged.map(({digest, setAside}) => ({digest, setAside})),
    });
    return damaged.length === 0 ? EXIT.ok : EXIT.failed;
  }
  const paint = paletteOf(stdout.colors);
  const all = `${plural(count, 'blob')}, ${formatBytes(bytes)}`;
  if (damaged.length === 0) {
    print(outside, [`${paint.done('✓')} ${all}: all as their digests say`]);
    return EXIT.ok;
  }
  print(outside, [
    ...damaged.map(
      ({digest, setAside}) => `${paint.failed('✗')} ${digest} ${paint.dim(`moved to ${setAside}`)}`,
    ),
    `${paint.failed('✗')} ${all}: ${damaged.length} damaged; what made them runs again with the next \`pipe run\``,
  ]);
  return EXIT.failed;
}
