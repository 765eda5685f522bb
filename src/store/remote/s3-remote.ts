// A store in an S3 bucket: `PREFIX/cas/SHA256` and `PREFIX/ac/FINGERPRINT`, all at one depth. Rows are written under
// the condition that there is none; blobs carry their SHA-256 for the server to check, large ones go in parts.
// The AWS SDK finds credentials, signs, and tries again.

import {createReadStream, createWriteStream} from 'node:fs';
import {rm} from 'node:fs/promises';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type {S3Client} from '@aws-sdk/client-s3';
import type {Digest} from '../../core/digest.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {answersOf} from './bounded.ts';
import {limitedTo, SILENT_MS, textOf} from './limited.ts';
import type {ActionRemote, BlobName, BlobRemote, PutMode, Remote, RemoteError, RowName} from './remote.ts';
import {largestRow} from './remote.ts';

export interface S3Options {
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
  /** `null` for Amazon's own. */
  readonly endpoint: string | null;
  /** `null` for what the environment or the profile says. */
  readonly region: string | null;
  /** The bucket as a part of the path instead of the host's name. */
  readonly pathStyle: boolean;
}

const MOST_REQUESTS = 16;
/** From here on a blob goes in parts. Bytes. */
const PARTS_FROM = 64 * 1024 * 1024;
const PART = 16 * 1024 * 1024;

export function s3Remote(options: S3Options): Remote {
  const bucket = new Bucket(options);
  return {blobs: new S3Blobs(bucket), actions: new S3Actions(bucket)};
}

class Bucket {
  readonly place: string;
  readonly options: S3Options;
  #client: Promise<S3Client> | undefined;

  constructor(options: S3Options) {
    this.options = options;
    const path = options.prefix === '' ? '' : `/${options.prefix}`;
    this.place = `s3://${options.bucket}${path}${options.endpoint === null ? '' : ` at ${options.endpoint}`}`;
  }

  nameOf(kind: 'cas' | 'ac', digest: Digest): {readonly Bucket: string; readonly Key: string} {
    const {bucket, prefix} = this.options;
    return {Bucket: bucket, Key: `${prefix === '' ? '' : `${prefix}/`}${kind}/${digest}`};
  }

  client(): Promise<S3Client> {
    return (this.#client ??= this.#open());
  }

  async ask<T>(work: (client: S3Client) => Promise<T>): Promise<Result<T, RemoteError>> {
    try {
      return ok(await work(await this.client()));
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError') throw error;
      return err({place: this.place, message: reasonOf(error), hint: hintOf(error)});
    }
  }

  close(): void {
    void this.#client?.then(client => client.destroy());
    this.#client = undefined;
  }

  async #open(): Promise<S3Client> {
    const {S3Client} = await import('@aws-sdk/client-s3');
    const {endpoint, region, pathStyle} = this.options;
    return new S3Client({
      ...(endpoint === null ? {} : {endpoint}),
      ...(region === null ? {} : {region}),
      forcePathStyle: pathStyle,
      maxAttempts: 3,
      requestHandler: {connectionTimeout: 5_000, socketTimeout: SILENT_MS},
      // Servers that are not Amazon's know older checksums only; ours is sent where it counts.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }
}

class S3Blobs implements BlobRemote {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  get place(): string {
    return this.#bucket.place;
  }

  async has(blobs: readonly BlobName[]): Promise<Result<ReadonlySet<Digest>, RemoteError>> {
    const found = new Set<Digest>();
    const failed = await answersOf(blobs, MOST_REQUESTS, ({digest, size}) =>
      this.#bucket.ask(async client => {
        const {HeadObjectCommand} = await import('@aws-sdk/client-s3');
        const head = await client
          .send(new HeadObjectCommand(this.#bucket.nameOf('cas', digest)))
          .catch(unlessMissing);
        if (head?.ContentLength === size) found.add(digest);
      }),
    );
    return failed === undefined ? ok(found) : err(failed);
  }

  fetch(blob: BlobName, to: string, signal?: AbortSignal): Promise<Result<boolean, RemoteError>> {
    return this.#bucket.ask(async client => {
      const {GetObjectCommand} = await import('@aws-sdk/client-s3');
      const options = signal === undefined ? {} : {abortSignal: signal};
      const answer = await client
        .send(new GetObjectCommand(this.#bucket.nameOf('cas', blob.digest)), options)
        .catch(unlessMissing);
      if (!(answer?.Body instanceof Readable)) return false;
      try {
        await pipeline(answer.Body, limitedTo(blob), createWriteStream(to, {flags: 'wx'}));
      } catch (error) {
        await rm(to, {force: true});
        throw error;
      }
      return true;
    });
  }

  push({digest, size}: BlobName, from: string, signal?: AbortSignal): Promise<Result<void, RemoteError>> {
    return this.#bucket.ask(async client => {
      const name = this.#bucket.nameOf('cas', digest);
      if (size >= PARTS_FROM) {
        const {Upload} = await import('@aws-sdk/lib-storage');
        const upload = new Upload({client, params: {...name, Body: createReadStream(from)}, partSize: PART});
        signal?.addEventListener('abort', () => void upload.abort(), {once: true});
        await upload.done();
        return;
      }
      const {PutObjectCommand} = await import('@aws-sdk/client-s3');
      const checksum = Buffer.from(digest, 'hex').toString('base64');
      const command = new PutObjectCommand({
        ...name,
        Body: createReadStream(from),
        ContentLength: size,
        ChecksumSHA256: checksum,
      });
      await client.send(command, signal === undefined ? {} : {abortSignal: signal});
    });
  }

  async close(): Promise<void> {
    this.#bucket.close();
  }
}

class S3Actions implements ActionRemote {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  get place(): string {
    return this.#bucket.place;
  }

  get({digest}: RowName): Promise<Result<string | undefined, RemoteError>> {
    return this.#bucket.ask(async client => {
      const {GetObjectCommand} = await import('@aws-sdk/client-s3');
      const answer = await client
        .send(new GetObjectCommand(this.#bucket.nameOf('ac', digest)))
        .catch(unlessMissing);
      if (!(answer?.Body instanceof Readable)) return undefined;
      return textOf(answer.Body, largestRow);
    });
  }

  put(
    {digest}: RowName,
    text: string,
    _blobs: readonly BlobName[],
    mode: PutMode,
  ): Promise<Result<'written' | 'kept', RemoteError>> {
    return this.#bucket.ask(async client => {
      const {PutObjectCommand} = await import('@aws-sdk/client-s3');
      const name = this.#bucket.nameOf('ac', digest);
      const condition = mode === 'new' ? {IfNoneMatch: '*'} : {};
      try {
        await client.send(
          new PutObjectCommand({...name, ...condition, Body: text, ContentType: 'application/json'}),
        );
        return 'written';
      } catch (error) {
        // 409: another writer of the same row is at it.
        if (statusOf(error) === 412 || statusOf(error) === 409) return 'kept';
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    this.#bucket.close();
  }
}

function statusOf(error: unknown): number | undefined {
  const metadata: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, '$metadata') : undefined;
  const status: unknown =
    typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, 'httpStatusCode') : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** A bucket that is not there is a mistake, not an absent object. */
function unlessMissing(error: unknown): undefined {
  const isObject = !(error instanceof Error && error.name === 'NoSuchBucket');
  if (statusOf(error) !== 404 || !isObject) throw error;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const status = statusOf(error);
  return status === undefined ? error.message : `${error.name} (${status}): ${error.message}`;
}

function hintOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ('code' in error && error.code === 'ERR_MODULE_NOT_FOUND') {
    return 'run: npm install @aws-sdk/client-s3 @aws-sdk/lib-storage';
  }
  if (error.name === 'CredentialsProviderError') {
    return 'give credentials as to the AWS tools: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE';
  }
  const status = statusOf(error);
  return status === 403 ? 'these credentials may not do this; mode=read asks for reading alone' : null;
}
