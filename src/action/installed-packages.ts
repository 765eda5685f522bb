// Installed packages as Node finds them, and all that they need in turn: names and versions for the key, and what to
// look at to know that they are still the same. A package that is a link to a folder outside of every node_modules (a
// workspace, `npm link`) is developed where it lies: its contents count, as its version does not tell.

import {readdirSync, readFileSync, realpathSync, statSync} from 'node:fs';
import {dirname, join, relative, sep} from 'node:path';
import {type Digest, digestJson, shortDigest} from '../core/digest.ts';
import {byCodeUnit, isJsonObject, type JsonObject, parseJson} from '../core/json.ts';

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** Absolute, as it was found: perhaps a link. */
  readonly folder: string;
}

type DigestFile = (path: string) => Digest | undefined;

export interface PackageTree {
  /** By name; several versions of one name are separated by commas. */
  readonly versions: ReadonlyMap<string, ReadonlySet<string>>;
  /** Manifests of the packages, and the records of package managers: absolute paths. */
  readonly witnesses: ReadonlySet<string>;
  /** Linked packages: real folder → digest of what is in it. */
  readonly linked: ReadonlyMap<string, Digest>;
}

/** As Node looks for it: in the `node_modules` of each folder above. */
export function findPackage(name: string, from: string): InstalledPackage | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    const manifest = readManifest(candidate);
    if (manifest !== undefined) return {name, version: versionIn(manifest), folder: candidate};
    if (folder === dirname(folder)) return undefined;
  }
}

/** What package managers write at each install, in the outermost node_modules. */
const RECORDS = ['.package-lock.json', '.modules.yaml', '.yarn-state.yml', '.yarn-integrity'];

/** Everything that `roots` (folders of packages) need, themselves included. `project`: its folder, absolute. */
export function readPackageTree(
  roots: Iterable<string>,
  project: string,
  digestFile: DigestFile,
): PackageTree {
  const versions = new Map<string, Set<string>>();
  const witnesses = new Set<string>();
  const linked = new Map<string, Digest>();
  const seen = new Set([...roots].map(folder => realpathSync(folder)));
  for (const folder of seen) {
    const manifest = readManifest(folder);
    if (manifest === undefined) continue;
    witnesses.add(join(folder, 'package.json'));
    const outermost = /^.*?[\\/]node_modules(?=[\\/])/.exec(folder)?.[0];
    if (outermost !== undefined) for (const record of RECORDS) witnesses.add(join(outermost, record));
    let version = versionIn(manifest);
    // A folder around the project cannot be told from what runs write into it.
    if (outermost === undefined && !`${project}${sep}`.startsWith(`${folder}${sep}`)) {
      const digest = digestFolder(folder, digestFile);
      linked.set(folder, digest);
      version += ` (linked, ${shortDigest(digest)})`;
    }
    const name = typeof manifest.name === 'string' ? manifest.name : folder;
    versions.set(name, (versions.get(name) ?? new Set()).add(version));
    for (const needed of neededBy(manifest)) {
      const found = findPackage(needed, folder);
      if (found !== undefined && !isForOnePlatform(found.folder)) seen.add(realpathSync(found.folder));
    }
  }
  return {versions, witnesses, linked};
}

/** Of names and contents of all files below, beside node_modules and hidden folders. */
export function digestFolder(folder: string, digestFile: DigestFile): Digest {
  const digests: Record<string, string> = {};
  for (const path of filesBelow(folder)) {
    digests[relative(folder, path).split(sep).join('/')] = digestFile(path) ?? '';
  }
  return digestJson('files', digests);
}

/** Absolute paths, sorted; nothing of node_modules and hidden folders; `isLeftOut` is asked about other folders. */
export function filesBelow(folder: string, isLeftOut: (folder: string) => boolean = () => false): string[] {
  const found: string[] = [];
  const visit = (at: string): void => {
    for (const entry of entriesOf(at)) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && !entry.name.startsWith('.') && !isLeftOut(path)) visit(path);
      } else if (entry.isFile() || isFile(path)) {
        found.push(path);
      }
    }
  };
  visit(folder);
  return found.sort(byCodeUnit);
}

export const isFile = (path: string): boolean => statSync(path, {throwIfNoEntry: false})?.isFile() === true;

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, {withFileTypes: true});
  } catch {
    return [];
  }
}

function neededBy(manifest: JsonObject): readonly string[] {
  const kinds = ['dependencies', 'optionalDependencies', 'peerDependencies'];
  return kinds.flatMap(kind => (isJsonObject(manifest[kind]) ? Object.keys(manifest[kind]) : []));
}

/** Binaries of one system go by the version of the package that asks for them; with them, keys would differ by system. */
function isForOnePlatform(folder: string): boolean {
  const manifest = readManifest(folder);
  return manifest !== undefined && ('os' in manifest || 'cpu' in manifest);
}

export function readManifest(folder: string): JsonObject | undefined {
  const path = join(folder, 'package.json');
  if (!isFile(path)) return undefined;
  const manifest = parseJson(readFileSync(path, 'utf8'));
  return isJsonObject(manifest) ? manifest : {};
}

const versionIn = ({version}: JsonObject): string => (typeof version === 'string' ? version : 'unversioned');
