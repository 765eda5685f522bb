// What makes C programs write their prints line by line into a log, as they do in a terminal: the library behind
// `stdbuf` of GNU coreutils. Where it is not there, prints come when a buffer is full.

import {existsSync} from 'node:fs';

const PLACES = [
  '/usr/libexec/coreutils/libstdbuf.so',
  '/usr/lib/coreutils/libstdbuf.so',
  '/usr/lib64/coreutils/libstdbuf.so',
  '/usr/local/libexec/coreutils/libstdbuf.so',
];

let found: Readonly<Record<string, string>> | undefined;

/** Variables for a command; none where the library is missing. */
export function lineBuffering(): Readonly<Record<string, string>> {
  if (found === undefined) {
    const library = PLACES.find(path => existsSync(path));
    found = library === undefined ? {} : {LD_PRELOAD: library, _STDBUF_O: 'L', _STDBUF_E: 'L'};
  }
  return found;
}
