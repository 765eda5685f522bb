// The sources of a bundle, as esbuild tells of them: what each says, through which other it came in, whether anything of
// it is left; and the patterns of computed imports.

import {dirname, join} from 'node:path';
import type {Loader, Metafile, TransformOptions} from 'esbuild';
import {digestBytes} from '../core/digest.ts';
import type {CodeFile} from './stage-code.ts';
import {isNamedBy} from './witnesses.ts';

export interface SourceNames {
  /** From esbuild's name to the absolute path. */
  readonly pathOf: (name: string) => string;
  /** By absolute path. */
  readonly sourceOf: (path: string) => Buffer | undefined;
  /** From an absolute path to what people see. */
  readonly shown: (path: string) => string;
}

export interface Sources {
  readonly files: Readonly<Record<string, CodeFile>>;
  readonly patterns: readonly string[];
}

const plainly = {minifyWhitespace: true, legalComments: 'none', tsconfigRaw: {}} as const;

/** `entry`: the name of the bundle's first output. */
export async function describeSources(
  {inputs, outputs}: Metafile,
  entry: string,
  {pathOf, sourceOf, shown}: SourceNames,
  transform: (text: string, options: TransformOptions) => Promise<{readonly code: string}>,
): Promise<Sources> {
  const bundled = new Set(
    Object.values(outputs).flatMap(({inputs: parts}) =>
      Object.keys(parts).filter(name => (parts[name]?.bytesInOutput ?? 0) > 0),
    ),
  );
  const patterns = new Set<string>();
  const importers = new Map<string, string | null>([[outputs[entry]?.entryPoint ?? '', null]]);
  for (const [name] of importers) {
    for (const {path: target, external} of inputs[name]?.imports ?? []) {
      if (external !== true) {
        if (!importers.has(target)) importers.set(target, name);
      } else if (/^\.\.?\/.*\*/.test(target)) {
        const pattern = shown(join(dirname(pathOf(name)), target));
        patterns.add(pattern);
        for (const each of Object.keys(inputs)) {
          if (!importers.has(each) && isNamedBy(pattern, shown(pathOf(each)))) importers.set(each, name);
        }
      }
    }
  }
  const files: Record<string, CodeFile> = {};
  for (const [name, importer] of importers) {
    const path = pathOf(name);
    const bytes = sourceOf(path) ?? Buffer.alloc(0);
    const loader = loaderOf(path);
    const meaning = loader && (await transform(bytes.toString('utf8'), {...plainly, loader})).code;
    files[shown(path)] = {
      digest: digestBytes(bytes),
      meaning: digestBytes(meaning ?? bytes),
      importedBy: importer === null ? null : shown(pathOf(importer)),
      isBundled: bundled.has(name),
    };
  }
  return {files, patterns: [...patterns]};
}

function loaderOf(path: string): Loader | undefined {
  if (/\.[cm]?ts$/.test(path)) return 'ts';
  if (/\.tsx$/.test(path)) return 'tsx';
  if (/\.[cm]?js$/.test(path)) return 'js';
  if (/\.jsx$/.test(path)) return 'jsx';
  return undefined;
}
