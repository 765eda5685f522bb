// Where the packages of a bundle are on the machine that runs it: where the module itself finds them, or below an
// install root, by name and version. A bundle made on one machine runs on another that has the same packages.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {err, ok, type Result} from '../core/result.ts';
import {findPackage} from './installed-packages.ts';
import type {CodePackage} from './stage-code.ts';

/** The name under which a bundle imports a package → the package's folder, absolute. */
export type PackagePlaces = ReadonlyMap<string, string>;

export interface InstallRoots {
  /** A folder whose `node_modules` (or that of a folder above) has the packages of the project. */
  readonly project: string;
  /** This package's folder: what built-in stages import is found from here. */
  readonly pipe: string;
}

type Links = Readonly<Record<string, CodePackage>>;

/** As they were found when the bundle was made, on this machine. */
export const ownPlaces = (links: Links): PackagePlaces =>
  new Map(Object.entries(links).flatMap(([link, {folder}]) => (folder === null ? [] : [[link, folder]])));

/** Every package of a bundle below install roots; a mistake for each that is not there in its version. */
export function placesIn(links: Links, roots: InstallRoots): Result<PackagePlaces, readonly Diagnostic[]> {
  const places = new Map<string, string>();
  const mistakes: Diagnostic[] = [];
  for (const [link, {name, version, folder}] of Object.entries(links)) {
    if (folder === null) continue;
    const root = link.startsWith('@pipe/') ? roots.pipe : roots.project;
    const found = findPackage(name, root);
    if (found?.version === version) {
      places.set(link, found.folder);
    } else {
      const got = found === undefined ? 'none' : found.version;
      mistakes.push(
        mistake(
          'missing-package',
          `expected the package ${name} ${version} in ${root}, got ${got}`,
          undefined,
          {
            hint: `run there: npm install ${name}@${version}`,
          },
        ),
      );
    }
  }
  return mistakes.length > 0 ? err(mistakes) : ok(places);
}
