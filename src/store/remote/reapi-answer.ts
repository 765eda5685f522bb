// How a command ended, from what a server of the Remote Execution API says of its operation.

import {type Digest, isDigest} from '../../core/digest.ts';
import type {MessageCodec, WireOperation} from './reapi-channel.ts';
import type {WireDigest} from './reapi-remote.ts';
import type {BlobName} from './remote.ts';

/** `google.rpc.Code` */
const CANCELLED = 1;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;
const UNAUTHENTICATED = 16;
/** What the same question does not mend. */
const REFUSALS = new Set([INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED]);

export interface CommandGain {
  readonly exitCode: number;
  readonly isCached: boolean;
  /** What it printed: the bytes themselves, or where they are. */
  readonly stdout: Buffer | BlobName;
  readonly files: ReadonlyMap<string, BlobName & {readonly isExecutable: boolean}>;
  readonly folders: ReadonlyMap<string, BlobName>;
  readonly worker: string;
}

export type CommandEnd =
  | {readonly is: 'done'; readonly gain: CommandGain}
  | {readonly is: 'timed-out' | 'cancelled' | 'unknown'}
  | {readonly is: 'refused' | 'lost'; readonly message: string};

interface WireOutput {
  readonly path?: string;
  readonly digest?: WireDigest;
  readonly tree_digest?: WireDigest;
  readonly is_executable?: boolean;
}
interface WireResponse {
  readonly status?: {readonly code?: number; readonly message?: string};
  readonly message?: string;
  readonly cached_result?: boolean;
  readonly result?: {
    readonly exit_code?: number;
    readonly output_files?: readonly WireOutput[];
    readonly output_directories?: readonly WireOutput[];
    readonly stdout_raw?: Buffer;
    readonly stdout_digest?: WireDigest;
    readonly execution_metadata?: {readonly worker?: string};
  };
}

export function endOf({error, response}: WireOperation, codec: MessageCodec): CommandEnd {
  if (error?.code !== undefined && error.code !== 0) return endOfStatus(error);
  if (response?.value === undefined) return {is: 'lost', message: 'the server ended it without an answer'};
  const {status, result, cached_result, message} = codec.decode<WireResponse>(
    'ExecuteResponse',
    response.value,
  );
  if ((status?.code ?? 0) !== 0) return endOfStatus({...status, message: status?.message ?? message ?? ''});
  if (result === undefined) return {is: 'lost', message: message ?? 'the server gave no result'};
  const files = new Map<string, BlobName & {isExecutable: boolean}>();
  for (const {path = '', digest, is_executable} of result.output_files ?? []) {
    const named = nameOf(digest);
    if (named !== undefined) files.set(path, {...named, isExecutable: is_executable === true});
  }
  const folders = new Map<string, BlobName>();
  for (const {path = '', tree_digest} of result.output_directories ?? []) {
    const named = nameOf(tree_digest);
    if (named !== undefined) folders.set(path, named);
  }
  const printed = result.stdout_raw?.length ? undefined : nameOf(result.stdout_digest);
  return {
    is: 'done',
    gain: {
      exitCode: result.exit_code ?? 0,
      isCached: cached_result === true,
      stdout: printed ?? result.stdout_raw ?? Buffer.alloc(0),
      files,
      folders,
      worker: result.execution_metadata?.worker ?? '',
    },
  };
}

export function endOfStatus({code = 0, message = ''}: {code?: number; message?: string}): CommandEnd {
  switch (code) {
    case CANCELLED:
      return {is: 'cancelled'};
    case DEADLINE_EXCEEDED:
      return {is: 'timed-out'};
    default:
      return {
        is: REFUSALS.has(code) ? 'refused' : 'lost',
        message: message === '' ? `status ${code}` : message,
      };
  }
}

const nameOf = (digest: WireDigest | undefined): BlobName | undefined =>
  digest !== undefined && isDigest(digest.hash ?? '')
    ? {digest: digest.hash as Digest, size: Number(digest.size_bytes ?? 0)}
    : undefined;
