// Runs commands on a server of the Remote Execution API: sends what a job needs, starts it, listens to it, and reads what
// came of it. A stream that breaks says nothing about the job: whoever asked listens again, or starts it again.

import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type Digest, digestBytes} from '../../core/digest.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {type CommandEnd, endOf, endOfStatus} from './reapi-answer.ts';
import {ReapiChannel, type ReapiOptions, type Services, type WireOperation} from './reapi-channel.ts';
import {type CommandJob, encodeJob, sendBatches} from './reapi-job.ts';
import {codeOf, ReapiBlobs, wireDigest} from './reapi-remote.ts';
import {decodeTree, type TreeFolder, type WireTree} from './reapi-tree.ts';
import type {BlobName} from './remote.ts';

const NOT_FOUND = 5;

/** Listings of folders and logs are read into memory; outputs are not. Bytes. */
const MOST_READ = 256 * 1024 ** 2;

export class ReapiExecution {
  readonly place: string;
  readonly #channel: ReapiChannel;
  readonly #blobs: ReapiBlobs;

  constructor(options: ReapiOptions) {
    this.#channel = new ReapiChannel(options);
    this.#blobs = new ReapiBlobs(this.#channel);
    this.place = this.#channel.place;
  }

  async prepare(
    job: CommandJob,
    blobs: readonly BlobName[],
    pathOf: (digest: Digest) => string | undefined,
  ): Promise<Result<{readonly action: BlobName}, {readonly missing: Digest} | {readonly message: string}>> {
    const messages = new Map<Digest, Buffer>();
    const encoded = await this.#channel.ask(async ({codec}) => encodeJob(job, codec, messages));
    if (!encoded.ok) return err({message: encoded.error.message});
    const own = [...messages].map(([digest, bytes]): BlobName => ({digest, size: bytes.length}));
    const wanted = [...new Map([...blobs, ...own].map(each => [each.digest, each])).values()];
    const there = await this.#blobs.has(wanted);
    if (!there.ok) return err({message: there.error.message});
    for (const blob of wanted) {
      if (there.value.has(blob.digest) || messages.has(blob.digest)) continue;
      const path = pathOf(blob.digest);
      if (path === undefined) return err({missing: blob.digest});
      const pushed = await this.#blobs.push(blob, path);
      if (!pushed.ok) return err({message: pushed.error.message});
    }
    const lacking = [...messages].filter(([digest]) => !there.value.has(digest));
    const sent = await this.#channel.ask(services => sendBatches(services, lacking));
    return sent.ok ? ok({action: encoded.value}) : err({message: sent.error.message});
  }

  async execute(
    {action}: {readonly action: BlobName},
    isFresh: boolean,
    onName: (operation: string) => void,
  ): Promise<CommandEnd> {
    return this.#listen(
      ({executions, instance}) =>
        executions.execute({
          instance_name: instance,
          skip_cache_lookup: isFresh,
          action_digest: wireDigest(action),
        }),
      onName,
    );
  }

  wait(operation: string): Promise<CommandEnd> {
    return this.#listen(
      ({executions}) => executions.wait({name: operation}),
      () => {},
    );
  }

  async cancel(operation: string): Promise<void> {
    await this.#channel.ask(({operations}) => operations.call('CancelOperation', {name: operation}));
  }

  /** True while the operation goes on, false when it is over or not known; `undefined` where nobody answers. */
  async isGoingOn(operation: string): Promise<boolean | undefined> {
    const asked = await this.#channel.ask(async ({operations}) => {
      try {
        return (await operations.call<WireOperation>('GetOperation', {name: operation})).done !== true;
      } catch (error) {
        if (codeOf(error) === NOT_FOUND) return false;
        throw error;
      }
    });
    return asked.ok ? asked.value : undefined;
  }

  async read(blob: BlobName): Promise<Result<Buffer, string>> {
    if (blob.size === 0) return ok(Buffer.alloc(0));
    if (blob.size > MOST_READ) return err(`${this.place} names a listing or a log of ${blob.size} bytes`);
    const folder = await mkdtemp(join(tmpdir(), 'pipe-read-'));
    try {
      const path = join(folder, 'blob');
      const fetched = await this.#blobs.fetch(blob, path);
      if (!fetched.ok) return err(fetched.error.message);
      if (!fetched.value) return err(`${this.place} does not have ${blob.digest}`);
      const bytes = await readFile(path);
      return digestBytes(bytes) === blob.digest
        ? ok(bytes)
        : err(`${this.place} gave other bytes under the name of ${blob.digest}`);
    } finally {
      await rm(folder, {recursive: true, force: true});
    }
  }

  async folderOf(tree: BlobName): Promise<Result<TreeFolder, string>> {
    const bytes = await this.read(tree);
    if (!bytes.ok) return bytes;
    const decoded = await this.#channel.ask(async ({codec}) =>
      decodeTree(codec.decode<WireTree>('Tree', bytes.value), codec),
    );
    if (!decoded.ok) return err(decoded.error.message);
    return typeof decoded.value === 'string' ? err(decoded.value) : ok(decoded.value);
  }

  close(): void {
    this.#channel.close();
  }

  async #listen(
    open: (services: Services) => AsyncIterable<WireOperation>,
    onName: (operation: string) => void,
  ): Promise<CommandEnd> {
    let code: number | undefined;
    const heard = await this.#channel.ask(async services => {
      try {
        for await (const operation of open(services)) {
          if (operation.name !== undefined) onName(operation.name);
          if (operation.done === true) return endOf(operation, services.codec);
        }
        return {is: 'lost', message: 'the server ended its answer before the command was done'} as const;
      } catch (error) {
        code = codeOf(error);
        throw error;
      }
    });
    if (heard.ok) return heard.value;
    if (code === undefined) return {is: 'lost', message: heard.error.message};
    return code === NOT_FOUND ? {is: 'unknown'} : endOfStatus({code, message: heard.error.message});
  }
}
