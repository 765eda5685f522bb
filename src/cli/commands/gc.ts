// `pipe gc`: frees space in the store. Tells what it would do; does it with --force.

import {mistake} from '../../core/diagnostic.ts';
import type {Json} from '../../core/json.ts';
import {formatBytes, formatTime, plural} from '../../report/format.ts';
import {type Palette, paletteOf} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import {parseSize, SIZE_EXAMPLES} from '../../spec/quantity.ts';
import {describeStoreError} from '../../store/store-error.ts';
import {type Sweep, type SweepError, sweep} from '../../store/sweep.ts';
import {EXIT, type ExitCode, MachineFailed, refuse, UserMistakes} from '../exit.ts';
import {findProject} from '../project.ts';
import {removeDeadStores} from '../scratch-store.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';
import {openWorkspace} from '../workspace.ts';

const DAY_MS = 86_400_000;
const KEEP_DAYS = 30;
const RESULTS_LISTED = 10;

export async function gc(shell: Shell, {options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const workspace = await openWorkspace(shell, findProject(outside.cwd));
  const policy = {
    keepForMs: (options.keepDays ?? KEEP_DAYS) * DAY_MS,
    maxBytes: options.maxSize === undefined ? null : sizeOf(options.maxSize),
  };
  const mode = options.force ? 'remove' : 'plan';
  const parts = {...workspace, code: workspace.code.shelf};
  const swept = await sweep(parts, policy, mode, outside.clock.now());
  await workspace.cache.close();
  if (mode === 'remove') removeDeadStores();
  if (!swept.ok) return cannot(swept.error);
  if (options.json) printJson(outside, asJson(swept.value));
  else print(outside, draw(swept.value, paletteOf(outside.stdout.colors)));
  return EXIT.ok;
}

function sizeOf(text: string): number {
  return parseSize(text) ?? refuse('bad-size', `expected ${SIZE_EXAMPLES} for --max-size, got '${text}'`);
}

function cannot(error: SweepError): never {
  if (error.reason === 'doubt') {
    const hint =
      'nothing was removed, as it may be needed; run the pipeline, or delete the file, and try again';
    throw new UserMistakes([
      error.because,
      mistake('in-doubt', 'expected lock files that can be read', undefined, {hint}),
    ]);
  }
  if (error.reason !== 'busy') {
    throw new MachineFailed([mistake('cannot-sweep', describeStoreError(error))]);
  }
  const {pid, where} = error.by;
  const who = `process ${pid}${where === 'here' ? '' : ' of another container or machine'}`;
  return refuse('busy', `expected a store at rest, but ${who} is using it`, 'try again when it has ended');
}

const asJson = ({mode, kept, removed, results, isOverLimit}: Sweep): Json => ({
  mode,
  kept: {...kept},
  removed: {...removed},
  results: results.map(({fingerprint, usedBy, usedAt, because}) => ({fingerprint, usedBy, usedAt, because})),
  isOverLimit,
});

const COLUMNS: readonly Column[] = [
  {header: 'result', align: 'left'},
  {header: 'made by', align: 'left'},
  {header: 'last used', align: 'left'},
  {header: 'goes for its', align: 'left'},
];

function draw({mode, kept, removed, results, isOverLimit}: Sweep, palette: Palette): string[] {
  const lines: string[] = [];
  if (results.length > 0) {
    const rows = results
      .slice(0, RESULTS_LISTED)
      .map(({fingerprint, usedBy, usedAt, because}) => [
        palette.dim(fingerprint.slice(0, 12)),
        usedBy ?? '',
        formatTime(usedAt),
        because,
      ]);
    lines.push(...renderTable(COLUMNS, rows, palette.dim));
    const rest = results.length - rows.length;
    if (rest > 0) lines.push(palette.dim(`and ${rest} more`));
    lines.push('');
  }
  const others = [
    removed.checkpoints > 0 ? plural(removed.checkpoints, 'checkpoint') : '',
    removed.bundles > 0 ? plural(removed.bundles, 'old bundle') : '',
    removed.leftovers > 0 ? plural(removed.leftovers, 'leftover') : '',
  ].filter(part => part !== '');
  const what = [
    plural(removed.results, 'result'),
    `${plural(removed.blobs, 'blob')} of ${formatBytes(removed.bytes)}`,
    ...others,
  ].join(', ');
  const stays = `${plural(kept.results, 'result')}, ${formatBytes(kept.bytes)} stay`;
  const isNothing = removed.results + removed.blobs + others.length === 0;
  if (isNothing) lines.push(`${palette.done('✓')} nothing to remove; ${stays}`);
  else if (mode === 'remove') lines.push(`${palette.done('✓')} removed ${what}; ${stays}`);
  else lines.push(`would remove ${what}; ${stays}`, palette.dim('  pipe gc --force removes them'));
  if (isOverLimit) {
    lines.push(
      `${palette.warning('!')} what stays is above the limit: lock files, the newest run of each pipeline and recent use keep it`,
    );
  }
  return lines;
}
