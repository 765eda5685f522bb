// What a report shows of the outputs themselves: published documents, and pictures of any stage. Their bytes come from
// the store, or, where the store has lost them, from the published copy if that is still the same.

import {readFileSync} from 'node:fs';
import {basename, extname, join} from 'node:path';
import {type Digest, digestBytes} from '../../core/digest.ts';
import {producersOf} from '../../plan/plan-graph.ts';
import {formatBytes} from '../../report/format.ts';
import type {DocumentFacts, InstanceFacts, PageFacts, PictureFacts} from '../../report/page/facts.ts';
import {parseTrace, TRACE_SUFFIX, type Trace} from '../../stage/trace.ts';
import type {Workspace} from '../workspace.ts';

export type Exhibits = Pick<PageFacts, 'documents' | 'pictures' | 'leftOut'>;

const PICTURES_SHOWN = 60;
/** Bytes; of one document, of one picture, and of all that is shown. */
const LARGEST_DOCUMENT = 4_000_000;
const LARGEST_PICTURE = 8_000_000;
const LARGEST_PAGE = 48_000_000;

const PICTURE_TYPES: Readonly<Record<string, PictureFacts['type']>> = {
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
};

const DOCUMENT_FORMATS: Readonly<Record<string, DocumentFacts['format']>> = {
  '.md': 'markdown',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.tex': 'text',
  '.txt': 'text',
};

interface OutputFile {
  readonly facts: InstanceFacts;
  /** Of the file itself. */
  readonly name: string;
  readonly digest: Digest;
  /** `null` where only the lock file knows of it. */
  readonly size: number | null;
  /** Relative to the output folder of its instance. */
  readonly path: string;
}

export function gatherExhibits(workspace: Workspace, instances: readonly InstanceFacts[]): Exhibits {
  const published = instances.filter(({instance}) => instance.publish !== null);
  const speaking = published.length > 0 ? published : lastOf(instances);
  // What is published comes first.
  const showing = [...published, ...instances.filter(({instance}) => instance.publish === null)];
  const reader = new Reader(workspace);
  const documents = speaking.flatMap(facts => {
    const files = reader.filesOf(facts);
    const traces = files.flatMap(file => reader.trace(file));
    const traceOf = (name: string): Trace | null =>
      traces.find(each => Object.hasOwn(each.files, name)) ?? null;
    return files.flatMap(file => reader.document(file)).map(each => ({...each, trace: traceOf(each.name)}));
  });
  const files = showing
    .flatMap(facts => reader.filesOf(facts))
    .filter(({name}) => typeOf(name) !== undefined);
  return {documents, pictures: gatherPictures(reader, files), leftOut: reader.leftOut};
}

/** Instances that nothing takes as an input. */
function lastOf(instances: readonly InstanceFacts[]): InstanceFacts[] {
  const taken = new Set(instances.flatMap(({instance}) => producersOf(instance)));
  return instances.filter(({instance}) => !taken.has(instance.id));
}

/** One picture per digest; files of one instance that differ only in their extension are one picture. */
function gatherPictures(reader: Reader, files: readonly OutputFile[]): PictureFacts[] {
  const groups = new Map<string, OutputFile[]>();
  const seen = new Set<string>();
  for (const file of files) {
    if (seen.has(file.digest)) continue;
    seen.add(file.digest);
    const key = `${file.facts.instance.id}\n${file.path.slice(0, -extname(file.path).length)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [file]);
    else group.push(file);
  }
  const wanted = [...groups.values()];
  if (wanted.length > PICTURES_SHOWN) {
    reader.leftOut.push(`${wanted.length - PICTURES_SHOWN} more pictures, which \`pipe get\` copies out`);
  }
  return wanted.slice(0, PICTURES_SHOWN).flatMap(group => {
    const read = group.sort((a, b) => rankOf(a.name) - rankOf(b.name)).flatMap(file => reader.picture(file));
    const [first, ...others] = read;
    return first === undefined ? [] : [{...first, others}];
  });
}

const typeOf = (name: string): PictureFacts['type'] | undefined => PICTURE_TYPES[extname(name).toLowerCase()];
const rankOf = (name: string): number => (typeOf(name) === 'image/svg+xml' ? 0 : 1);

class Reader {
  readonly #workspace: Workspace;
  readonly leftOut: string[] = [];
  #bytes = 0;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** The files of all outputs of an instance; those in folders as well, where the store has the folder. */
  filesOf(facts: InstanceFacts): OutputFile[] {
    return Object.entries(facts.outputs).flatMap(([output, {kind, digest, size}]): OutputFile[] => {
      const path = facts.instance.outputs[output]?.path ?? output;
      if (kind === 'file') return [{facts, name: basename(path), digest, size, path}];
      const listed = this.#workspace.blobs.filesOf({kind, digest, size: size ?? 0});
      if (!listed.ok) return [];
      return listed.value.map(file => ({
        facts,
        name: basename(file.path),
        digest: file.digest,
        size: file.size,
        path: join(path, file.path),
      }));
    });
  }

  trace(file: OutputFile): Trace[] {
    if (!file.name.endsWith(TRACE_SUFFIX)) return [];
    const bytes = this.#read(file, LARGEST_DOCUMENT);
    const found = bytes === undefined ? undefined : parseTrace(bytes.toString('utf8'));
    return found === undefined ? [] : [found];
  }

  document(file: OutputFile): Omit<DocumentFacts, 'trace'>[] {
    const {facts, name, digest} = file;
    const format = DOCUMENT_FORMATS[extname(name).toLowerCase()];
    const bytes = format === undefined ? undefined : this.#read(file, LARGEST_DOCUMENT);
    if (format === undefined || bytes === undefined) return [];
    return [{id: facts.instance.id, name, format, digest, text: bytes.toString('utf8')}];
  }

  picture(file: OutputFile): Omit<PictureFacts, 'others'>[] {
    const {facts, name, digest} = file;
    const type = typeOf(name);
    const bytes = type === undefined ? undefined : this.#read(file, LARGEST_PICTURE);
    return type === undefined || bytes === undefined
      ? []
      : [{id: facts.instance.id, name, digest, type, bytes}];
  }

  #read(file: OutputFile, largest: number): Buffer | undefined {
    const {facts, name, digest, size} = file;
    const known = size ?? 0;
    if (known > largest || this.#bytes + known > LARGEST_PAGE) {
      this.leftOut.push(`${name} of ${facts.instance.id} (${formatBytes(known)})`);
      return undefined;
    }
    const stored = this.#workspace.blobs.read(digest);
    const bytes = stored.ok ? stored.value : this.#publishedCopy(file);
    if (bytes === undefined)
      this.leftOut.push(`${name} of ${facts.instance.id}, which is not in the store any more`);
    else this.#bytes += bytes.length;
    return bytes;
  }

  #publishedCopy({facts, digest, path}: OutputFile): Buffer | undefined {
    const {publish} = facts.instance;
    if (publish === null) return undefined;
    try {
      const bytes = readFileSync(join(this.#workspace.project, publish, path));
      return digestBytes(bytes) === digest ? bytes : undefined;
    } catch {
      return undefined;
    }
  }
}
