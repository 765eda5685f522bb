// The code of stage modules, as the runner and the catalogue ask for it: bundled when it is new, recalled otherwise.

import {join, relative} from 'node:path';
import {CodeDigester} from '../action/code-digest.ts';
import type {StageFailure} from '../action/outcome.ts';
import type {CodeFile, StageCode} from '../action/stage-code.ts';
import {type Diagnostic, renderDiagnostic} from '../core/diagnostic.ts';
import {type Digest, shortDigest} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {CodeStore} from '../exec/content-store.ts';
import type {CodeSource} from '../run/stores.ts';
import {CodeShelf} from '../store/blobs/code-shelf.ts';
import type {BlobStore, FileStates} from '../store/store.ts';
import {describeStoreError} from '../store/store-error.ts';
import {isPython, openPython, type PythonSettings, type PythonStages} from './python.ts';

export interface CodeOptions {
  /** Absolute. */
  readonly project: string;
  readonly store: string;
  readonly packageRoot: string;
  readonly files: FileStates;
  readonly blobs: BlobStore;
  readonly python: PythonSettings;
}

export interface Code extends CodeSource, CodeStore {
  readonly shelf: CodeShelf;
  /** The code of a module with its sources, or its mistakes with their places. `module`: absolute path. */
  digest(module: string): Promise<Result<StageCode, readonly Diagnostic[]>>;
  /** The absolute path of the bundle's entry, ready to be imported. `module`: absolute path. */
  entryOfModule(code: StageCode, module: string): Promise<Result<string, StageFailure>>;
  /** Stages in Python. */
  readonly python: PythonStages;
  /** The sources that made a code digest; `undefined` where it was made elsewhere. */
  manifestOf(code: Digest): Readonly<Record<string, CodeFile>> | undefined;
}

export function openCode({project, store, packageRoot, files, blobs, python: settings}: CodeOptions): Code {
  const shelf = new CodeShelf(store, blobs, files);
  const python = openPython({project, store, packageRoot, shelf, blobs, settings});
  const bundled = new Map<Digest, StageCode>();
  const digester = new CodeDigester(project, packageRoot, shelf);
  const entryOfModule = async (code: StageCode, module: string): Promise<Result<string, StageFailure>> => {
    const entry = shelf.materialise(code);
    if (entry.ok) return entry;
    // A sweep that began before this bundle was known removed it, or it was damaged: make it again.
    const again = await digester.restore(module, code);
    if (again === undefined) {
      const message = `${relative(project, module)} was edited while its bundle was gone from the store`;
      return err({reason: 'mistake', message, hint: 'run again'});
    }
    const second = shelf.materialise(again);
    return second.ok ? second : err({reason: 'store', message: describeStoreError(second.error)});
  };
  return {
    shelf,
    python,
    manifestOf: code => shelf.manifestOf(code) ?? python.manifestOf(code),
    launchOf: (work, files) => python.launchOf(work, files),
    digest: module => digester.digest(module),
    entryOfModule,
    async entryOf({code}) {
      // Bundled by this process, or by the one that sent the action.
      const known = bundled.get(code) ?? findBundle(shelf, code);
      if (known === undefined) {
        return err({reason: 'store', message: `the bundle ${shortDigest(code)} is not in this store`});
      }
      return entryOfModule(known, join(project, known.module));
    },
    async codeOf(path) {
      if (isPython(path)) {
        const code = await python.digest(path);
        if (!code.ok) return err(unreadable(`${relative(project, path)} cannot be read`, code.error));
        return ok({kind: 'python', code: code.value.code, packages: code.value.packages});
      }
      const code = await digester.digest(path);
      if (!code.ok) return err(unreadable(`${relative(project, path)} cannot be bundled`, code.error));
      const {value} = code;
      bundled.set(value.code, value);
      return ok({kind: 'module', code: value.code, packages: value.packages});
    },
  };
}

const unreadable = (what: string, mistakes: readonly Diagnostic[]): StageFailure => ({
  reason: 'mistake',
  message: [what, ...mistakes.map(diagnostic => renderDiagnostic(diagnostic))].join('\n'),
  hint: null,
});

function findBundle(shelf: CodeShelf, code: Digest): StageCode | undefined {
  for (const each of shelf.modules()) if (each.code === code) return each;
  return undefined;
}
