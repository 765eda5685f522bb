// How a result was made, as rows of names and values: when, in which run and state of the sources, where, on what.

import type {ActionResult} from '../../action/action.ts';
import {printable} from '../../core/printable.ts';
import {formatDuration, formatTime, plural} from '../../report/format.ts';
import type {GitState} from '../../store/store.ts';
import type {Workspace} from '../workspace.ts';
import type {Painted} from './pairs.ts';

export function madeRows({ledger}: Workspace, {made}: ActionResult, fingerprint: string): Painted[] {
  const where = [made.host, made.platform, made.device, plural(made.cpus, 'cpu')].filter(part => part !== '');
  const git = ledger.run(made.run)?.git ?? null;
  return [
    ['in', `run ${made.run}, ${formatTime(made.startedAt)}`],
    ['took', formatDuration(made.durationMs)],
    ...(git === null ? [] : [['from', gitText(git)] as const]),
    ['on', printable(where.join(', '))],
    ...(made.queuedMs >= 1000 ? [['waited', formatDuration(made.queuedMs)] as const] : []),
    ['key', fingerprint],
  ];
}

export const gitText = ({commit, isClean}: GitState): string =>
  `commit ${commit.slice(0, 12)}${isClean ? '' : ', with changes that are not in it'}`;
