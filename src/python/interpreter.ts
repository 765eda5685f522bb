// Which Python runs the stages of a project, and what it is: found as uv finds it, asked once, and asked again only when
// the program or what is installed beside it has changed.

import {existsSync, readFileSync, realpathSync, statSync} from 'node:fs';
import {delimiter, dirname, isAbsolute, join, resolve} from 'node:path';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {canonicalJson, isJsonObject, type Json} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {PythonStore} from './python-store.ts';

/** What is known of an interpreter. All paths are absolute. */
export interface Interpreter {
  readonly executable: string;
  /** Such as `3.11.7`. */
  readonly version: string;
  /** Folders with installed packages, as they are searched. */
  readonly sites: readonly string[];
  /** Folders of the project that an editable install puts on the path. */
  readonly roots: readonly string[];
  /** Modules of the project that an editable install finds by name. */
  readonly mapped: Readonly<Record<string, string>>;
  /** Names of the standard library. */
  readonly stdlib: readonly string[];
  readonly userBase: string | null;
}

export interface PythonChoice {
  /** Absolute. */
  readonly project: string;
  /** What `python:` in the configuration says: a path, or the name of a program. */
  readonly configured: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const WINDOWS = process.platform === 'win32';
const inVenv = (folder: string): string =>
  WINDOWS ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');

/** The program that is meant: the configured one, the project's `.venv`, `VIRTUAL_ENV`, then `python3` on the path. */
export function findPython({project, configured, env}: PythonChoice): Result<string, Diagnostic> {
  if (configured !== null) {
    const path =
      configured.includes('/') || isAbsolute(configured)
        ? resolve(project, configured)
        : onPath(configured, env);
    if (path !== undefined && existsSync(path)) return ok(path);
    const message = `expected a Python at \`python: ${configured}\` of pipe.config.yaml, found none`;
    return err(mistake('no-python', message));
  }
  const venvs = [join(project, '.venv'), env.VIRTUAL_ENV ?? ''].filter(folder => folder !== '');
  const found = venvs.map(inVenv).find(existsSync) ?? onPath('python3', env) ?? onPath('python', env);
  if (found !== undefined) return ok(found);
  return err(
    mistake('no-python', 'expected a Python for the Python stages, found none', undefined, {
      hint: 'looked at .venv, VIRTUAL_ENV and python3; `python:` in pipe.config.yaml names another',
    }),
  );
}

function onPath(name: string, env: PythonChoice['env']): string | undefined {
  const folders = (env.PATH ?? '').split(delimiter).filter(folder => folder !== '');
  const endings = WINDOWS ? ['.exe', ''] : [''];
  return folders.flatMap(folder => endings.map(ending => join(folder, name + ending))).find(existsSync);
}

/** Files by which version managers choose what their shims start. */
const CHOOSERS = ['.python-version', '.tool-versions', 'mise.toml', '.mise.toml'] as const;

/** Everything that decides what a program is: its own file, the virtual environment, what a shim goes by. */
export function identityOf(program: string, {project, env}: PythonChoice): Json {
  const stateOf = (path: string): Json => {
    const state = statSync(path, {throwIfNoEntry: false});
    return state === undefined ? null : [state.size, state.mtimeMs];
  };
  const real = realpathSync(program);
  const isShim = readStart(real).startsWith('#!') || !/python|pypy/i.test(real);
  const chosen: Json[] = [];
  if (isShim) {
    for (let folder = project; ; folder = dirname(folder)) {
      for (const name of CHOOSERS) chosen.push(stateOf(join(folder, name)));
      if (folder === dirname(folder)) break;
    }
    chosen.push(stateOf(join(dirname(dirname(program)), 'version')), env.PYENV_VERSION ?? null);
  }
  const venv = stateOf(join(dirname(dirname(program)), 'pyvenv.cfg'));
  return [program, real, stateOf(real), venv, project, chosen];
}

function readStart(path: string): string {
  try {
    return readFileSync(path).subarray(0, 2).toString('latin1');
  } catch {
    return '';
  }
}

/** When each folder last had something added or removed. */
const timesOf = (folders: readonly string[]): Json =>
  folders.map(folder => statSync(folder, {throwIfNoEntry: false})?.mtimeMs ?? null);

/** What was learnt of the interpreter, if it is still true. */
export function recallInterpreter(store: PythonStore, identity: Json): Interpreter | undefined {
  const kept = store.recall('interpreter', canonicalJson(identity));
  if (!isJsonObject(kept) || !isJsonObject(kept.interpreter)) return undefined;
  const interpreter = kept.interpreter as unknown as Interpreter;
  return canonicalJson(timesOf(interpreter.sites)) === canonicalJson(kept.times ?? null)
    ? interpreter
    : undefined;
}

export function keepInterpreter(store: PythonStore, identity: Json, interpreter: Interpreter): void {
  const times = timesOf(interpreter.sites);
  store.keep('interpreter', canonicalJson(identity), {interpreter: interpreter as unknown as Json, times});
}

/** Changes whenever something is installed or removed. */
export const installationOf = ({executable, version, sites}: Interpreter): string =>
  canonicalJson([executable, version, [...sites], timesOf(sites)]);
