// `source.json`, which lies beside downloaded files and says what they are. It tells what the bytes are, never
// where they came from: whichever host or mirror served them, the folder is the same.

import {readdir, readFile, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {StageError, z} from '../../src/stage/define.ts';
import {fileDigest} from './checksum.ts';

export const sourceFileName = 'source.json';

const sourceSchema = z.object({
  format: z.literal('pipe-raw-1'),
  dataset: z.string(),
  /** True where the files hold a part of the published data set only. */
  is_subset: z.boolean(),
  attribution: z.record(z.string(), z.unknown()).optional(),
  files: z.number(),
  bytes: z.number(),
  /** Of every file; for folders with many, of the list of names and digests. */
  sha256: z.union([z.string(), z.record(z.string(), z.string())]),
});

export type RawSource = z.infer<typeof sourceSchema>;

const maxListed = 50;

/** What `source.json` says of the files that lie in `folder` now. */
export async function describeRaw(
  folder: string,
  facts: Pick<RawSource, 'dataset' | 'is_subset' | 'attribution'>,
  signal: AbortSignal,
): Promise<RawSource> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true});
  const names = entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter(name => name !== sourceFileName)
    .sort();
  const digests: [string, string][] = [];
  let bytes = 0;
  for (const name of names) {
    bytes += (await stat(join(folder, name))).size;
    digests.push([name, await fileDigest(join(folder, name), 'sha256', signal)]);
  }
  const {createHash} = await import('node:crypto');
  const sha256 =
    names.length <= maxListed
      ? Object.fromEntries(digests)
      : createHash('sha256')
          .update(digests.map(([name, digest]) => `${digest}  ${name}\n`).join(''))
          .digest('hex');
  return {format: 'pipe-raw-1', ...facts, files: names.length, bytes, sha256};
}

/** @throws StageError when the folder is not what `download` made. */
export async function readRaw(folder: string): Promise<RawSource> {
  let text: string;
  try {
    text = await readFile(join(folder, sourceFileName), 'utf8');
  } catch {
    throw new StageError(
      `expected ${sourceFileName} beside the raw files, found none`,
      'Give the output of the stage download, for example `in: {raw: download}`.',
    );
  }
  const parsed = sourceSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new StageError(
    `${sourceFileName}: ${z.prettifyError(parsed.error)}`,
    'Run the stage download again.',
  );
}
