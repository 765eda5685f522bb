// Gets one part of a data set: from the mirror, else from a package of the operating system, else from the hosts in
// their order; checked and unpacked.
// Every place that was tried is remembered with its reason, so that a failure can name them all.

import {access, mkdir, readdir, rename, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {StageError} from '../../src/stage/define.ts';
import {PackageError, unpack} from './archive.ts';
import type {DataSource, Package} from './catalogue.ts';
import {fileDigest, mismatch} from './checksum.ts';
import {type TransferOptions, transfer} from './transfer.ts';

export interface SupplyOptions extends Omit<TransferOptions, 'onProgress'> {
  /** The data set's name, which is its folder in a mirror. */
  readonly set: string;
  /** Folder of unpacked files; gets this part's, all of them or none. */
  readonly folder: string;
  /** Folder for what is not whole yet; partial downloads in it are continued. */
  readonly work: string;
  readonly mirror: string | undefined;
  readonly system: DataSource['system'];
  readonly acceptsSubset: boolean;
  /** Every file of the data set, to tell the user what a mirror must have. */
  readonly needed: readonly string[];
  readonly onProgress: (file: string, done: number, total: number | undefined) => void;
  readonly log: (line: string) => void;
}

interface Attempt {
  readonly place: string;
  readonly reason: string;
}

/**
 * Fills `folder` with one of the alternatives, and returns it.
 * @throws StageError that names every place tried, and how to go on without a network.
 */
export async function supply(alternatives: readonly Package[], options: SupplyOptions): Promise<Package> {
  const attempts: Attempt[] = [];
  const packages = alternatives.filter(one => options.acceptsSubset || !one.isSubset);
  for (const one of packages) {
    if (options.mirror === undefined) continue;
    const path = join(options.mirror, options.set, one.file);
    const reason = (await isReadable(path)) ? await admit(path, one, options) : 'there is no such file';
    if (reason === undefined) {
      options.log(`${one.file}: taken from the mirror, ${path}`);
      return one;
    }
    attempts.push({place: path, reason});
  }
  for (const one of packages) {
    if (options.system === undefined) continue;
    const path = join(options.system.folder, one.file);
    if (!(await isReadable(path))) continue;
    const reason = await admit(path, one, options);
    if (reason === undefined) {
      options.log(`${one.file}: taken from ${path}`);
      return one;
    }
    attempts.push({place: path, reason});
  }
  for (const one of packages) {
    for (const url of one.urls) {
      const reason = await download(url, one, options);
      if (reason === undefined) {
        options.log(`${one.file}: downloaded from ${url}`);
        return one;
      }
      options.log(`${one.file}: ${url}: ${reason}`);
      attempts.push({place: url, reason});
    }
  }
  throw await failure(alternatives, attempts, options);
}

async function download(url: string, one: Package, options: SupplyOptions): Promise<string | undefined> {
  const path = join(options.work, one.file);
  // A file whose beginning came earlier, or from another host, may be wrong where a whole one is right.
  for (let round = 0; round < 2; round++) {
    const isContinued = await isReadable(path);
    try {
      await transfer(url, path, {
        ...options,
        onProgress: (done, total) => options.onProgress(one.file, done, total),
      });
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof Error && error.name === 'TransferError') return error.message;
      throw error;
    }
    const reason = await admit(path, one, options);
    await rm(path, {force: true});
    if (reason === undefined || !isContinued) return reason;
  }
  return 'it is wrong even when loaded anew';
}

/** Checks and unpacks a file; says why not, or puts its content into the folder. */
async function admit(path: string, one: Package, options: SupplyOptions): Promise<string | undefined> {
  const staging = join(options.work, `${one.file}.unpacked`);
  await rm(staging, {recursive: true, force: true});
  await mkdir(staging, {recursive: true});
  try {
    const actual = one.digest && (await fileDigest(path, one.digest.algorithm, options.signal));
    const problem = one.digest && mismatch('the file', one.digest, actual ?? '');
    const isTrusted = one.digest === null ? one.isSubset : problem === undefined;
    const {unpacking, digest} = one;
    // The digest that a pipeline gives may be that of the file or that of its uncompressed content.
    const isEither = !isTrusted && unpacking.kind === 'gzip' && unpacking.content === null;
    const effective = isEither ? {...unpacking, content: digest} : unpacking;
    if (!isTrusted && !canVerify(effective)) return problem ?? 'nothing says whether it is right';
    const {isVerified} = await unpack(path, effective, staging, options.signal);
    if (!isTrusted && !isVerified) return problem ?? 'nothing says whether it is right';
    await mkdir(options.folder, {recursive: true});
    for (const name of await readdir(staging)) await rename(join(staging, name), join(options.folder, name));
    return undefined;
  } catch (error) {
    if (error instanceof PackageError) return error.message;
    throw error;
  } finally {
    await rm(staging, {recursive: true, force: true});
  }
}

const canVerify = (unpacking: Package['unpacking']): boolean =>
  unpacking.kind === 'gzip'
    ? unpacking.content !== null
    : unpacking.kind === 'members' && unpacking.members.every(member => member.content !== null);

async function failure(
  alternatives: readonly Package[],
  attempts: readonly Attempt[],
  options: SupplyOptions,
): Promise<StageError> {
  const [first] = alternatives;
  const lines = attempts.map(({place, reason}) => `  ${place}\n    ${reason}`);
  const subset = await findSubset(alternatives, options);
  const hints = [
    `Without a network: put ${options.needed.join(', ')} into DIR/${options.set}/ and run with --mirror DIR.`,
    ...(options.system === undefined ? [] : [options.system.hint]),
    ...(subset === undefined
      ? []
      : [
          `The mirror has a part of the data, ${subset}; \`subset: accept\` takes it, and tables will say so.`,
        ]),
    ...(options.set === 'digits' ? [] : ['Or try the study on the embedded digits: --set dataset=digits']),
  ];
  const count = attempts.length;
  const tried =
    count === 0
      ? 'no host has it, only a mirror can'
      : `${count === 1 ? '1 place was' : `${count} places were`} tried:`;
  return new StageError(
    [`cannot get ${first?.file} of ${options.set}; ${tried}`, ...lines].join('\n'),
    hints.join('\n'),
  );
}

async function findSubset(
  alternatives: readonly Package[],
  options: SupplyOptions,
): Promise<string | undefined> {
  if (options.mirror === undefined || options.acceptsSubset) return undefined;
  for (const one of alternatives.filter(({isSubset}) => isSubset)) {
    const path = join(options.mirror, options.set, one.file);
    if (await isReadable(path)) return path;
  }
  return undefined;
}

const isReadable = async (path: string): Promise<boolean> => {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
};
