// What was seen of a try, as lines: what is not declared with the line that declares it, then what people should know.

import {type Audit, isClosed} from '../action/audit.ts';
import {printable} from '../core/printable.ts';
import {plural} from './format.ts';
import type {Palette} from './palette.ts';

const SHOWN = 5;
const LIBRARIES_SHOWN = 4;

/** What no audit sees. */
export const AUDIT_LIMITS =
  'not visible: variables of the environment, whether files exist, the clock where it is read without the kernel, what other processes do for it';

/** `isShell`: of a command, which declares what it reads under `code`. */
export function auditLines(audit: Audit, isShell: boolean, palette: Palette): string[] {
  const rows: string[] = [];
  const row = (what: string, all: readonly string[], how = ''): void => {
    if (all.length > 0) rows.push(`${palette.warning('!')} ${what} ${listed(all)}${how}`);
  };
  const key = isShell ? 'code' : 'files';
  const adding = (paths: readonly string[]): string => palette.dim(`  add \`${key}: [${quoted(paths)}]\``);
  row('reads of the project', audit.project, adding(audit.project));
  row('looks in vain for what the project has,', audit.missed, adding(audit.missed));
  row('reads', audit.files);
  row('writes', audit.written);
  row('connects to', audit.network);
  const quiet = (what: string, all: readonly string[], most = SHOWN): void => {
    if (all.length > 0) rows.push(palette.dim(`  ${what} ${listed(all, most)}`));
  };
  quiet('of this machine:', audit.machine);
  quiet('runs', audit.programs);
  const libraries = audit.libraries.map(({folder, files}) => `${plural(files, 'file')} of ${folder}`);
  quiet('libraries:', libraries, LIBRARIES_SHOWN);
  if (audit.clock > 0) rows.push(palette.dim(`  asks the clock ${plural(audit.clock, 'time')}`));
  if (audit.more > 0) rows.push(palette.dim(`  and ${plural(audit.more, 'entry', 'entries')} more`));
  return isClosed(audit) ? [`${palette.done('✓')} reads nothing that it does not declare`, ...rows] : rows;
}

function listed(all: readonly string[], most = SHOWN): string {
  const shown = all.slice(0, most).map(each => printable(each));
  const more = all.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const quoted = (paths: readonly string[]): string =>
  paths
    .slice(0, SHOWN)
    .map(path => printable(path))
    .map(path => (/[\s,[\]{}#:]/.test(path) ? JSON.stringify(path) : path))
    .join(', ');
