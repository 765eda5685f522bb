// A store behind the Remote Execution API: ContentAddressableStorage and ByteStream for bytes, ActionCache for rows. A
// row is an ActionResult that names every blob as an output, so that the server keeps them together, and holds our text
// as its standard output. Its key is the digest of the text that was digested, which is a blob like any other.

import {randomUUID} from 'node:crypto';
import {once} from 'node:events';
import {createReadStream, createWriteStream} from 'node:fs';
import {readFile, rm, writeFile} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';
import {type Digest, isDigest} from '../../core/digest.ts';
import type {Result} from '../../core/result.ts';
import {limitedTo} from './limited.ts';
import {ReapiChannel, type ReapiOptions} from './reapi-channel.ts';
import type {ActionRemote, BlobName, BlobRemote, Remote, RemoteError, RowName} from './remote.ts';

/** A gRPC message ends at 4 MB; what is larger goes as a stream. Bytes. */
const STREAM_FROM = 2 * 1024 * 1024;
const CHUNK = 1024 * 1024;
/** Digests of one question. */
const MOST_NAMES = 4096;

export function reapiRemote(options: ReapiOptions): Remote {
  const channel = new ReapiChannel(options);
  return {blobs: new ReapiBlobs(channel), actions: new ReapiActions(channel)};
}

export interface WireDigest {
  readonly hash: string;
  readonly size_bytes: string;
}

export const wireDigest = ({digest, size}: BlobName): WireDigest => ({
  hash: digest,
  size_bytes: String(size),
});

export class ReapiBlobs implements BlobRemote {
  readonly #channel: ReapiChannel;

  constructor(channel: ReapiChannel) {
    this.#channel = channel;
  }

  get place(): string {
    return this.#channel.place;
  }

  has(blobs: readonly BlobName[]): Promise<Result<ReadonlySet<Digest>, RemoteError>> {
    return this.#channel.ask(async ({storage, instance}) => {
      const found = new Set(blobs.map(({digest}) => digest));
      for (let start = 0; start < blobs.length; start += MOST_NAMES) {
        const asked = blobs.slice(start, start + MOST_NAMES).map(wireDigest);
        const answer = await storage.call<{missing_blob_digests?: readonly WireDigest[]}>(
          'FindMissingBlobs',
          {
            instance_name: instance,
            blob_digests: asked,
          },
        );
        for (const {hash} of answer.missing_blob_digests ?? []) if (isDigest(hash)) found.delete(hash);
      }
      return found;
    });
  }

  fetch(blob: BlobName, to: string, signal?: AbortSignal): Promise<Result<boolean, RemoteError>> {
    return this.#channel.ask(async ({storage, bytes, instance}) => {
      if (blob.size < STREAM_FROM) {
        const answer = await storage.call<{
          responses?: ReadonlyArray<{data?: Buffer; status?: {code?: number; message?: string}}>;
        }>('BatchReadBlobs', {instance_name: instance, digests: [wireDigest(blob)]});
        const [first] = answer.responses ?? [];
        const code = first?.status?.code ?? 0;
        if (first === undefined || code === NOT_FOUND) return false;
        if (code !== 0) throw new Error(first.status?.message ?? `status ${code}`);
        const data = first.data ?? Buffer.alloc(0);
        if (data.length > blob.size)
          throw new Error(`gave more than the ${blob.size} bytes of ${blob.digest}`);
        await writeFile(to, data, {flag: 'wx'});
        return true;
      }
      const stream = bytes.read({resource_name: `${prefixOf(instance)}blobs/${blob.digest}/${blob.size}`});
      signal?.addEventListener('abort', () => stream.cancel(), {once: true});
      try {
        await pipeline(
          stream,
          async function* (messages: AsyncIterable<{data?: Buffer}>) {
            for await (const {data} of messages) if (data !== undefined) yield data;
          },
          limitedTo(blob),
          createWriteStream(to, {flags: 'wx'}),
        );
        return true;
      } catch (error) {
        stream.cancel();
        await rm(to, {force: true});
        if (codeOf(error) === NOT_FOUND) return false;
        throw error;
      }
    });
  }

  push(blob: BlobName, from: string, signal?: AbortSignal): Promise<Result<void, RemoteError>> {
    return this.#channel.ask(async ({storage, bytes, instance}) => {
      if (blob.size < STREAM_FROM) {
        const answer = await storage.call<{
          responses?: ReadonlyArray<{status?: {code?: number; message?: string}}>;
        }>('BatchUpdateBlobs', {
          instance_name: instance,
          requests: [{digest: wireDigest(blob), data: await readFile(from)}],
        });
        const status = answer.responses?.[0]?.status;
        if ((status?.code ?? 0) !== 0) throw new Error(status?.message ?? `status ${status?.code}`);
        return;
      }
      const resource = `${prefixOf(instance)}uploads/${randomUUID()}/blobs/${blob.digest}/${blob.size}`;
      const {stream, answered} = bytes.write();
      signal?.addEventListener('abort', () => stream.cancel(), {once: true});
      let offset = 0;
      // A server that has the blob already answers before everything was sent, and takes no more.
      let isAnswered = false;
      const over = answered.finally(() => (isAnswered = true));
      const message = (data: Buffer) => ({
        resource_name: offset === 0 ? resource : '',
        write_offset: String(offset),
        data,
        finish_write: offset + data.length === blob.size,
      });
      for await (const data of createReadStream(from, {highWaterMark: CHUNK}) as AsyncIterable<Buffer>) {
        const hasRoom = stream.write(message(data));
        offset += data.length;
        if (!hasRoom) await Promise.race([once(stream, 'drain'), over]);
        if (isAnswered) break;
      }
      stream.end();
      await over;
    });
  }

  async close(): Promise<void> {
    this.#channel.close();
  }
}

class ReapiActions implements ActionRemote {
  readonly #channel: ReapiChannel;

  constructor(channel: ReapiChannel) {
    this.#channel = channel;
  }

  get place(): string {
    return this.#channel.place;
  }

  async get(row: RowName): Promise<Result<string | undefined, RemoteError>> {
    return this.#channel.ask(async ({actions, instance}) => {
      try {
        const answer = await actions.call<{stdout_raw?: Buffer}>('GetActionResult', {
          instance_name: instance,
          action_digest: wireDigest(row),
        });
        const text = answer.stdout_raw?.toString('utf8') ?? '';
        return text === '' ? undefined : text;
      } catch (error) {
        // What is larger than any row is none.
        if (codeOf(error) === NOT_FOUND || isTooLarge(error)) return undefined;
        throw error;
      }
    });
  }

  /** The protocol knows no condition: the last writer of a row wins. */
  put(
    row: RowName,
    text: string,
    blobs: readonly BlobName[],
  ): Promise<Result<'written' | 'kept', RemoteError>> {
    return this.#channel.ask<'written' | 'kept'>(async ({actions, instance}) => {
      await actions.call('UpdateActionResult', {
        instance_name: instance,
        action_digest: wireDigest(row),
        action_result: {
          output_files: blobs.map(blob => ({path: blob.digest, digest: wireDigest(blob)})),
          stdout_raw: Buffer.from(text),
          exit_code: 0,
        },
      });
      return 'written';
    });
  }

  async close(): Promise<void> {
    this.#channel.close();
  }
}

/** `google.rpc.Code` and gRPC's own agree. */
const NOT_FOUND = 5;

const RESOURCE_EXHAUSTED = 8;

/** What our own side says of a message that is longer than it takes. */
const isTooLarge = (error: unknown): boolean =>
  codeOf(error) === RESOURCE_EXHAUSTED && error instanceof Error && /larger than max/.test(error.message);

export const codeOf = (error: unknown): number | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;

const prefixOf = (instance: string): string => (instance === '' ? '' : `${instance}/`);
