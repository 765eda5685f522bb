// Archives to files. Members go only where the caller says, and only regular files do:
// a member that is a link, a device or tries to leave the folder makes the whole archive refused.

import {createReadStream, createWriteStream} from 'node:fs';
import {mkdir, rm} from 'node:fs/promises';
import {dirname, join, posix} from 'node:path';
import {Readable, type Readable as ReadableStream} from 'node:stream';
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

/**
 * Unpacks a file into `folder`, which exists.
 * @throws PackageError when the package is damaged, unsafe, incomplete or fails a content digest.
 */
export async function unpack(
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
      await readable(() => copyStream(gunzip(path), target, unpacking.content, signal));
      return {isVerified: unpacking.content !== null};
    }
    case 'members':
      return unpackMembers(path, unpacking.members, folder, signal);
    case 'tar-tree': {
      const count = await readTar(gunzip(path), signal, name => placeInTree(name, unpacking.under, folder));
      if (count === 0) throw new PackageError(`it has no files${within(unpacking.under)}`);
      return {isVerified: false};
    }
    case 'zip-tree': {
      const count = await readZip(path, async (name, stream) => {
        const target = placeInTree(name, unpacking.under, folder);
        if (target !== undefined) await copyStream(stream, target, null, signal);
        return target !== undefined;
      });
      if (count === 0) throw new PackageError(`it has no files${within(unpacking.under)}`);
      return {isVerified: false};
    }
    case 'zip-inner': {
      const file = join(folder, '.inner');
      const count = await readZip(path, async (name, stream) => {
        if (name !== unpacking.member) return false;
        await copyStream(stream, file, null, signal);
        return true;
      });
      if (count === 0) throw new PackageError(`it has no member ${unpacking.member}`);
      const result = await unpack(file, unpacking.inner, folder, signal);
      await rm(file);
      return result;
    }
  }
}

async function unpackMembers(
  path: string,
  members: readonly Member[],
  folder: string,
  signal: AbortSignal,
): Promise<Unpacked> {
  const byPath = new Map(members.map(member => [member.path, member]));
  const found = new Set<string>();
  await readTar(gunzip(path), signal, name => {
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
        const stream = await zip.openReadStreamPromise(entry);
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
function gunzip(path: string): ReadableStream {
  const uncompressed = createGunzip();
  const file = createReadStream(path).on('error', error => uncompressed.destroy(error));
  uncompressed.on('close', () => file.destroy());
  return file.pipe(uncompressed);
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
