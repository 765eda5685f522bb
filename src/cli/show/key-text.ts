// The whole key of a result, down to files: everything that, had it been other, would have made it run.

import type {Action, ProducerContent} from '../../action/action.ts';
import {shortDigest} from '../../core/digest.ts';
import {printable} from '../../core/printable.ts';
import {formatValue} from '../../report/format.ts';
import type {Palette} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import type {Workspace} from '../workspace.ts';

const COLUMNS: readonly Column[] = [
  {header: '', align: 'left'},
  {header: '', align: 'left'},
  {header: '', align: 'left'},
];

/** Lines below the head of an instance: kind, name and value or digest of each part. */
export function drawKey({code: shelf}: Workspace, action: Action, palette: Palette): string[] {
  const {work, params, inputs, files, env, device, salt} = action;
  const rows: string[][] = [];
  const add = (kind: string, name: string, value: string): void =>
    void rows.push([`    ${palette.dim(kind)}`, printable(name), printable(value)]);
  if (work.kind === 'shell') {
    add('command', work.command.trim().split('\n', 1)[0] ?? '', '');
    for (const [path, {digest}] of Object.entries(work.code)) add('code', path, shortDigest(digest));
  } else {
    add('code', work.kind, shortDigest(work.code));
    for (const [path, file] of Object.entries(shelf.manifestOf(work.code) ?? {}))
      if (file.isBundled) add('source', path, shortDigest(file.meaning));
    for (const [name, version] of Object.entries(work.packages)) add('package', name, version);
  }
  for (const [name, value] of Object.entries(params)) add('parameter', name, formatValue(value));
  for (const [name, input] of Object.entries(inputs)) {
    const contents = input.kind === 'one' ? [input.content] : input.contents;
    for (const content of contents) {
      for (const [output, digest] of outputsOf(content))
        add('input', `${name}${cellText(content)}.${output}`, digest);
    }
  }
  for (const [path, {digest}] of Object.entries(files)) add('file', path, shortDigest(digest));
  for (const [name, value] of Object.entries(env))
    add(
      'environment',
      name,
      value === null ? 'not set' : value === 'secret' ? 'secret, not its value' : shortDigest(value),
    );
  if (device !== null) add('device', device, '');
  if (salt !== null) add('salt', salt, '');
  return renderTable(COLUMNS, rows);
}

/** Metrics are read as files are. */
const outputsOf = ({outputs, metrics}: ProducerContent): readonly (readonly [string, string])[] => [
  ...Object.entries(outputs).map(([name, {artifact}]) => [name, shortDigest(artifact.digest)] as const),
  ...Object.entries(metrics).map(([name, value]) => [name, String(value)] as const),
];

const cellText = ({cell}: ProducerContent): string => {
  const axes = Object.entries(cell).map(([axis, value]) => `${axis}=${String(value)}`);
  return axes.length === 0 ? '' : `[${axes.join(',')}]`;
};
