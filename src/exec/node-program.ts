// How a process of ours is started: by Node, under tsx where it comes from the sources, and ended by the system when
// its parent dies, even by KILL.

import {existsSync} from 'node:fs';

/** Kills a child when its parent dies; part of util-linux. */
const SETPRIV = '/usr/bin/setpriv';

/** The program and its arguments. `entry`: absolute path of a module. */
export function nodeProgram(entry: string): readonly [program: string, ...args: string[]] {
  // Found from here, since the process starts in a project that may not have tsx.
  const loader = entry.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
  const node = [process.execPath, ...loader, entry] as const;
  return existsSync(SETPRIV)
    ? [SETPRIV, '--pdeathsig', 'KILL', ...node]
    : [process.execPath, ...loader, entry];
}

/** An entry beside this module: TypeScript from the sources, JavaScript from `dist`. */
export function entryBeside(name: string): string {
  const {dirname, filename} = import.meta;
  return `${dirname}/${name}.${filename.endsWith('.ts') ? 'ts' : 'js'}`;
}
