// Texts by path as one folder artifact: folders within folders, without a detour over the disk.

import type {Artifact} from '../../action/action.ts';
import type {Digest} from '../../core/digest.ts';
import {ok, type Result} from '../../core/result.ts';
import type {BlobStore} from '../store.ts';
import type {StoreError} from '../store-error.ts';
import {encodeFolder, type FolderFile} from './folder-blob.ts';

/** Paths are relative with `/`, as those of a project. */
export function putTree(
  blobs: BlobStore,
  files: ReadonlyMap<string, Uint8Array>,
): Result<Artifact, StoreError> {
  const here = new Map<string, FolderFile>();
  const below = new Map<string, Map<string, Uint8Array>>();
  let size = 0;
  for (const [path, bytes] of files) {
    const slash = path.indexOf('/');
    if (slash === -1) {
      const put = blobs.putBytes(bytes);
      if (!put.ok) return put;
      here.set(path, {digest: put.value.digest, size: put.value.size, isExecutable: false});
      size += put.value.size;
      continue;
    }
    const name = path.slice(0, slash);
    const inner = below.get(name) ?? new Map<string, Uint8Array>();
    inner.set(path.slice(slash + 1), bytes);
    below.set(name, inner);
  }
  const folders = new Map<string, Digest>();
  for (const [name, inner] of below) {
    const put = putTree(blobs, inner);
    if (!put.ok) return put;
    folders.set(name, put.value.digest);
    size += put.value.size;
  }
  const folder = blobs.putBytes(encodeFolder({files: here, folders}));
  return folder.ok ? ok({kind: 'folder', digest: folder.value.digest, size}) : folder;
}
