// Python stages, put together from the workspace: their code, and how the executor runs it.

import {join} from 'node:path';
import type {TrackedFiles} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {type Digest, shortDigest} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {PythonWork} from '../exec/content-store.ts';
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
  launchOf(work: PythonWork, files: TrackedFiles): Promise<Result<PythonLaunch, StageFailure>>;
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
  const digester = new PythonDigester({
    project,
    configured: program,
    path,
    env,
    folder,
    store: kept,
    onNotice,
  });
  const known = new Map<Digest, PythonCode>();
  return {
    async digest(module) {
      if (module.endsWith('.ipynb')) return err([notebook(module)]);
      const code = await digester.digest(module);
      if (code.ok) known.set(code.value.code, code.value);
      return code;
    },
    async launchOf({code}, files) {
      const stage = known.get(code) ?? kept.findStage(code);
      if (stage === undefined) {
        return err({reason: 'store', message: `the code ${shortDigest(code)} is not in this store`});
      }
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

const notebook = (module: string): Diagnostic =>
  mistake('notebook', 'expected a Python file as a stage, got a notebook', undefined, {
    hint: `write what it does as a function: \`jupyter nbconvert --to script ${module.slice(module.lastIndexOf('/') + 1)}\` gives a start`,
  });
