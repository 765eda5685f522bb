// A store behind plain HTTP as Bazel's caches speak it: GET, PUT and HEAD of `/cas/SHA256` and `/ac/FINGERPRINT`.
// Any server that keeps files by their path will do. Requests are tried again by undici's own retry agent.

import {createReadStream, createWriteStream} from 'node:fs';
import {rm} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';
import type {Dispatcher} from 'undici';
import type {Digest} from '../../core/digest.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {answersOf} from './bounded.ts';
import {limitedTo, textOf} from './limited.ts';
import type {ActionRemote, BlobName, BlobRemote, Remote, RemoteError, RowName} from './remote.ts';
import {largestRow} from './remote.ts';

export interface HttpOptions {
  /** Without a slash at its end, without user and password. */
  readonly base: string;
  /** `Authorization` of every request; `null` for none. */
  readonly authorization: string | null;
}

/** Requests under way at once. */
const MOST_REQUESTS = 16;
/** A server that says nothing for so long is down. Milliseconds. */
const SILENCE_MS = 30_000;

export function httpRemote(options: HttpOptions): Remote {
  const client = new HttpClient(options);
  return {blobs: new HttpBlobs(client), actions: new HttpActions(client)};
}

class HttpClient {
  readonly place: string;
  readonly #authorization: string | null;
  #agent: Promise<Dispatcher> | undefined;

  constructor({base, authorization}: HttpOptions) {
    this.place = base;
    this.#authorization = authorization;
  }

  async request(
    method: 'GET' | 'HEAD' | 'PUT',
    path: string,
    options: {
      readonly body?: NodeJS.ReadableStream | string;
      readonly size?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<Dispatcher.ResponseData> {
    const {request} = await import('undici');
    this.#agent ??= openAgent();
    return request(`${this.place}${path}`, {
      method,
      dispatcher: await this.#agent,
      headers: {
        ...(this.#authorization === null ? {} : {authorization: this.#authorization}),
        ...(options.size === undefined ? {} : {'content-length': String(options.size)}),
      },
      ...(options.body === undefined ? {} : {body: options.body as never}),
      ...(options.signal === undefined ? {} : {signal: options.signal}),
      headersTimeout: SILENCE_MS,
      bodyTimeout: SILENCE_MS,
    });
  }

  async ask<T>(work: () => Promise<Result<T, RemoteError>>): Promise<Result<T, RemoteError>> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError') throw error;
      return err({place: this.place, message: reasonOf(error), hint: null});
    }
  }

  /** For an answer that is neither what was asked for nor "not there"; its body is read away. */
  async refused(
    {statusCode, body}: Dispatcher.ResponseData,
    what: string,
  ): Promise<Result<never, RemoteError>> {
    await body.dump();
    const hint =
      statusCode === 401 || statusCode === 403
        ? 'give a token in PIPE_STORE_TOKEN, or say mode=read for a store that one may only read'
        : null;
    return err({place: this.place, message: `answers ${statusCode} to ${what}`, hint});
  }

  async close(): Promise<void> {
    const agent = await this.#agent;
    this.#agent = undefined;
    await agent?.close();
  }
}

async function openAgent(): Promise<Dispatcher> {
  const {Agent, RetryAgent} = await import('undici');
  const agent = new Agent({connections: MOST_REQUESTS, connect: {timeout: 5_000}});
  return new RetryAgent(agent, {maxRetries: 2, minTimeout: 200, methods: ['GET', 'HEAD']});
}

class HttpBlobs implements BlobRemote {
  readonly #client: HttpClient;

  constructor(client: HttpClient) {
    this.#client = client;
  }

  get place(): string {
    return this.#client.place;
  }

  async has(blobs: readonly BlobName[]): Promise<Result<ReadonlySet<Digest>, RemoteError>> {
    const found = new Set<Digest>();
    const failed = await answersOf(blobs, MOST_REQUESTS, async ({digest}) =>
      this.#client.ask<void>(async () => {
        const answer = await this.#client.request('HEAD', `/cas/${digest}`);
        if (answer.statusCode === 200) found.add(digest);
        else if (!isMissing(answer)) return this.#client.refused(answer, `HEAD /cas/${digest}`);
        await answer.body.dump();
        return ok(undefined);
      }),
    );
    return failed === undefined ? ok(found) : err(failed);
  }

  fetch(blob: BlobName, to: string, signal?: AbortSignal): Promise<Result<boolean, RemoteError>> {
    return this.#client.ask<boolean>(async () => {
      const answer = await this.#client.request(
        'GET',
        `/cas/${blob.digest}`,
        signal === undefined ? {} : {signal},
      );
      if (isMissing(answer)) {
        await answer.body.dump();
        return ok(false);
      }
      if (answer.statusCode !== 200) return this.#client.refused(answer, `GET /cas/${blob.digest}`);
      try {
        await pipeline(answer.body, limitedTo(blob), createWriteStream(to, {flags: 'wx'}));
      } catch (error) {
        await rm(to, {force: true});
        throw error;
      }
      return ok(true);
    });
  }

  push({digest, size}: BlobName, from: string, signal?: AbortSignal): Promise<Result<void, RemoteError>> {
    return this.#client.ask<void>(async () => {
      const body = createReadStream(from);
      const answer = await this.#client.request('PUT', `/cas/${digest}`, {
        body,
        size,
        ...(signal === undefined ? {} : {signal}),
      });
      if (!isDone(answer)) return this.#client.refused(answer, `PUT /cas/${digest}`);
      await answer.body.dump();
      return ok(undefined);
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

class HttpActions implements ActionRemote {
  readonly #client: HttpClient;

  constructor(client: HttpClient) {
    this.#client = client;
  }

  get place(): string {
    return this.#client.place;
  }

  get({digest}: RowName): Promise<Result<string | undefined, RemoteError>> {
    return this.#client.ask<string | undefined>(async () => {
      const answer = await this.#client.request('GET', `/ac/${digest}`);
      const size = Number(answer.headers['content-length'] ?? 0);
      if (isMissing(answer) || size > largestRow) {
        await answer.body.dump();
        return ok(undefined);
      }
      if (answer.statusCode !== 200) return this.#client.refused(answer, `GET /ac/${digest}`);
      return ok(await textOf(answer.body, largestRow));
    });
  }

  /** Plain HTTP servers know no condition: the last writer of a row wins, and every row is as good as any other. */
  put({digest}: RowName, text: string): Promise<Result<'written' | 'kept', RemoteError>> {
    return this.#client.ask<'written' | 'kept'>(async () => {
      const answer = await this.#client.request('PUT', `/ac/${digest}`, {body: text});
      if (!isDone(answer)) return this.#client.refused(answer, `PUT /ac/${digest}`);
      await answer.body.dump();
      return ok('written');
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

const isMissing = ({statusCode}: Dispatcher.ResponseData): boolean =>
  statusCode === 404 || statusCode === 410;
const isDone = ({statusCode}: Dispatcher.ResponseData): boolean => statusCode >= 200 && statusCode < 300;

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const {cause} = error;
  const text = cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
  return 'code' in error && error.code === 'ECONNREFUSED' ? 'refuses connections' : text;
}
