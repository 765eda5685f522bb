// Bundles a stage module with esbuild: what the module needs and nothing else, without comments and white space,
// byte for byte the same wherever the project lies. esbuild is loaded here, and only when a source has changed.

import {readFileSync} from 'node:fs';
import {join, relative, sep} from 'node:path';
import type {BuildFailure, BuildResult, Loader, Message, Metafile, Plugin, TransformOptions} from 'esbuild';
import type {Diagnostic} from '../core/diagnostic.ts';
import {digestBytes} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import {diagnoseMessages, placeText} from './bundle-diagnostic.ts';
import {type BundleFile, nameChunks} from './bundle-names.ts';
import {bundleResolver, type ImportedPackage, packageRootOf} from './bundle-resolver.ts';
import type {CodeFile} from './stage-code.ts';

export interface Bundle {
  /** `stage.js` first. */
  readonly chunks: readonly BundleFile[];
  readonly packages: ReadonlyMap<string, ImportedPackage>;
  /** By path relative to the project, sorted as esbuild met them. */
  readonly files: Readonly<Record<string, CodeFile>>;
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
  const packages = new Map<string, ImportedPackage>();
  const sources = new Map<string, Buffer>();
  // Paths that reach the output are relative to this folder, so it must be the same in a clone and in node_modules.
  const base = packageRootOf(module);
  const shown = (path: string): string => relative(project, join(base, path)).split(sep).join('/');
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
      sourcesContent: false,
      // A tsconfig.json would be one more input; its settings do not change what TypeScript means.
      tsconfigRaw: {},
      loader: loaders,
      logLevel: 'silent',
      logOverride: {
        'unsupported-dynamic-import': 'warning',
        'unsupported-require-call': 'warning',
        'indirect-require': 'warning',
      },
      plugins: [bundleResolver(pipeRoot, packages), sourceRecorder(sources)],
    });
    const chunks = nameChunks(outputsOf(result), 'stage.js');
    const files = await describeFiles(
      result.metafile,
      path => sources.get(join(base, path)),
      shown,
      transform,
    );
    const notices = [
      ...result.warnings.map(warning => noticeOf(warning, base, project)),
      ...selfPaths(chunks, files, path => sources.get(join(project, path))),
    ];
    return ok({chunks, packages, files, notices});
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    return err(diagnoseMessages(error.errors, base, project, shown(relative(base, module))));
  }
}

const plainly = {minifyWhitespace: true, legalComments: 'none', tsconfigRaw: {}} as const;

/** Where esbuild would write, were it to write. */
const outFolder = '.pipe-bundle';

/** Source maps name their sources relative to this folder below the module's package. */
export const mapBase = (module: string): string => join(packageRootOf(module), outFolder);

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
const sourceRecorder = (sources: Map<string, Buffer>): Plugin => ({
  name: 'pipe-sources',
  setup: build =>
    build.onLoad({filter: /.*/, namespace: 'file'}, ({path}) => {
      const contents = readFileSync(path);
      sources.set(path, contents);
      return {contents, loader: 'default'};
    }),
});

async function describeFiles(
  metafile: Metafile,
  sourceOf: (path: string) => Buffer | undefined,
  shown: (path: string) => string,
  transform: (text: string, options: TransformOptions) => Promise<{readonly code: string}>,
): Promise<Record<string, CodeFile>> {
  const outputs = Object.values(metafile.outputs);
  const bundled = new Set(
    outputs.flatMap(({inputs}) => Object.keys(inputs).filter(path => (inputs[path]?.bytesInOutput ?? 0) > 0)),
  );

  const entry = metafile.outputs[`${outFolder}/stage.js`]?.entryPoint ?? '';
  const importers = new Map<string, string | null>([[entry, null]]);
  for (const [path] of importers) {
    for (const {path: target, external} of metafile.inputs[path]?.imports ?? []) {
      if (external !== true && !importers.has(target)) importers.set(target, path);
    }
  }
  const files: Record<string, CodeFile> = {};
  for (const [path, importer] of importers) {
    const bytes = sourceOf(path) ?? Buffer.alloc(0);
    const loader = loaderOf(path);
    const meaning = loader && (await transform(bytes.toString('utf8'), {...plainly, loader})).code;
    files[shown(path)] = {
      digest: digestBytes(bytes),
      meaning: digestBytes(meaning ?? bytes),
      importedBy: importer === null ? null : shown(importer),
      isBundled: bundled.has(path),
    };
  }
  return files;
}

function loaderOf(path: string): Loader | undefined {
  if (/\.[cm]?ts$/.test(path)) return 'ts';
  if (/\.tsx$/.test(path)) return 'tsx';
  if (/\.[cm]?js$/.test(path)) return 'js';
  if (/\.jsx$/.test(path)) return 'jsx';
  return undefined;
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
