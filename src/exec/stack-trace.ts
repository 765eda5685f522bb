// Stack traces in terms of the user's sources: places in a bundle become places in the files that it was made of, by the
// source maps beside it, and the frames of the worker itself are left out. Read only when something failed.

import {readFileSync} from 'node:fs';
import {SourceMap} from 'node:module';
import {dirname, join} from 'node:path';
import {parseJson} from '../core/json.ts';

/** `entry`: absolute path of the bundle's entry; `own`: the folder of the worker. */
export function mapStack(stack: string, entry: string, own: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  const place = new RegExp(
    `(?:file://)?${literally(dirname(entry))}/(?:instances/[^/]+/)?(stage|chunk-\\d{8})\\.js:(\\d+):(\\d+)`,
    'g',
  );
  return stack
    .split('\n')
    .map(line =>
      line.replace(place, (text, name: string, row: string, column: string) => {
        const path = join(dirname(entry), `${name}.js.map`);
        if (!maps.has(path)) maps.set(path, readMap(path));
        // A source map counts from 0.
        const found = maps.get(path)?.findEntry(Number(row) - 1, Number(column) - 1);
        if (found === undefined || !('originalSource' in found)) return text;
        return `${found.originalSource}:${found.originalLine + 1}:${found.originalColumn + 1}`;
      }),
    )
    .filter(line => !isFrameOf(line, own))
    .join('\n');
}

const isFrameOf = (line: string, folder: string): boolean =>
  /^\s+at /.test(line) &&
  (line.includes('node:internal/') || (line.includes(`${folder}/`) && OWN_FILES.test(line)));

/** Of the worker, from the sources and built. */
const OWN_FILES = /\/(?:worker|stage-call|fresh-modules|chunk-[A-Z0-9]{8})\.(?:m?js|ts):/;

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function readMap(path: string): SourceMap | undefined {
  try {
    const payload = parseJson(readFileSync(path, 'utf8'));
    return payload === undefined ? undefined : new SourceMap(payload as never);
  } catch {
    return undefined;
  }
}
