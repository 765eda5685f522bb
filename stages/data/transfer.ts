// One URL to one file: resumed after a cut with Range and If-Range, retried while the host may recover.
// A partial file is continued only when the host says that it is still the same file; otherwise it starts over.
// Whether the bytes are the right ones is not decided here.

import {open, readFile, rm, stat, writeFile} from 'node:fs/promises';

export interface TransferOptions {
  readonly signal: AbortSignal;
  /** How long the host may stay silent, before the answer and between two pieces of it. */
  readonly idleMs: number;
  /** Tries in a row that brought nothing new; a try that brought bytes starts the count again. */
  readonly attempts: number;
  /** Waiting time before a second try; doubled for each further one. */
  readonly pauseMs: number;
  /** A file with more bytes than this is refused. */
  readonly mostBytes: number;
  /** Bytes so far, and in all where the host says so. */
  readonly onProgress: (done: number, total: number | undefined) => void;
}

/** Why a URL gave nothing. `isFinal` where another try cannot help. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
  readonly isFinal: boolean;
  constructor(message: string, isFinal: boolean) {
    super(message);
    this.isFinal = isFinal;
  }
}

/**
 * Downloads `url` to `path`, continuing what is there. Beside the file lies `path.state` while it is not whole.
 * @throws TransferError with the reason; the signal's own reason when it is aborted.
 */
export async function transfer(url: string, path: string, options: TransferOptions): Promise<void> {
  let failures = 0;
  for (;;) {
    const before = await sizeOf(path);
    try {
      await transferOnce(url, path, options);
      await rm(`${path}.state`, {force: true});
      return;
    } catch (error) {
      options.signal.throwIfAborted();
      const failure = asTransferError(error);
      if (failure.isFinal) throw failure;
      failures = (await sizeOf(path)) > before ? 1 : failures + 1;
      if (failures >= options.attempts) {
        throw new TransferError(`${failure.message} (${failures} tries)`, true);
      }
      await pause(options.pauseMs * 2 ** (failures - 1), options.signal);
    }
  }
}

async function transferOnce(url: string, path: string, options: TransferOptions): Promise<void> {
  const state = await readState(path);
  const resumable = state !== undefined && state.url === url && state.validator !== '';
  const offset = resumable ? await sizeOf(path) : 0;
  const idle = new AbortController();
  const timer = setTimeout(() => {
    idle.abort(new TransferError(`no data for ${options.idleMs / 1000} s`, false));
  }, options.idleMs);
  try {
    // A host that compresses on the fly would change the bytes that digests are made from.
    const headers: Record<string, string> = {'accept-encoding': 'identity'};
    if (offset > 0) {
      headers.range = `bytes=${offset}-`;
      headers['if-range'] = state?.validator ?? '';
    }
    const signal = AbortSignal.any([options.signal, idle.signal]);
    const response = await fetch(url, {headers, signal});
    timer.refresh();
    if (response.status === 416) {
      await response.body?.cancel();
      if (totalOf(response) === offset) return;
      await rm(path, {force: true});
      throw new TransferError('the host no longer has the part that was asked for (HTTP 416)', false);
    }
    if (!response.ok) {
      await response.body?.cancel();
      const mayRecover = response.status >= 500 || response.status === 429 || response.status === 408;
      throw new TransferError(`HTTP ${response.status} ${response.statusText}`.trim(), !mayRecover);
    }
    const start = startOf(response, offset);
    await writeFile(`${path}.state`, JSON.stringify({url, validator: validatorOf(response)}));
    await receive(response, path, start, timer, options);
  } finally {
    clearTimeout(timer);
  }
}

/** Streams the body behind the first `start` bytes of the file, and checks that all of it came. */
async function receive(
  response: Response,
  path: string,
  start: number,
  timer: NodeJS.Timeout,
  options: TransferOptions,
): Promise<void> {
  if (response.body === null) throw new TransferError('the answer has no body', false);
  const total = totalOf(response);
  const refuse = (): never => {
    throw new TransferError(`more than ${options.mostBytes} bytes came; \`most_bytes\` allows more`, true);
  };
  if (total !== undefined && total > options.mostBytes) refuse();
  let done = start;
  // One awaited write after another: what is on disk after a cut is a prefix, with nothing still on its way.
  const file = await open(path, start > 0 ? 'a' : 'w');
  try {
    for await (const chunk of response.body) {
      timer.refresh();
      done += chunk.length;
      if (done > options.mostBytes) refuse();
      await file.appendFile(chunk);
      options.onProgress(done, total);
    }
  } finally {
    await file.close();
  }
  if (total !== undefined && done !== total) {
    throw new TransferError(`expected ${total} bytes, got ${done}: the connection was cut`, false);
  }
}

/** Where the body belongs in the file; a whole answer begins anew. */
function startOf(response: Response, offset: number): number {
  if (response.status !== 206) return 0;
  const start = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? Number.NaN);
  if (start === offset && offset > 0) return start;
  throw new TransferError(
    `asked for bytes from ${offset}, got ${response.headers.get('content-range')}`,
    true,
  );
}

function totalOf(response: Response): number | undefined {
  const range = response.headers.get('content-range');
  const text = range === null ? response.headers.get('content-length') : range.split('/')[1];
  const total = Number(text ?? Number.NaN);
  return Number.isSafeInteger(total) ? total : undefined;
}

/** What If-Range may compare: a strong ETag, else the date. RFC 9110 section 13.1.5 forbids weak ETags. */
function validatorOf(response: Response): string {
  const etag = response.headers.get('etag');
  if (etag !== null && !etag.startsWith('W/')) return etag;
  return response.headers.get('last-modified') ?? '';
}

async function readState(path: string): Promise<{url: string; validator: string} | undefined> {
  try {
    const state: unknown = JSON.parse(await readFile(`${path}.state`, 'utf8'));
    if (typeof state !== 'object' || state === null || !('url' in state) || !('validator' in state)) {
      return undefined;
    }
    const {url, validator} = state;
    return typeof url === 'string' && typeof validator === 'string' ? {url, validator} : undefined;
  } catch {
    return undefined; // none yet, or cut short by a kill: start over
  }
}

const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
};

function asTransferError(error: unknown): TransferError {
  if (error instanceof TransferError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const isFinal = ['ENOTFOUND', 'ECONNREFUSED', 'ERR_INVALID_URL', 'ENOSPC', 'EACCES'].includes(code);
  return new TransferError(message === '' ? code : message, isFinal || code.startsWith('CERT_'));
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, {once: true});
  });
