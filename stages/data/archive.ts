// Archives to files. Members go only where the caller says, and only regular files do:
// a member that is a link, a device or tries to leave the folder makes the whole archive refused, and so does content
// that is out of all proportion to its package (a bomb).

import {createReadStream, createWriteStream} from 'node:fs';
import {mkdir, rm, stat} from 'node:fs/promises';
import {dirname, join, posix} from 'node:path';
import {Readable, type Readable as ReadableStream, Transform} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {createGunzip} from 'node:zlib';
import type {Digest, Member, Unpacking} from './catalogue.ts';
import {Meter, mismatch} from './checksum.ts';

/** Why a package is not what it should be; a sentence about the package. */
export class PackageError extends Error {
  override readonly name = 'PackageError';
}

/** What unpacking found out: whether every piece of content had a digest, and matched it. */
export interface Unpacked {
  readonly isVerified: boolean;
}

const maxMembers = 200_000;
/** Data sets shrink to a tenth, tables of zeros to a hundredth; a bomb goes beyond a thousandth. */
const maxRatio = 250;
/** Small packages may be anything. Bytes. */
const alwaysAllowed = 64e6;

/** What may still come out of a package and of the packages in it. Bytes. */
class Allowance {
  readonly #packed: number;
  #left: number;

  constructor(packed: number) {
    this.#packed = packed;
    this.#left = Math.max(alwaysAllowed, packed * maxRatio);
  }

  /** Passes bytes on, and fails when they are too many. */
  meter(): Transform {
    const passing = new Transform({
      transform: (piece: Buffer, _encoding, done) => {
        this.#left -= piece.length;
        if (this.#left >= 0) done(null, piece);
        else
          done(
            new PackageError(
              `it holds more than ${maxRatio} times its ${this.#packed} bytes, as a bomb does; unpack it by hand, if it is meant so`,
            ),
          );
      },
    });
    // It may fail before anybody reads it; whoever then does is told.
    passing.on('error', () => {});
    return passing;
  }
}

/**
 * Unpacks a file into `folder`, which exists.
 * @throws PackageError when the package is damaged, unsafe, a bomb, incomplete or fails a content digest.
 */
export async function unpack(
  path: string,
  unpacking: Unpacking,
  folder: string,
  signal: AbortSignal,
): Promise<Unpacked> {
  return unpackWithin(new Allowance((await stat(path)).size), path, unpacking, folder, signal);
}

async function unpackWithin(
  allowance: Allowance,
  path: string,
  unpacking: Unpacking,
  folder: string,
  signal: AbortSignal,
): Promise<Unpacked> {
  switch (unpacking.kind) {
    case 'keep':
      await copyStream(createReadStream(path), join(folder, unpacking.to), null, signal);
      return {isVerified: false};
    case 'gzip': {
      const target = join(folder, unpacking.to);
      await readable(() => copyStream(gunzip(path, allowance), target, unpacking.content, signal));
      return {isVerified: unpacking.content !== null};
    }
    case 'members':
      return unpackMembers(allowance, path, unpacking.members, folder, signal);
    case 'tar-tree': {
      const count = await readTar(gunzip(path, allowance), signal, name =>
        placeInTree(name, unpacking.under, folder),
      );
      if (count === 0) throw new PackageError(`it has no files${within(unpacking.under)}`);
      return {isVerified: false};
    }
    case 'zip-tree': {
      const count = await readZip(path, allowance, async (name, stream) => {
        const target = placeInTree(name, unpacking.under, folder);
        if (target !== undefined) await copyStream(stream, target, null, signal);
        return target !== undefined;
      });
      if (count === 0) throw new PackageError(`it has no files${within(unpacking.under)}`);
      return {isVerified: false};
    }
    case 'zip-inner': {
      const file = join(folder, '.inner');
      const count = await readZip(path, allowance, async (name, stream) => {
        if (name !== unpacking.member) return false;
        await copyStream(stream, file, null, signal);
        return true;
      });
      if (count === 0) throw new PackageError(`it has no member ${unpacking.member}`);
      const result = await unpackWithin(allowance, file, unpacking.inner, folder, signal);
      await rm(file);
      return result;
    }
  }
}

async function unpackMembers(
  allowance: Allowance,
  path: string,
  members: readonly Member[],
  folder: string,
  signal: AbortSignal,
): Promise<Unpacked> {
  const byPath = new Map(members.map(member => [member.path, member]));
  const found = new Set<string>();
  await readTar(gunzip(path, allowance), signal, name => {
    const member = byPath.get(name);
    if (member === undefined) return undefined;
    found.add(name);
    return {path: join(folder, member.to), content: member.content};
  });
  const missing = members.filter(member => !found.has(member.path));
  if (missing.length > 0) throw new PackageError(`it lacks ${missing.map(m => m.path).join(', ')}`);
  return {isVerified: members.every(member => member.content !== null)};
}

type Target = string | {readonly path: string; readonly content: Digest | null} | undefined;

/** Streams a tar's regular files to the places that `choose` gives; returns how many. */
async function readTar(
  tar: ReadableStream,
  signal: AbortSignal,
  choose: (name: string) => Target,
): Promise<number> {
  const {extract: createExtract} = await import('tar-stream');
  const extract = createExtract();
  const written = new Set<string>();
  let members = 0;
  const feeding = pipeline(tar, extract, {signal});
  feeding.catch(() => {}); // awaited below, after the loop has told its own reason
  await readable(async () => {
    for await (const entry of extract) {
      if (++members > maxMembers) throw new PackageError(`it has more than ${maxMembers} members`);
      const {name, type} = entry.header;
      const safe = safeName(name);
      if (type !== 'file' && type !== 'contiguous-file') {
        if (type !== 'directory') {
          throw new PackageError(`its member ${name} is a ${type}; expected plain files and folders only`);
        }
        entry.resume();
        continue;
      }
      const target = choose(safe);
      if (target === undefined) {
        entry.resume();
        continue;
      }
      const {path, content} = typeof target === 'string' ? {path: target, content: null} : target;
      if (written.has(path)) throw new PackageError(`it has ${name} twice`);
      written.add(path);
      await copyStream(Readable.from(entry), path, content, signal);
    }
    await feeding;
  });
  return written.size;
}

/** Offers a zip's files one after another; returns how many were taken. */
async function readZip(
  path: string,
  allowance: Allowance,
  take: (name: string, stream: ReadableStream) => Promise<boolean>,
): Promise<number> {
  const {openPromise} = await import('yauzl');
  return readable(async () => {
    const zip = await openPromise(path, {lazyEntries: true, autoClose: false});
    try {
      if (zip.entryCount > maxMembers) throw new PackageError(`it has more than ${maxMembers} members`);
      let taken = 0;
      for await (const entry of zip.eachEntry()) {
        const name = safeName(entry.fileName);
        const mode = (entry.externalFileAttributes >>> 16) & 0o170000;
        if (mode === 0o120000)
          throw new PackageError(`its member ${name} is a link; expected plain files only`);
        if (entry.fileName.endsWith('/')) continue;
        const packed = await zip.openReadStreamPromise(entry);
        const stream = allowance.meter().on('close', () => packed.destroy());
        packed.on('error', error => stream.destroy(error)).pipe(stream);
        if (await take(name, stream)) taken++;
        else stream.destroy();
      }
      return taken;
    } finally {
      zip.close();
    }
  });
}

/** The member's path without `./`. @throws PackageError when it would lie outside of the folder. */
function safeName(name: string): string {
  const normal = posix.normalize(name).replace(/\/$/, '');
  const leaves = normal === '..' || normal.startsWith('../') || normal.startsWith('/');
  if (leaves || /[\\\0]|^[A-Za-z]:/.test(name)) {
    throw new PackageError(`its member ${JSON.stringify(name)} would be written outside of its folder`);
  }
  return normal;
}

function placeInTree(name: string, under: string | null, folder: string): string | undefined {
  if (posix.basename(name).startsWith('._')) return undefined; // what macOS adds to archives
  if (under === null) return join(folder, name);
  return name.startsWith(`${under}/`) ? join(folder, name.slice(under.length + 1)) : undefined;
}

const within = (under: string | null): string => (under === null ? '' : ` below ${under}/`);

/** The uncompressed bytes of a gzip file; an error of either end reaches the reader. */
function gunzip(path: string, allowance: Allowance): ReadableStream {
  const uncompressed = createGunzip();
  const file = createReadStream(path).on('error', error => uncompressed.destroy(error));
  uncompressed.on('close', () => file.destroy());
  const metered = allowance.meter().on('close', () => uncompressed.destroy());
  uncompressed.on('error', error => metered.destroy(error));
  return file.pipe(uncompressed).pipe(metered);
}

async function copyStream(
  from: ReadableStream,
  to: string,
  content: Digest | null,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dirname(to), {recursive: true});
  const meter = new Meter(content === null ? [] : [content.algorithm]);
  await pipeline(from, meter, createWriteStream(to), {signal});
  if (content === null) return;
  const problem = mismatch(posix.basename(to), content, meter.hex(content.algorithm));
  if (problem !== undefined) throw new PackageError(problem);
}

/** Turns what zlib, tar-stream and yauzl say of damaged bytes into a PackageError. */
async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof PackageError || !(error instanceof Error)) throw error;
    const code = 'code' in error ? String(error.code) : '';
    const isOfSystem = error.name === 'AbortError' || /^E[A-Z]+$/.test(code);
    if (isOfSystem) throw error;
    throw new PackageError(`it is damaged (${error.message})`);
  }
}
