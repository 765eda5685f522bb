import {join} from 'node:path';
import type {ActionResult, Artifact} from '../action/action.ts';
import {type Diagnostic, mistake, warning} from '../core/diagnostic.ts';
import {type Digest, digestJson} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import {isSystemError} from '../host/system-error.ts';
import type {Instance, InstanceId, Plan} from '../plan/plan.ts';
import {Publications} from '../store/ledger/publications.ts';
import type {ArtifactFile, BlobStore, Claims, FileStates} from '../store/store.ts';
import {describeStoreError, ioError} from '../store/store-error.ts';
import {PublishedPlaces, type Wanted} from './published-places.ts';

export interface Published {
  readonly to: string;
  readonly files: number;
  /** Files that had to be written or removed. */
  readonly changed: number;
  /** Files that somebody had edited: path in the project → where they are kept, both relative to the project. */
  readonly edited: ReadonlyMap<string, string>;
}

export interface PublisherOptions {
  /** The project's folder, absolute. */
  readonly project: string;
  /** The store's folder, absolute. */
  readonly store: string;
  /** The pipeline's file, relative to the project. */
  readonly pipeline: string;
  readonly profile: string | null;
  readonly blobs: BlobStore;
  readonly files: FileStates;
  readonly claims: Claims;
}

/** What is said of a stage, still without a place. */
export interface OfStage {
  readonly stage: string;
  readonly diagnostic: Diagnostic;
}

/** What stands where instances publish. */
export interface PublicationCheck {
  readonly mistakes: readonly OfStage[];
  /** Of places where a file may be in the way, which is known only when the outputs are there. */
  readonly warnings: readonly OfStage[];
}

/** What the outputs of an instance were when they were last known. */
export type KnownOutputs = (
  id: InstanceId,
) => Readonly<Record<string, {readonly digest: Digest}>> | undefined;

const lockName = digestJson('publication', null);

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #publications: Publications;
  readonly #places: PublishedPlaces;
  /** Instances of this run come one after the other before they meet those of other runs. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: PublisherOptions) {
    this.#options = options;
    const {project, store, pipeline, profile, files} = options;
    this.#publications = new Publications(project, store, pipeline, profile);
    this.#places = new PublishedPlaces(project, store, files, this.#publications);
  }

  /**
   * Finds, before anything runs, what is in the way of the instances that publish. A file that is there already and
   * is what `known` says of the output counts as published (a fresh clone has the files, and no store).
   */
  async check(instances: readonly Instance[], known: KnownOutputs): Promise<PublicationCheck> {
    const adopted: Array<{readonly to: string; readonly path: string; readonly digest: Digest}> = [];
    const mistakes: OfStage[] = [];
    const warnings: OfStage[] = [];
    for (const instance of instances) {
      const {publish: to, stage} = instance;
      if (to === null) continue;
      for (const [name, {kind, path: below}] of Object.entries(instance.outputs)) {
        const path = below === '.' ? to : `${to}/${below}`;
        const wrong = this.#places.findConflict(path, kind);
        if (wrong === undefined) {
          // Which files a folder will hold is known when it is made.
          const [foreign] = kind === 'folder' ? this.#places.foreignIn(path) : [];
          if (foreign !== undefined) warnings.push({stage, diagnostic: strangers(instance.id, foreign)});
          continue;
        }
        const digest = known(instance.id)?.[name]?.digest;
        const isKnown = wrong.reason === 'foreign' && kind === 'file' && digest !== undefined;
        if (isKnown && this.#places.digestOf(path) === digest) adopted.push({to, path, digest});
        else mistakes.push({stage, diagnostic: conflict(instance.id, to, `${path} ${wrong.message}`)});
      }
    }
    if (adopted.length > 0) {
      await this.#alone(() => {
        for (const {to, path, digest} of adopted) {
          this.#publications.set(to, new Map([...this.#publications.filesIn(to), [path, [digest]]]));
        }
      });
    }
    return {mistakes, warnings};
  }

  /** Brings copies of all outputs of a result to where the instance publishes. */
  async publish(
    instance: Instance,
    to: string,
    result: ActionResult,
  ): Promise<Result<Published, Diagnostic>> {
    for (const {artifact} of placesOf(instance, to, result)) {
      const brought = await this.#options.blobs.bring(artifact);
      if (!brought.ok) return err(lostOutput(instance.id, describeStoreError(brought.error)));
    }
    const listed = this.#list(instance, to, result);
    if (!listed.ok) return listed;
    const wanted = listed.value;
    try {
      if (this.#isPublished(to, wanted)) return ok({to, files: wanted.size, changed: 0, edited: new Map()});
      return await this.#alone(() => this.#replace(instance, to, result, wanted));
    } catch (error) {
      const {message} = error instanceof Refusal ? error : {message: describeStoreError(ioError(error, to))};
      return err(conflict(instance.id, to, message));
    }
  }

  /** Takes away what an earlier plan published and this one does not; answers the folders and how many files went. */
  async prune({instances}: Plan): Promise<ReadonlyMap<string, number>> {
    const wanted = new Set(instances.map(({publish}) => publish));
    const removed = new Map<string, number>();
    if (this.#publications.folders().every(folder => wanted.has(folder))) return removed;
    try {
      await this.#alone(() => {
        for (const folder of this.#publications.folders()) {
          if (wanted.has(folder)) continue;
          const files = [...this.#publications.filesIn(folder).keys()];
          this.#places.discardUnfinished(files);
          removed.set(folder, this.#places.remove(files, '.'));
          this.#publications.set(folder, new Map());
        }
      });
    } catch (error) {
      // What could not be removed is known still: the next run tries again.
      if (!(error instanceof Refusal) && !isSystemError(error)) throw error;
    }
    return removed;
  }

  /** Nobody else, of whatever process or pipeline, publishes in this project meanwhile. */
  #alone<T>(work: () => T | Promise<T>): Promise<T> {
    const {claims} = this.#options;
    const turn = this.#queue.then(async () => {
      let claim = await claims.acquire(lockName);
      while (claim.status === 'taken') {
        await claims.wait(lockName, new AbortController().signal);
        claim = await claims.acquire(lockName);
      }
      if (claim.status === 'failed') throw new Refusal(describeStoreError(claim.error));
      try {
        this.#publications.reload();
        return await work();
      } finally {
        claim.release();
      }
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  #list(instance: Instance, to: string, result: ActionResult): Result<Wanted, Diagnostic> {
    const wanted = new Map<string, ArtifactFile>();
    for (const {path, artifact} of placesOf(instance, to, result)) {
      const files = this.#options.blobs.filesOf(artifact);
      if (!files.ok) return err(conflict(instance.id, to, describeStoreError(files.error)));
      for (const file of files.value) wanted.set(file.path === '' ? path : `${path}/${file.path}`, file);
    }
    return ok(wanted);
  }

  #isPublished(to: string, wanted: Wanted): boolean {
    const placed = this.#publications.filesIn(to);
    return (
      placed.size === wanted.size &&
      [...wanted].every(
        ([path, file]) => placed.get(path)?.join() === file.digest && this.#places.isRight(path, file),
      )
    );
  }

  async #replace(
    instance: Instance,
    to: string,
    result: ActionResult,
    wanted: Wanted,
  ): Promise<Result<Published, Diagnostic>> {
    const {project, blobs} = this.#options;
    const before = this.#publications.filesIn(to);
    const stale = [...before.keys()].filter(path => !wanted.has(path));
    // A folder now where a file was, or the other way round.
    const inTheWay = stale.filter(path =>
      [...wanted.keys()].some(other => isBelow(other, path) || isBelow(path, other)),
    );
    const free = new Set(inTheWay);
    for (const path of wanted.keys()) {
      const wrong = [...free].some(each => isBelow(path, each) || isBelow(each, path))
        ? undefined
        : this.#places.findConflict(path, 'file');
      if (
        wrong?.reason === 'place' ||
        (wrong !== undefined && !this.#places.isRight(path, wanted.get(path)))
      ) {
        return err(conflict(instance.id, to, `${path} ${wrong.message}`));
      }
    }
    const all = new Map(before);
    for (const [path, {digest}] of wanted) {
      all.set(path, [...new Set([digest, ...(this.#places.oursAt(path) ?? [])])]);
    }
    // Before the files: a kill from here on leaves nothing that we would not know again.
    this.#publications.set(to, all);
    const edited = this.#places.setEditedAside(wanted);
    let changed = this.#places.remove(inTheWay, to);
    for (const {path, artifact} of placesOf(instance, to, result)) {
      const restored = await blobs.restore(artifact, join(project, path), 'copy');
      if (!restored.ok) return err(conflict(instance.id, to, describeStoreError(restored.error)));
      changed += restored.value.changed;
    }
    changed += this.#places.remove(stale, to);
    this.#places.discardUnfinished(all.keys());
    this.#publications.set(to, new Map([...wanted].map(([path, {digest}]) => [path, [digest]])));
    return ok({to, files: wanted.size, changed, edited});
  }
}

/** What ends publishing, as a sentence. */
class Refusal extends Error {
  override readonly name = 'Refusal';
}

const lostOutput = (id: InstanceId, message: string): Diagnostic =>
  mistake('lost-output', `expected the outputs of ${id}: ${message}`, undefined, {
    hint: 'pipe run --force makes it again',
  });

const strangers = (id: InstanceId, path: string): Diagnostic =>
  warning(
    'publish-beside',
    `${id} publishes a whole folder where ${path} is, which pipe did not write: an output of that name cannot be published`,
    undefined,
    {hint: 'declare its files under `out`, or publish to a folder of its own'},
  );

const conflict = (id: InstanceId, to: string, message: string): Diagnostic =>
  mistake('publish-conflict', `expected to publish ${id} at ${to}, but ${message}`, undefined, {
    hint: 'move away what is there, or publish to another folder',
  });

function* placesOf(
  instance: Instance,
  to: string,
  result: ActionResult,
): Generator<{readonly path: string; readonly artifact: Artifact}> {
  for (const [name, {path}] of Object.entries(instance.outputs)) {
    const artifact = result.outputs[name];
    if (artifact !== undefined) yield {path: path === '.' ? to : `${to}/${path}`, artifact};
  }
}

const isBelow = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);
