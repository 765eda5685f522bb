// The code of stage modules, as the runner and the catalogue ask for it: bundled when it is new, recalled otherwise.

import {join, relative} from 'node:path';
import {CodeDigester} from '../action/code-digest.ts';
import type {StageFailure} from '../action/outcome.ts';
import {type InstallRoots, placesIn} from '../action/package-places.ts';
import type {CodeFile, StageCode} from '../action/stage-code.ts';
import {type Diagnostic, renderDiagnostic} from '../core/diagnostic.ts';
import {type Digest, shortDigest} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {CodeStore, ModuleCard} from '../exec/content-store.ts';
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
  /** Hears what could not be followed in a module of the user, once for each state of its sources. */
  readonly onNotice: (notice: string) => void;
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

export function openCode(options: CodeOptions): Code {
  const {project, store, packageRoot, files, blobs, python: settings, onNotice} = options;
  // What our own sources load by a computed name is our affair.
  const own = relative(project, join(packageRoot, 'src'));
  const onNotices = (notices: readonly string[]): void =>
    notices.filter(notice => !notice.startsWith(own)).forEach(onNotice);
  const shelf = new CodeShelf(store, blobs, files);
  const python = openPython({project, store, packageRoot, shelf, blobs, settings});
  const bundled = new Map<Digest, StageCode>();
  const digester = new CodeDigester(project, packageRoot, shelf, onNotices);
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
    launchOf: (work, files, card) => python.launchOf(work, files, card),
    digest: module => digester.digest(module),
    entryOfModule,
    async entryOf({code}, card) {
      const known = bundled.get(code);
      if (known !== undefined) return entryOfModule(known, join(project, known.module));
      return card?.kind !== 'module'
        ? unknownCode(code)
        : entryOfCard(shelf, card, {project, pipe: packageRoot});
    },
    cardOf(code) {
      const known = bundled.get(code);
      if (known === undefined) return python.cardOf(code);
      const {module, bundle, maps, links} = known;
      return {kind: 'module', module, bundle, maps, links};
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

const unknownCode = (code: Digest): Result<string, StageFailure> =>
  err({reason: 'store', message: `nobody says how to make the bundle ${shortDigest(code)} ready`});

/** Where the sources are not: from the bundle's blobs, with packages by name and version below the install roots. */
function entryOfCard(shelf: CodeShelf, card: ModuleCard, roots: InstallRoots): Result<string, StageFailure> {
  const places = placesIn(card.links, roots);
  if (!places.ok) {
    const message = places.error.map(diagnostic => renderDiagnostic(diagnostic)).join('\n');
    return err({reason: 'mistake', message, hint: null});
  }
  const entry = shelf.materialise(card, places.value);
  return entry.ok ? entry : err({reason: 'store', message: describeStoreError(entry.error)});
}
