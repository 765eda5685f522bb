// A job as the Remote Execution API has it: an Action message that names a Command and an input root. Fields that say
// nothing are left out and lists are sorted, so that equal jobs are equal bytes and the server's cache knows them.

import {type Digest, digestBytes} from '../../core/digest.ts';
import {byCodeUnit} from '../../core/json.ts';
import type {MessageCodec, Services} from './reapi-channel.ts';
import {wireDigest} from './reapi-remote.ts';
import {encodeTree, type TreeFolder} from './reapi-tree.ts';
import type {BlobName} from './remote.ts';

/** Bytes of one message with several blobs in it. */
const MOST_BATCH = 2 * 1024 * 1024;

export interface CommandJob {
  readonly root: TreeFolder;
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly outputFiles: readonly string[];
  readonly outputFolders: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly timeoutMs: number | null;
}

/** The digest of the job's action; every message on the way is put into `messages`. */
export function encodeJob(job: CommandJob, codec: MessageCodec, messages: Map<Digest, Buffer>): BlobName {
  const put = (bytes: Buffer): BlobName => {
    const digest = digestBytes(bytes);
    messages.set(digest, bytes);
    return {digest, size: bytes.length};
  };
  const pairs = (of: Readonly<Record<string, string>>): Array<{name: string; value: string}> =>
    Object.entries(of)
      .map(([name, value]) => ({name, value}))
      .sort((a, b) => byCodeUnit(a.name, b.name));
  const platform = {properties: pairs(job.properties)};
  const [files, folders] = [[...job.outputFiles].sort(), [...job.outputFolders].sort()];
  const command = put(
    codec.encode('Command', {
      arguments: [...job.arguments],
      environment_variables: pairs(job.env),
      // Servers of version 2.0 know these two, later ones the third.
      output_files: files,
      output_directories: folders,
      output_paths: [...files, ...folders].sort(),
      platform,
    }),
  );
  const {timeoutMs} = job;
  return put(
    codec.encode('Action', {
      command_digest: wireDigest(command),
      input_root_digest: encodeTree(job.root, codec, messages),
      ...(timeoutMs === null
        ? {}
        : {timeout: {seconds: Math.floor(timeoutMs / 1000), nanos: (timeoutMs % 1000) * 1_000_000}}),
      platform,
    }),
  );
}

/** Sends blobs that are in memory. Throws what the server says. */
export async function sendBatches(
  {storage, instance}: Services,
  blobs: ReadonlyArray<readonly [Digest, Buffer]>,
): Promise<void> {
  for (let at = 0; at < blobs.length; ) {
    const batch: Array<readonly [Digest, Buffer]> = [];
    for (let size = 0; at < blobs.length; at++) {
      const next = blobs[at];
      if (next === undefined || (batch.length > 0 && size + next[1].length > MOST_BATCH)) break;
      size += next[1].length;
      batch.push(next);
    }
    const answer = await storage.call<{
      responses?: ReadonlyArray<{status?: {code?: number; message?: string}}>;
    }>('BatchUpdateBlobs', {
      instance_name: instance,
      requests: batch.map(([digest, data]) => ({digest: wireDigest({digest, size: data.length}), data})),
    });
    const refused = answer.responses?.find(({status}) => (status?.code ?? 0) !== 0);
    if (refused !== undefined) throw new Error(refused.status?.message ?? 'a blob was refused');
  }
}
