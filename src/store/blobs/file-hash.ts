// SHA-256 of open files: at once and in pieces for small ones, as a stream for large ones.

import {createHash} from 'node:crypto';
import {closeSync, createReadStream, openSync, readSync, type Stats} from 'node:fs';
import type {Digest} from '../../core/digest.ts';

const pieceSize = 1024 * 1024;

/** Files from this size (bytes) on are hashed as streams, so that they neither fill memory nor hold up the event loop. */
export const streamedFrom = 8 * 1024 * 1024;

/** Reads from the file's start. Throws errors of the system. */
export function hashOpenFile(file: number): Digest {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(pieceSize);
  for (let at = 0, count = 0; (count = readSync(file, piece, 0, pieceSize, at)) > 0; at += count) {
    hash.update(piece.subarray(0, count));
  }
  return hash.digest('hex') as Digest;
}

/** Throws errors of the system. */
export function hashFile(path: string): Digest {
  const file = openSync(path, 'r');
  try {
    return hashOpenFile(file);
  } finally {
    closeSync(file);
  }
}

/** Reads an open file from its start without holding up the event loop; `onPiece` sees the bytes in order. */
export async function streamOpenFile(file: number, onPiece?: (piece: Buffer) => void): Promise<Digest> {
  const hash = createHash('sha256');
  const stream = createReadStream('', {fd: file, start: 0, autoClose: false, highWaterMark: pieceSize});
  for await (const piece of stream) {
    hash.update(piece);
    onPiece?.(piece);
  }
  return hash.digest('hex') as Digest;
}

export const isSameState = (a: Stats, b: Stats): boolean =>
  a.ino === b.ino &&
  a.dev === b.dev &&
  a.size === b.size &&
  a.mtimeMs === b.mtimeMs &&
  a.ctimeMs === b.ctimeMs;

/** What something is, for messages. */
export function kindOf(state: Stats): string {
  if (state.isFile()) return 'a file';
  if (state.isDirectory()) return 'a folder';
  if (state.isSymbolicLink()) return 'a symbolic link';
  if (state.isSocket()) return 'a socket';
  if (state.isFIFO()) return 'a named pipe';
  return 'a device';
}
