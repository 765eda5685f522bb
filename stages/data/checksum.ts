// Digests of files and streams, with the algorithms that data hosts publish.

import {createHash, type Hash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {Transform} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type {Digest} from './catalogue.ts';

/** Hashes what passes through it. */
export class Meter extends Transform {
  readonly #hashes: ReadonlyMap<Digest['algorithm'], Hash>;
  bytes = 0;

  constructor(algorithms: readonly Digest['algorithm'][]) {
    super();
    this.#hashes = new Map(algorithms.map(algorithm => [algorithm, createHash(algorithm)]));
  }

  override _transform(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error: null, data: Buffer) => void,
  ): void {
    this.bytes += chunk.length;
    for (const hash of this.#hashes.values()) hash.update(chunk);
    done(null, chunk);
  }

  /** Call once each, when everything has passed. */
  hex(algorithm: Digest['algorithm']): string {
    return this.#hashes.get(algorithm)?.copy().digest('hex') ?? '';
  }
}

export async function fileDigest(
  path: string,
  algorithm: Digest['algorithm'],
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash, {signal});
  return hash.digest('hex');
}

/** `undefined` when it fits, else a sentence. */
export const mismatch = (what: string, expected: Digest, actual: string): string | undefined =>
  actual === expected.hex
    ? undefined
    : `${what}: expected ${expected.algorithm} ${expected.hex}, got ${actual}`;
