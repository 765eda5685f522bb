// Python stages, put together from the workspace: their code, and how the executor runs it.

import {existsSync} from 'node:fs';
import {join} from 'node:path';
import type {TrackedFiles} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {type Digest, shortDigest} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {CodeCard, PythonCard, PythonWork} from '../exec/content-store.ts';
import type {PythonLaunch} from '../exec/python-launch.ts';
import {PythonDigester} from '../python/python-digest.ts';
import {PythonShelf} from '../python/python-shelf.ts';
import type {PythonCode} from '../python/python-store.ts';
import {templateSetup} from '../python/template-setup.ts';
import {BlobShelf} from '../store/blobs/blob-shelf.ts';
import type {CodeShelf} from '../store/blobs/code-shelf.ts';
import {putTree} from '../store/blobs/source-tree.ts';
import type {BlobStore} from '../store/store.ts';
import {describeStoreError} from '../store/store-error.ts';

export interface PythonParts {
  /** Absolute. */
  readonly project: string;
  readonly store: string;
  readonly packageRoot: string;
  readonly shelf: CodeShelf;
  readonly blobs: BlobStore;
  readonly settings: PythonSettings;
}

/** What the configuration and the environment say of Python. */
export interface PythonSettings {
  readonly program: string | null;
  readonly path: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told once of each state of the code: what could not be followed. */
  readonly onNotice: (notice: string) => void;
}

export interface PythonStages {
  digest(module: string): Promise<Result<PythonCode, readonly Diagnostic[]>>;
  launchOf(
    work: PythonWork,
    files: TrackedFiles,
    card: CodeCard | null,
  ): Promise<Result<PythonLaunch, StageFailure>>;
  /** `null` for code that this process never met. */
  cardOf(code: Digest): PythonCard | null;
  manifestOf: PythonShelf['manifestOf'];
}

export const isPython = (module: string): boolean => module.endsWith('.py') || module.endsWith('.ipynb');

export function openPython({project, store, packageRoot, shelf, blobs, settings}: PythonParts): PythonStages {
  const bytes = new BlobShelf(store);
  const kept = new PythonShelf(store, {
    digestFile: path => shelf.digestFile(path),
    putFolder(files) {
      const put = putTree(blobs, files);
      return put.ok ? put : err(mistake('store', describeStoreError(put.error)));
    },
    hasArtifact: artifact => shelf.hasArtifact(artifact),
    pathOf: digest => bytes.pathOf(digest),
    filesOf(artifact) {
      const files = blobs.filesOf(artifact);
      if (!files.ok) throw new Error(`the sources ${shortDigest(artifact.digest)} are not in this store`);
      return new Map(files.value.map(({path, digest}) => [path, digest]));
    },
    read(digest) {
      const read = blobs.read(digest);
      if (!read.ok) throw new Error(describeStoreError(read.error));
      return read.value;
    },
  });
  const folder = join(packageRoot, 'python');
  const {program, path, env, onNotice} = settings;
  const digesterWith = (configured: string | null): PythonDigester =>
    new PythonDigester({project, configured, path, env, folder, store: kept, onNotice});
  const digester = digesterWith(program);
  const known = new Map<Digest, PythonCode>();
  return {
    async digest(module) {
      if (module.endsWith('.ipynb')) return err([notebook(module)]);
      const code = await digester.digest(module);
      if (code.ok) known.set(code.value.code, code.value);
      return code;
    },
    cardOf(code) {
      const stage = known.get(code);
      if (stage === undefined) return null;
      const {entry, sources, interpreter, installed, missing} = stage;
      return {kind: 'python', entry, sources, interpreter, installed, missing};
    },
    async launchOf({code, packages}, files, card) {
      const found = known.get(code) ?? kept.findStage(code);
      const made = found === undefined ? await carried(digesterWith, card, code, packages) : ok(found);
      if (!made.ok) return made;
      const stage = made.value;
      const interpreter = await digester.interpreter();
      const userBase = interpreter.ok ? interpreter.value.userBase : null;
      let at: string;
      try {
        at = kept.materialise(stage, files);
      } catch (error) {
        return err({reason: 'store', message: error instanceof Error ? error.message : String(error)});
      }
      return ok({
        executable: stage.interpreter,
        program: join(folder, 'pipe_template.py'),
        folder: at,
        setup: templateSetup(stage.entry, at),
        userBase,
      });
    },
    manifestOf: code => kept.manifestOf(code),
  };
}

/** A stage of a project that is not here: its sources came with it, its packages have to be those of this machine. */
async function carried(
  digesterWith: (configured: string | null) => PythonDigester,
  card: CodeCard | null,
  code: Digest,
  wanted: PythonWork['packages'],
): Promise<Result<Pick<PythonCode, 'code' | 'entry' | 'interpreter' | 'sources'>, StageFailure>> {
  if (card?.kind !== 'python') {
    return err({reason: 'store', message: `the code ${shortDigest(code)} is not in this store`});
  }
  const digester = digesterWith(existsSync(card.interpreter) ? card.interpreter : null);
  const here = await digester.packagesHere(card);
  if (!here.ok) {
    const message = here.error.map(({message}) => message).join('; ');
    return err({reason: 'mistake', message, hint: 'a Python stage runs where its packages are'});
  }
  const {executable, packages} = here.value;
  const others = Object.entries(wanted).filter(([name, version]) => packages[name] !== version);
  if (others.length > 0) {
    const parts = others.map(([name, version]) => `${name} ${version} (here ${packages[name] ?? 'none'})`);
    return err({
      reason: 'mistake',
      message: `expected the packages that its key names: ${parts.join(', ')}`,
      hint: `install them for ${executable}, or name another Python by python: in the settings`,
    });
  }
  return ok({code, entry: card.entry, interpreter: executable, sources: card.sources});
}

const notebook = (module: string): Diagnostic =>
  mistake('notebook', 'expected a Python file as a stage, got a notebook', undefined, {
    hint: `write what it does as a function: \`jupyter nbconvert --to script ${module.slice(module.lastIndexOf('/') + 1)}\` gives a start`,
  });
