// Trees of files as the Remote Execution API has them: one Directory message a folder, with entries sorted by name, named
// by the digest of its bytes. Equal trees are equal bytes, whoever encodes them.

import {type Digest, digestBytes, isDigest} from '../../core/digest.ts';
import {byCodeUnit} from '../../core/json.ts';
import {isEntryName} from '../blobs/folder-blob.ts';
import type {MessageCodec} from './reapi-channel.ts';
import type {WireDigest} from './reapi-remote.ts';

export interface TreeFile {
  readonly digest: Digest;
  readonly size: number;
  readonly isExecutable: boolean;
}

export interface TreeFolder {
  readonly files: ReadonlyMap<string, TreeFile>;
  readonly folders: ReadonlyMap<string, TreeFolder>;
}

interface Named {
  readonly name?: string;
  readonly digest?: WireDigest;
}
interface WireDirectory {
  readonly files?: ReadonlyArray<Named & {readonly is_executable?: boolean}>;
  readonly directories?: readonly Named[];
  readonly symlinks?: readonly Named[];
}
export interface WireTree {
  readonly root?: WireDirectory;
  readonly children?: readonly WireDirectory[];
}

const wireOf = (digest: Digest, size: number): WireDigest => ({hash: digest, size_bytes: String(size)});

const byName = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
  byCodeUnit(a[0], b[0]);

/** The digest of a folder's message; every message on the way is put into `messages`. */
export function encodeTree(
  folder: TreeFolder,
  codec: MessageCodec,
  messages: Map<Digest, Buffer>,
): WireDigest {
  // What is false or nothing is left out, so that there is one way to say it.
  const files = [...folder.files].sort(byName).map(([name, {digest, size, isExecutable}]) => ({
    name,
    digest: wireOf(digest, size),
    ...(isExecutable ? {is_executable: true} : {}),
  }));
  const directories = [...folder.folders]
    .sort(byName)
    .map(([name, below]) => ({name, digest: encodeTree(below, codec, messages)}));
  const bytes = codec.encode('Directory', {files, directories});
  const digest = digestBytes(bytes);
  messages.set(digest, bytes);
  return wireOf(digest, bytes.length);
}

/** What a server says of a folder; a text for what is no tree of files and folders. */
export function decodeTree(tree: WireTree, codec: MessageCodec): TreeFolder | string {
  const children = new Map(
    (tree.children ?? []).map(child => [digestBytes(codec.encode('Directory', child)), child]),
  );
  const visit = (directory: WireDirectory, depth: number): TreeFolder | string => {
    if (depth > DEEPEST) return 'the folder is too deep';
    const [link] = directory.symlinks ?? [];
    if (link !== undefined) return `expected files and folders, got the symbolic link ${link.name ?? ''}`;
    const files = new Map<string, TreeFile>();
    for (const {name = '', digest, is_executable} of directory.files ?? []) {
      const hash = digest?.hash ?? '';
      if (!isEntryName(name) || !isDigest(hash)) return `the entry '${name}' is no file`;
      files.set(name, {
        digest: hash,
        size: Number(digest?.size_bytes ?? 0),
        isExecutable: is_executable === true,
      });
    }
    const folders = new Map<string, TreeFolder>();
    for (const {name = '', digest} of directory.directories ?? []) {
      const hash = digest?.hash ?? '';
      const child = isDigest(hash) ? children.get(hash) : undefined;
      if (!isEntryName(name) || child === undefined) return `the folder '${name}' is not described`;
      const below = visit(child, depth + 1);
      if (typeof below === 'string') return below;
      folders.set(name, below);
    }
    return {files, folders};
  };
  return visit(tree.root ?? {}, 0);
}

const DEEPEST = 200;
