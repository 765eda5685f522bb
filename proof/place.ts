// A folder with a project in it that `pipe` works on, as often as one likes from the same state, at the same path.

import {spawn} from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {runProgram} from '../src/cli/program.ts';
import {reportError} from '../src/cli/report-error.ts';
import {surroundingsOf} from '../src/cli/surroundings.ts';
import {byCodeUnit} from '../src/core/json.ts';
import {namesIn} from '../src/host/atomic-file.ts';
import {type Call, type Orders, preloadEnvironment, readCalls} from './preload.ts';
import {COPIES, copyProject, LOCK, PUBLISHED, REMARK} from './study.ts';

const PACKAGE = join(import.meta.dirname, '..');
export const CLI = join(PACKAGE, 'dist', 'cli.js');
/** No command here takes a second on a machine at rest: what takes that long hangs. Milliseconds. */
const HANGS_AFTER = 180_000;

export interface Said {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | 'hang' | null;
  readonly text: string;
}

/** The state of a project in which a command begins, and what it has to come to again. */
export interface Calm {
  readonly published: string;
  readonly lock: string;
}

export class Place implements Disposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-proof-')));
  readonly project = join(this.folder, 'project');
  /** Where scratch stores and the like are made. */
  readonly temporary = join(this.folder, 'tmp');
  readonly log = join(this.folder, 'calls');
  readonly #template = join(this.folder, 'template');
  readonly #library: string;

  constructor(library: string) {
    this.#library = library;
    mkdirSync(this.project);
    mkdirSync(this.temporary);
  }

  /** From now on the project begins as it is now. */
  keep(): void {
    rmSync(this.#template, {recursive: true, force: true});
    copyProject(this.project, this.#template);
  }

  reset(): void {
    rmSync(this.project, {recursive: true, force: true});
    rmSync(this.temporary, {recursive: true, force: true});
    rmSync(this.log, {force: true});
    copyProject(this.#template, this.project);
    mkdirSync(this.temporary);
  }

  /** Runs a command, with orders to the library where there are any. */
  pipe(args: readonly string[], orders?: Omit<Orders, 'roots' | 'log'>): Promise<Said> {
    const given =
      orders === undefined
        ? {}
        : preloadEnvironment(this.#library, {
            ...orders,
            roots: [this.project, this.temporary],
            log: this.log,
          });
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd: this.project,
      env: {PATH: process.env.PATH ?? '', TMPDIR: this.temporary, NO_COLOR: '1', PIPE_DEBUG: '1', ...given},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        text += String(chunk);
      });
    }
    return new Promise((resolve, reject) => {
      let isHung = false;
      const hang = setTimeout(() => {
        isHung = true;
        child.kill('SIGKILL');
      }, HANGS_AFTER);
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(hang);
        resolve({code, signal: isHung ? 'hang' : signal, text});
      });
    });
  }

  /** Throws unless the command ends well. */
  async must(...args: string[]): Promise<string> {
    const said = await this.pipe(args);
    if (said.code !== 0) throw new Error(`pipe ${args.join(' ')}: ${said.code ?? said.signal}\n${said.text}`);
    return said.text;
  }

  /**
   * A command in this very process, which is a fraction of the cost of another one: for those that only look and clean up
   * after what died.
   */
  async inside(...argv: string[]): Promise<Said> {
    let text = '';
    const own = surroundingsOf(process);
    const screen = {...own.stdout.screen, write: (more: string) => void (text += more)};
    const output = {isTerminal: false, colors: 0, screen} as const;
    const outside = {
      ...own,
      cwd: this.project,
      stdout: output,
      stderr: output,
      env: {...own.env, PIPE_DEBUG: '1'},
    };
    const shell = {outside, version: '0', packageRoot: PACKAGE, argv};
    const {TMPDIR} = process.env;
    process.env.TMPDIR = this.temporary;
    try {
      const code = await runProgram(shell).catch((error: unknown) => reportError(error, shell));
      return {code, signal: null, text};
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
    }
  }

  calls(): readonly Call[] {
    return readCalls(this.log);
  }

  /** What a healed project has to be equal to. */
  calm(): Calm {
    return {
      published: [...PUBLISHED, ...COPIES].map(path => this.#read(path) ?? 'absent').join('\0'),
      lock: this.#read(LOCK) ?? '',
    };
  }

  /** What stands at each of some paths. */
  versionsOf(paths: readonly string[]): ReadonlyMap<string, string | undefined> {
    return new Map(paths.map(path => [path, this.#read(path)]));
  }

  #read(path: string): string | undefined {
    const absolute = join(this.project, path);
    return existsSync(absolute) ? readFileSync(absolute, 'utf8') : undefined;
  }

  /** What is wrong with what the user wrote, once `files` (path → text) were theirs. */
  lost(files: ReadonlyMap<string, string>): readonly string[] {
    return [...files].flatMap(([path, text]) =>
      this.#read(path) === text ? [] : [`${path} is not as it was`],
    );
  }

  /** Whether the user's remark is still somewhere, published or set aside. */
  hasRemark(): boolean {
    const places = [
      ...PUBLISHED,
      ...namesIn(join(this.project, 'cache/quarantine')).map(name => `cache/quarantine/${name}`),
    ];
    return places.some(
      path =>
        lstatSync(join(this.project, path), {throwIfNoEntry: false})?.isFile() &&
        this.#read(path)?.includes(REMARK),
    );
  }

  /** What a process had begun and not finished: none of it outlives the next call. */
  unfinished(): readonly string[] {
    const found: string[] = [];
    for (const name of ['tmp', 'sandboxes', 'running']) {
      found.push(...namesIn(join(this.project, 'cache', name)).map(each => `cache/${name}/${each}`));
    }
    for (const path of readdirSync(this.project, {recursive: true, encoding: 'utf8'})) {
      if (/(?:^|\/)\.pipe-[^/]*\.tmp$/.test(path)) found.push(path);
    }
    found.push(...namesIn(this.temporary).map(name => `TMPDIR/${name}`));
    return found.sort(byCodeUnit);
  }

  /** Whatever should not be there once all has ended and a sweep has been. */
  leftovers(): readonly string[] {
    const claims = namesIn(join(this.project, 'cache/claims')).map(name => `cache/claims/${name}`);
    const aside = readdirSync(this.project, {recursive: true, encoding: 'utf8'}).filter(path =>
      path.includes('.aside'),
    );
    return [...this.unfinished(), ...claims, ...aside].sort(byCodeUnit);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, {recursive: true, force: true});
  }
}
