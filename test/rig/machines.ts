// Other machines for tests: processes in a process table and mounts of their own, in which folders that the test hides
// are empty. Killing the first process of one is a power cut. Where the rights for that lack, plain processes.

import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {mkdtempSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {cli} from './cli-project.ts';

/** What takes a command into a machine of its own. */
const NAMESPACES = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];

let known: boolean | undefined;
export function canIsolate(): boolean {
  if (known !== undefined) return known;
  try {
    execFileSync('unshare', [...NAMESPACES, 'true'], {stdio: 'ignore'});
    known = true;
  } catch {
    known = false;
  }
  return known;
}

/**
 * The first process of a machine: puts another processor in the place of its own, hides the folders of its first arguments, up to `--`, runs the rest, hands TERM on,
 * and collects those whose parents are gone.
 */
const INSIDE = `if test -n "$CPUINFO"; then mount --bind "$CPUINFO" /proc/cpuinfo; fi
while [ "$1" != -- ]; do mount -t tmpfs none "$1"; shift; done
shift; cd "$1"; shift; "$@" & child=$!; trap 'kill -TERM $child' TERM
while kill -0 $child 2>/dev/null; do wait $child; done`;

export interface MachineOptions {
  /** Folders that are not there, absolute. */
  readonly hidden?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What the processor can do, in the kernel's words, instead of what it can. */
  readonly flags?: string;
  /** Another build of `pipe`. */
  readonly cli?: string;
}

/** A machine that runs `pipe worker`, with a folder of its own. */
export class WorkerMachine implements AsyncDisposable {
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-machine-')));
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  #text = '';
  #look = (): void => {};

  constructor(url: string, args: readonly string[] = [], options: MachineOptions = {}) {
    const {hidden = [], env = {}, cli: program = cli, flags} = options;
    const cpuinfo = join(this.#folder, 'cpuinfo');
    if (flags !== undefined) writeFileSync(cpuinfo, `flags\t\t: ${flags}\n`);
    const command = [
      process.execPath,
      program,
      'worker',
      url,
      '--folder',
      join(this.#folder, 'store'),
      ...args,
    ];
    const [first = '', ...rest] = canIsolate()
      ? ['unshare', ...NAMESPACES, 'sh', '-c', INSIDE, 'sh', ...hidden, '--', this.#folder, ...command]
      : command;
    const {PATH = ''} = process.env;
    this.#child = spawn(first, rest, {
      cwd: this.#folder,
      env: {PATH, HOME: this.#folder, CPUINFO: flags === undefined ? '' : cpuinfo, ...env},
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#gone = new Promise(resolve => this.#child.once('close', () => resolve()));
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#text += chunk;
      this.#look();
    });
  }

  get text(): string {
    return this.#text;
  }

  async until(pattern: RegExp): Promise<void> {
    const seen = new Promise<void>(resolve => {
      this.#look = () => {
        if (pattern.test(this.#text)) resolve();
      };
      this.#look();
    });
    const ended = this.#gone.then(() => {
      if (!pattern.test(this.#text)) throw new Error(`ended without ${pattern}:\n${this.#text}`);
    });
    await Promise.race([seen, ended]);
  }

  /** Of all blobs that it has. */
  keptBytes(): number {
    const entries = readdirSync(join(this.#folder, 'store'), {recursive: true, withFileTypes: true});
    return entries
      .filter(entry => entry.isFile() && entry.parentPath.includes('/blobs/'))
      .reduce(
        (sum, {parentPath, name}) =>
          sum + (statSync(join(parentPath, name), {throwIfNoEntry: false})?.size ?? 0),
        0,
      );
  }

  /** Asks it to leave: it puts back what it has. */
  async leave(): Promise<void> {
    // The first process of the machine is no child of this one: the one in front of it hands nothing on.
    const inside = canIsolate() ? childOf(this.#child.pid) : this.#child.pid;
    if (inside !== undefined) process.kill(inside, 'SIGTERM');
    await this.#gone;
  }

  /** Its power is cut. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
    rmSync(this.#folder, {recursive: true, force: true});
  }
}

function childOf(pid: number | undefined): number | undefined {
  const out = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], {encoding: 'utf8'}).trim();
  return out === '' ? undefined : Number(out.split('\n')[0]);
}
