// The place of a call in the user's code: the first stack frame outside of TF.js, the engine and Node itself.

import {dirname} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';

const here = fileURLToPath(import.meta.url);
/** The engine's own files: its source folder, or the folder of the bundle that it ended up in. */
const engineFolder = here.endsWith('.ts') ? dirname(dirname(here)) : dirname(here);
const own = [engineFolder, pathToFileURL(engineFolder).href];

const isForeign = (frame: string): boolean =>
  /[\\/]@tensorflow[\\/]tfjs|[\\/]tfjs-[a-z-]+[\\/]src[\\/]|node:internal|\(node:|\(native\)|\(<anonymous>\)|at <anonymous>$/.test(
    frame,
  ) || own.some(folder => frame.includes(`${folder}/`));

/** `file:line:column`, or the empty string when no frame is the user's. */
export function placeOf(stack: Error): string {
  const frames = (stack.stack ?? '').split('\n').filter(line => /^\s+at /.test(line));
  const frame = frames.find(line => !isForeign(line));
  return frame === undefined ? '' : frame.replace(/^\s+at (?:.*\()?/, '').replace(/\)$/, '');
}

/** A stack that is deep enough to reach the user's code through TF.js's layers. */
export function stackHere(): Error {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 60;
  const stack = new Error('trace');
  Error.stackTraceLimit = before;
  return stack;
}
