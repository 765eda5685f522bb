// The tier between this machine's store and one elsewhere: finds results by their action, brings the blobs that are
// asked for and no others, and sends what was made here, blobs before rows. Nothing that comes is believed: a row is
// decoded by its schema against the action that was asked for, a blob has the digest that its bytes give it here.
// A store that is down is said once, and goes unasked from then on.

import {statSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import type PQueue from 'p-queue';
import {
  type Action,
  type ActionResult,
  type Artifact,
  type Fingerprint,
  fingerprintOf,
} from '../../action/action.ts';
import {type Digest, isDigest} from '../../core/digest.ts';
import {byCodeUnit, canonicalJson, isJsonObject, type Json, parseJson} from '../../core/json.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {temporaryName} from '../../host/atomic-file.ts';
import {makeFolder} from '../../host/folder.ts';
import type {BlobShelf} from '../blobs/blob-shelf.ts';
import {decodeFolder} from '../blobs/folder-blob.ts';
import type {StoreError} from '../store-error.ts';
import type {RemoteAddress} from './open-remote.ts';
import type {BlobName, Remote, RemoteError, RowName} from './remote.ts';

export interface TierOptions {
  readonly address: RemoteAddress;
  readonly shelf: BlobShelf;
}

/** What the tier knows of a row elsewhere. */
interface Found {
  readonly result: ActionResult;
  readonly sizes: ReadonlyMap<Digest, number>;
}

/** Blobs on their way at once, and results that are being sent. */
const MOST_BLOBS = 8;
const MOST_RESULTS = 4;

export interface Traffic {
  /** Blobs and bytes that came from elsewhere, and that were sent there. */
  readonly fetched: {readonly blobs: number; readonly bytes: number};
  readonly sent: {readonly blobs: number; readonly bytes: number};
}

export class RemoteTier {
  readonly #options: TierOptions;
  readonly #sizes = new Map<Digest, number>();
  /** Rows whose blobs are gone: what is made here takes their place. */
  readonly #hollow = new Set<Fingerprint>();
  readonly #arriving = new Map<Digest, Promise<Result<void, StoreError>>>();
  readonly #notices: string[] = [];
  readonly #traffic = {fetched: {blobs: 0, bytes: 0}, sent: {blobs: 0, bytes: 0}};
  #remote: Promise<Remote> | undefined;
  #sending: Promise<PQueue> | undefined;
  #fetching: Promise<PQueue> | undefined;
  #failure: RemoteError | undefined;
  #failures = 0;
  #isAwaited = false;
  /** What people were told since it last answered. */
  #told: string | undefined;

  constructor(options: TierOptions) {
    this.#options = options;
  }

  /** What people should know; each once. */
  takeNotices(): readonly string[] {
    return this.#notices.splice(0);
  }

  /** As it was given. */
  get address(): string {
    return this.#options.address.text;
  }

  get traffic(): Traffic {
    return this.#traffic;
  }

  /** Why a store that the user called required could not be used. */
  get requiredFailure(): RemoteError | undefined {
    return this.#options.address.isRequired ? this.#failure : undefined;
  }

  /** How often it did not answer: whoever asks in vain learns from a change whether it was for that. */
  get failures(): number {
    return this.#failures;
  }

  /** True where it did not answer when it was last asked. */
  get isSilent(): boolean {
    return this.#failure !== undefined;
  }

  /** Asks it again although it did not answer: for those who cannot go on without it, and wait. */
  tryAgain(): void {
    this.#failure = undefined;
    this.#isAwaited = true;
  }

  /** The result that is elsewhere with every blob that it names. A store that is down has none. */
  async find(action: Action): Promise<ActionResult | undefined> {
    const fingerprint = fingerprintOf(action);
    const text = await this.#ask(remote => remote.actions.get(rowNameOf(action, fingerprint)));
    if (text === undefined) return undefined;
    const found = await decode(text, fingerprint);
    if (found === undefined) return undefined;
    const names = [...found.sizes].map(([digest, size]) => ({digest, size}));
    const wanted = names.filter(({digest, size}) => this.#options.shelf.findLoss(digest, size) !== undefined);
    const there = wanted.length === 0 ? new Set() : await this.#ask(remote => remote.blobs.has(wanted));
    if (there === undefined) return undefined;
    if (!wanted.every(({digest}) => there.has(digest))) {
      this.#hollow.add(fingerprint);
      return undefined;
    }
    for (const {digest, size} of names) this.#sizes.set(digest, size);
    return found.result;
  }

  /** True for a result that was found elsewhere by this process. */
  holds({outputs, log}: ActionResult): boolean {
    return this.#sizes.has(log) && Object.values(outputs).every(({digest}) => this.#sizes.has(digest));
  }

  /** Brings every blob of an artifact that is not here. */
  async bring(artifact: Artifact): Promise<Result<void, StoreError>> {
    const brought = await this.#bringBlob(
      artifact.digest,
      artifact.kind === 'file' ? artifact.size : undefined,
    );
    if (!brought.ok || artifact.kind === 'file') return brought;
    return this.#bringBelow(artifact.digest);
  }

  /** Brings one blob, such as a log. */
  bringBlob(digest: Digest): Promise<Result<void, StoreError>> {
    return this.#bringBlob(digest, undefined);
  }

  /** Sends a result with its blobs, in its own time; `flush` waits for it. Every blob of it is here. */
  keep(action: Action, result: ActionResult): void {
    if (this.#options.address.isReadOnly || this.#failure !== undefined) return;
    this.#sending ??= newQueue(MOST_RESULTS);
    void this.#sending.then(queue => queue.add(() => this.send(action, result, 'new')));
  }

  /**
   * Makes a result known that was made beside the store elsewhere: its row is written, and its blobs are brought when
   * they are asked for. `blobs`: those that are there; what else the result names is here, and is sent.
   */
  async adopt(
    action: Action,
    result: ActionResult,
    blobs: readonly BlobName[],
  ): Promise<Result<void, RemoteError>> {
    // It has just answered somebody.
    this.#failure = undefined;
    for (const {digest, size} of blobs) this.#sizes.set(digest, size);
    const own = Object.values(result.outputs).flatMap(artifact => this.namesOf(artifact));
    const names = [...new Map([...own, ...blobs].map(name => [name.digest, name])).values()];
    const sent = await this.#sendBlobs(names.filter(({digest}) => !this.#isNotHere(digest)));
    if (!sent.ok) return sent;
    for (const {digest, size} of names) this.#sizes.set(digest, size);
    const fingerprint = fingerprintOf(action);
    const text = encode(action, result, names);
    await this.#ask(remote => remote.actions.put(rowNameOf(action, fingerprint), text, names, 'replace'));
    return this.#failure === undefined ? ok(undefined) : err(this.#failure);
  }

  #isNotHere(digest: Digest): boolean {
    return this.#options.shelf.findLoss(digest, undefined) !== undefined;
  }

  /** Every blob of an artifact that is here. */
  namesOf({kind, digest, size}: Artifact): readonly BlobName[] {
    if (kind === 'file') return [size < 0 ? this.#nameOf(digest) : {digest, size}];
    const folder = this.#options.shelf.read(digest);
    const decoded = folder.ok ? decodeFolder(folder.value.toString('utf8')) : undefined;
    if (decoded === undefined) return [];
    return [
      this.#nameOf(digest),
      ...decoded.files.values(),
      ...[...decoded.folders.values()].flatMap(below =>
        this.namesOf({kind: 'folder', digest: below, size: 0}),
      ),
    ];
  }

  #nameOf(digest: Digest): BlobName {
    const state = statSync(this.#options.shelf.pathOf(digest), {throwIfNoEntry: false});
    return {digest, size: state?.size ?? this.#sizes.get(digest) ?? 0};
  }

  /** Sends artifacts that somebody else will need to run an action; those that are not here are there already. */
  async sendArtifacts(artifacts: readonly Artifact[]): Promise<Result<void, RemoteError>> {
    const {shelf} = this.#options;
    const here = artifacts.filter(({digest}) => shelf.findLoss(digest, undefined) === undefined);
    return this.#sendBlobs(here.flatMap(artifact => this.namesOf(artifact)));
  }

  async #sendBlobs(names: readonly BlobName[]): Promise<Result<void, RemoteError>> {
    const missing = await this.#missing(names);
    if (missing !== undefined) {
      for (const blob of missing) {
        await this.#ask(remote => remote.blobs.push(blob, this.#options.shelf.pathOf(blob.digest)));
        if (this.#failure !== undefined) break;
        this.#traffic.sent.blobs++;
        this.#traffic.sent.bytes += blob.size;
      }
    }
    return this.#failure === undefined ? ok(undefined) : err(this.#failure);
  }

  /** Resolves when everything that was to be sent is there, or cannot be. */
  async flush(): Promise<void> {
    await (await this.#sending)?.onIdle();
  }

  async close(): Promise<void> {
    await this.flush();
    const remote = await this.#remote;
    this.#remote = undefined;
    await Promise.all([remote?.blobs.close(), remote?.actions.close()]);
  }

  /** Sends a result with its blobs. `replace`: in the place of one that is there. Every blob of it is here. */
  async send(
    action: Action,
    result: ActionResult,
    how: 'new' | 'replace',
  ): Promise<Result<void, RemoteError>> {
    if (this.#options.address.isReadOnly)
      return err({place: this.address, message: 'is only read from here (mode=read)', hint: null});
    const artifacts = Object.values(result.outputs);
    const names = [this.#nameOf(result.log), ...artifacts.flatMap(artifact => this.namesOf(artifact))];
    const sent = await this.#sendBlobs(names);
    if (!sent.ok) return sent;
    const fingerprint = fingerprintOf(action);
    const mode = this.#hollow.has(fingerprint) ? 'replace' : how;
    const text = encode(action, result, names);
    await this.#ask(remote => remote.actions.put(rowNameOf(action, fingerprint), text, names, mode));
    return this.#failure === undefined ? ok(undefined) : err(this.#failure);
  }

  async #missing(names: readonly BlobName[]): Promise<readonly BlobName[] | undefined> {
    const unique = [...new Map(names.map(name => [name.digest, name])).values()];
    if (unique.length === 0) return [];
    const there = await this.#ask(remote => remote.blobs.has(unique));
    return there === undefined ? undefined : unique.filter(({digest}) => !there.has(digest));
  }

  async #bringBelow(folder: Digest): Promise<Result<void, StoreError>> {
    const bytes = this.#options.shelf.read(folder);
    if (!bytes.ok) return bytes;
    const decoded = decodeFolder(bytes.value.toString('utf8'));
    if (decoded === undefined) return err(this.#options.shelf.setAside(folder));
    const files = [...decoded.files.values()].map(({digest, size}) => this.#bringBlob(digest, size));
    for (const brought of await Promise.all(files)) if (!brought.ok) return brought;
    for (const below of decoded.folders.values()) {
      const brought = await this.#bringBlob(below, undefined);
      if (!brought.ok) return brought;
      const deeper = await this.#bringBelow(below);
      if (!deeper.ok) return deeper;
    }
    return ok(undefined);
  }

  async #bringBlob(digest: Digest, size: number | undefined): Promise<Result<void, StoreError>> {
    const loss = this.#options.shelf.findLoss(digest, size);
    if (loss === undefined) return ok(undefined);
    let arriving = this.#arriving.get(digest);
    if (arriving === undefined) {
      this.#fetching ??= newQueue(MOST_BLOBS);
      const queue = await this.#fetching;
      arriving = queue
        .add(() => this.#fetchBlob({digest, size: size ?? this.#sizes.get(digest) ?? 0}, loss))
        .finally(() => this.#arriving.delete(digest));
      this.#arriving.set(digest, arriving);
    }
    return arriving;
  }

  async #fetchBlob(blob: BlobName, loss: StoreError): Promise<Result<void, StoreError>> {
    const {shelf} = this.#options;
    const to = join(shelf.root, 'tmp', temporaryName());
    makeFolder(dirname(to));
    const fetched = await this.#ask(remote => remote.blobs.fetch(blob, to));
    if (fetched !== true) return err(loss);
    const shelved = await shelf.putFile(to, 'take');
    await rm(to, {force: true});
    if (!shelved.ok) return shelved;
    if (shelved.value.digest !== blob.digest) {
      const place = (await this.#remote)?.blobs.place ?? '';
      const message = `gave other bytes under the name of ${blob.digest}`;
      return err({reason: 'io', path: place, code: 'EBADMSG', message});
    }
    this.#traffic.fetched.blobs++;
    this.#traffic.fetched.bytes += shelved.value.size;
    return ok(undefined);
  }

  /** `undefined` where the store elsewhere does not answer. */
  async #ask<T>(question: (remote: Remote) => Promise<Result<T, RemoteError>>): Promise<T | undefined> {
    if (this.#failure !== undefined) return undefined;
    this.#remote ??= this.#options.address.open();
    const answer = await question(await this.#remote);
    if (answer.ok) {
      this.#told = undefined;
      return answer.value;
    }
    this.#failures++;
    this.#failure ??= answer.error;
    const {place, message, hint} = answer.error;
    if (this.#told === undefined) {
      const help = hint === null ? '' : `; ${hint}`;
      const then = this.#isAwaited ? 'waiting for it' : 'going on without it';
      this.#told = `the store ${place} cannot be used: ${message}${help}; ${then}`;
      this.#notices.push(this.#told);
    }
    return undefined;
  }
}

async function newQueue(concurrency: number): Promise<PQueue> {
  const {default: Queue} = await import('p-queue');
  return new Queue({concurrency});
}

const rowNameOf = (action: Action, fingerprint: Fingerprint): RowName => ({
  digest: fingerprint,
  size: Buffer.byteLength(`pipe:action:1\n${canonicalJson(action as unknown as Json)}`),
});

/** A row as it travels: the action, its result, and the sizes of all blobs, which some protocols want to be told. */
function encode(action: Action, result: ActionResult, names: readonly BlobName[]): string {
  const sizes = [...names]
    .sort((a, b) => byCodeUnit(a.digest, b.digest))
    .map(({digest, size}) => [digest, size]);
  return JSON.stringify({row: {format: 1, action, results: [result]}, sizes: Object.fromEntries(sizes)});
}

async function decode(text: string, fingerprint: Fingerprint): Promise<Found | undefined> {
  const value = parseJson(text);
  if (!isJsonObject(value) || !isJsonObject(value.sizes)) return undefined;
  const {decodeRow} = await import('../index/row-schema.ts');
  const result = decodeRow(value.row, fingerprint)?.results.at(-1);
  if (result === undefined) return undefined;
  const sizes = new Map<Digest, number>();
  for (const [digest, size] of Object.entries(value.sizes)) {
    if (!isDigest(digest) || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      return undefined;
    sizes.set(digest, size);
  }
  const named = [result.log, ...Object.values(result.outputs).map(({digest}) => digest)];
  return named.every(digest => sizes.has(digest)) ? {result, sizes} : undefined;
}
