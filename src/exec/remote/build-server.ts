// What an executor needs of a server that runs commands on trees of files, as a port; and of the store, to fill it. All
// of it is plain data: bytes are named by their digest, and how a server wants them encoded is not this layer's affair.

import type {Action, ActionResult, Artifact} from '../../action/action.ts';
import type {StageFailure} from '../../action/outcome.ts';
import type {Digest} from '../../core/digest.ts';
import type {Result} from '../../core/result.ts';
import type {RootFolder} from './root-folder.ts';

/** Bytes somewhere else. `size` in bytes. */
export interface BlobRef {
  readonly digest: Digest;
  readonly size: number;
}

export interface BuildJob {
  readonly root: RootFolder;
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Files and folders that come back, relative to the root. */
  readonly outputFiles: readonly string[];
  readonly outputFolders: readonly string[];
  /** What a worker has to be, in the server's words. */
  readonly properties: Readonly<Record<string, string>>;
  readonly timeoutMs: number | null;
}

/** A job whose blobs are all on the server. */
export interface PreparedJob {
  /** As the server knows it. */
  readonly action: BlobRef;
}

export interface BuildOutput extends BlobRef {
  readonly isExecutable: boolean;
}

/** What a command gave that ran to its end. */
export interface BuildGain {
  readonly exitCode: number;
  /** True where the server knew the result, and nothing ran. */
  readonly isCached: boolean;
  /** What it printed: the bytes themselves, or where they are. */
  readonly stdout: Buffer | BlobRef;
  readonly files: ReadonlyMap<string, BuildOutput>;
  /** Folders by their path → the server's list of what is below. */
  readonly folders: ReadonlyMap<string, BlobRef>;
  readonly worker: string;
}

export type BuildEnd =
  | {readonly is: 'done'; readonly gain: BuildGain}
  | {readonly is: 'timed-out'}
  | {readonly is: 'cancelled'}
  /** Nobody knows this operation. */
  | {readonly is: 'unknown'}
  /** The server does not take such a job: its user can do something about it. */
  | {readonly is: 'refused'; readonly message: string}
  /** The server, its workers or the way to them failed. */
  | {readonly is: 'lost'; readonly message: string};

export interface BuildServer {
  /** For people, without secrets. */
  readonly place: string;
  /** Sends the job itself, and those of `blobs` that it lacks from where `pathOf` says. Error: what is the matter. */
  prepare(
    job: BuildJob,
    blobs: readonly BlobRef[],
    pathOf: (digest: Digest) => string | undefined,
  ): Promise<Result<PreparedJob, {readonly missing: Digest} | {readonly message: string}>>;
  /** `isFresh`: runs it although the result is known. `onName`: what the server calls the operation. */
  execute(job: PreparedJob, isFresh: boolean, onName: (operation: string) => void): Promise<BuildEnd>;
  /** Goes on listening to an operation that was begun. */
  wait(operation: string): Promise<BuildEnd>;
  /** A wish: the operation's own end says whether it came true. */
  cancel(operation: string): Promise<void>;
  /** Bytes of something small, checked; error: why they cannot be had. */
  read(blob: BlobRef): Promise<Result<Buffer, string>>;
  /** What is below a folder that came back. */
  folderOf(tree: BlobRef): Promise<Result<RootFolder, string>>;
}

/** What is between the server's bytes and ours. */
export interface BuildContent {
  /** Makes sure that an artifact is here, or on the server. */
  bring(artifact: Artifact): Promise<Result<void, StageFailure>>;
  /** What is below a folder of ours; its lists are brought here, its files are not. */
  folderOf(artifact: Artifact): Promise<Result<RootFolder, StageFailure>>;
  /** A blob that is here. */
  sizeOf(digest: Digest): number | undefined;
  /** Absolute; `undefined` for a blob that is not here. */
  pathOf(digest: Digest): string | undefined;
  putText(text: string | Buffer): Result<Artifact, StageFailure>;
  /** A folder that came back as one of ours: its lists are put here, its files are not. */
  putFolder(folder: RootFolder): Result<Artifact, StageFailure>;
  /** Makes a result known whose blobs are on the server: from now on they are brought when they are asked for. */
  adopt(action: Action, result: ActionResult, blobs: readonly BlobRef[]): Promise<Result<void, string>>;
}
