// Bodies from elsewhere, of which no more is taken than was expected: a server that never ends one, or gives another
// length than it said, costs neither memory nor the disk; and one that falls silent is not waited for.

import {Transform} from 'node:stream';
import type {BlobName} from './remote.ts';

/** Of a blob whose size nobody said. Bytes. */
const LARGEST_UNKNOWN = 64 * 1024 ** 3;

/** How long nothing may come. Milliseconds. */
export const SILENT_MS = 60_000;

/** Passes the bytes of a blob on, and fails as soon as there are more than it has, or when no more come. */
export function limitedTo({digest, size}: BlobName, silentMs = SILENT_MS): Transform {
  const most = size > 0 ? size : LARGEST_UNKNOWN;
  let bytes = 0;
  const limited = new Transform({
    transform(piece: Buffer, _encoding, done) {
      silence.refresh();
      bytes += piece.length;
      if (bytes > most) done(new Error(`gave more than the ${most} bytes of ${digest}`));
      else done(null, piece);
    },
    destroy(error, done) {
      clearTimeout(silence);
      done(error);
    },
  });
  const silence = setTimeout(() => {
    limited.destroy(new Error(`fell silent after ${bytes} bytes of ${digest}`));
  }, silentMs);
  return limited;
}

/** A body as text; `undefined`, and nothing more of it is read, when it is longer than `most` bytes. */
export async function textOf(body: AsyncIterable<unknown>, most: number): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body) {
    const some = Buffer.from(piece as Uint8Array);
    bytes += some.length;
    if (bytes > most) return undefined;
    pieces.push(some);
  }
  return Buffer.concat(pieces).toString('utf8');
}
