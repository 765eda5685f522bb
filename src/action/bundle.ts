// Bundles a stage module with esbuild: what the module needs and nothing else, without comments and white space,
// byte for byte the same wherever the project lies and whatever the module's file is called. esbuild is loaded here, and
// only when a source has changed.

import {readFileSync} from 'node:fs';
import {dirname, join, relative, resolve, sep} from 'node:path';
import type {BuildFailure, BuildResult, Loader, Message, Plugin} from 'esbuild';
import type {Diagnostic} from '../core/diagnostic.ts';
import {isJsonObject, parseJson} from '../core/json.ts';
import {packageName} from '../core/package-name.ts';
import {err, ok, type Result} from '../core/result.ts';
import {diagnoseMessages, placeText} from './bundle-diagnostic.ts';
import {type BundleFile, nameChunks} from './bundle-names.ts';
import {bundleResolver, entryNamespace, packageRootOf, type ResolverNotes} from './bundle-resolver.ts';
import {describeSources} from './bundle-sources.ts';
import {manifestOf} from './import-map.ts';
import type {CodeFile} from './stage-code.ts';

export interface Bundle extends Omit<ResolverNotes, 'manifests'> {
  /** `stage.js` first. */
  readonly chunks: readonly BundleFile[];
  /** By path relative to the project, sorted as esbuild met them. */
  readonly files: Readonly<Record<string, CodeFile>>;
  /** Patterns of computed imports, relative to the project. */
  readonly patterns: readonly string[];
  /** Absolute paths of manifests on which the bundle depends. */
  readonly manifests: ReadonlySet<string>;
  readonly notices: readonly string[];
}

/** Data files that a module may import: as text, or as a Uint8Array. */
const loaders: Readonly<Record<string, Loader>> = {
  '.txt': 'text',
  '.csv': 'text',
  '.tsv': 'text',
  '.md': 'text',
  '.bin': 'binary',
  '.gz': 'binary',
  '.npy': 'binary',
  '.png': 'binary',
  '.safetensors': 'binary',
};

/** `module`, `project` and `pipeRoot` (the folder of this package) are absolute. */
export async function bundleModule(
  module: string,
  project: string,
  pipeRoot: string,
): Promise<Result<Bundle, readonly Diagnostic[]>> {
  const {build, transform} = await import('esbuild');
  const notes: ResolverNotes = {packages: new Map(), candidates: new Set(), manifests: new Set()};
  const sources = new Map<string, Buffer>();
  // Paths that reach the output are relative to this folder, so it must be the same in a clone and in node_modules.
  const base = packageRootOf(module);
  /** From esbuild's names to absolute paths. */
  const pathOf = (name: string): string =>
    name.startsWith(`${entryNamespace}:`) ? module : resolve(base, name);
  const shown = (path: string): string => relative(project, path).split(sep).join('/');
  try {
    const result = await build({
      absWorkingDir: base,
      entryPoints: [{in: module, out: 'stage'}],
      outdir: join(base, outFolder),
      write: false,
      metafile: true,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      treeShaking: true,
      minifyWhitespace: true,
      lineLimit: 120,
      legalComments: 'none',
      charset: 'utf8',
      chunkNames: 'chunk-[hash]',
      sourcemap: 'external',
      sourcesContent: true,
      // A tsconfig.json would be one more input; its settings do not change what TypeScript means.
      tsconfigRaw: {},
      loader: loaders,
      logLevel: 'silent',
      logOverride: {
        'unsupported-dynamic-import': 'warning',
        'unsupported-require-call': 'warning',
        'indirect-require': 'warning',
      },
      plugins: [bundleResolver(module, pipeRoot, notes), sourceReader(module, sources)],
    });
    const sourceOf = (path: string): Buffer | undefined => sources.get(path);
    const mapped = (map: string): string =>
      nameSources(map, name => sourceName(pathOf(name), project, pipeRoot), join(base, outFolder), base);
    const chunks = nameChunks(outputsOf(result), 'stage.js', mapped);
    const {files, patterns} = await describeSources(
      result.metafile,
      `${outFolder}/stage.js`,
      {pathOf, sourceOf, shown},
      transform,
    );
    const notices = [
      ...result.warnings.map(warning => noticeOf(atModule(warning, base, module), base, project)),
      ...selfPaths(chunks, files, path => sources.get(resolve(project, path))),
    ];
    // What it says of side effects decides what is left out.
    const manifests = new Set([...notes.manifests, manifestOf(base)]);
    return ok({...notes, manifests, chunks, files, patterns, notices});
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const errors = error.errors.map(message => atModule(message, base, module));
    return err(diagnoseMessages(errors, base, project, shown(module)));
  }
}

/** Where esbuild would write, were it to write. */
const outFolder = '.pipe-bundle';

function outputsOf(result: BuildResult<{write: false}>): Map<string, {text: string; map: string}> {
  const named = new Map(
    result.outputFiles.map(file => [file.path.slice(file.path.lastIndexOf(sep) + 1), file.text]),
  );
  const outputs = new Map<string, {text: string; map: string}>();
  for (const [name, text] of named) {
    if (name.endsWith('.js')) outputs.set(name, {text, map: named.get(`${name}.map`) ?? '{}'});
  }
  return outputs;
}

/** Hands esbuild the bytes that are digested, so that an edit between two reads cannot part them. */
const sourceReader = (module: string, sources: Map<string, Buffer>): Plugin => ({
  name: 'pipe-sources',
  setup: build => {
    const read = (path: string): Buffer => {
      const contents = readFileSync(path);
      sources.set(path, contents);
      return contents;
    };
    build.onLoad({filter: /.*/, namespace: 'file'}, ({path}) => ({contents: read(path), loader: 'default'}));
    build.onLoad({filter: /.*/, namespace: entryNamespace}, () => ({
      contents: read(module),
      loader: 'default',
      resolveDir: dirname(module),
    }));
  },
});

/** A message about the stage module speaks of its file again. */
function atModule(message: Message, base: string, module: string): Message {
  const place = <L extends Message['location']>(location: L): L =>
    location?.file.startsWith(`${entryNamespace}:`)
      ? {...location, namespace: 'file', file: relative(base, module)}
      : location;
  const notes = message.notes.map(note => ({...note, location: place(note.location)}));
  return {...message, location: place(message.location), notes};
}

/** The sources of a map by the names that people know. */
function nameSources(text: string, nameOf: (name: string) => string, out: string, base: string): string {
  const map = parseJson(text);
  if (!isJsonObject(map) || !Array.isArray(map.sources)) return text;
  const sources = map.sources.map(source => {
    const name = String(source);
    return nameOf(name.startsWith(`${entryNamespace}:`) ? name : relative(base, resolve(out, name)));
  });
  return JSON.stringify({...map, sources});
}

/** Relative to the project; `pipe-ml/stages/train.ts` for what lies in this package. */
function sourceName(path: string, project: string, pipeRoot: string): string {
  const inProject = relative(project, path);
  const inPackage = relative(pipeRoot, path);
  const name =
    inProject.startsWith('..') && !inPackage.startsWith('..') ? `${packageName}/${inPackage}` : inProject;
  return name.split(sep).join('/');
}

function noticeOf(message: Message, base: string, project: string): string {
  const place = message.location === null ? '' : `${placeText(message.location, base, project)}: `;
  const isUnfollowed = /unsupported-|indirect-require/.test(message.id);
  if (!isUnfollowed) return `${place}${message.text}`;
  return `${place}this import cannot be followed, as its target is computed: list what it loads under \`files:\``;
}

/** Modules that ask where they are get the bundle's place. */
function selfPaths(
  chunks: readonly BundleFile[],
  files: Readonly<Record<string, CodeFile>>,
  sourceOf: (path: string) => Buffer | undefined,
): string[] {
  if (!chunks.some(chunk => /\bimport\.meta\b/.test(chunk.text))) return [];
  return Object.keys(files)
    .filter(path => files[path]?.isBundled && /\bimport\.meta\b/.test(sourceOf(path)?.toString('utf8') ?? ''))
    .map(
      path =>
        `${path}: import.meta speaks of the bundle, not of this file: list files that it reads under \`files:\``,
    );
}

const isBuildFailure = (error: unknown): error is BuildFailure =>
  error instanceof Error && 'errors' in error && Array.isArray(error.errors);
