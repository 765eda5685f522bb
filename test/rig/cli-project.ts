// A project in a temporary folder and the real command line on it: `dist/cli.js` in processes of their own.

import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import {createInterface} from 'node:readline';
import {CliRun, eventsOf} from './cli-run.ts';

export const packageRoot = resolve(import.meta.dirname, '../..');
export const cli = join(packageRoot, 'dist', 'cli.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly ended: Promise<Ended>;
  /** What was written so far, both streams as they came. */
  readonly text: () => string;
  /** Resolves as soon as `pattern` is in what was written. */
  until(pattern: RegExp): Promise<void>;
  interrupt(): void;
  kill(signal: NodeJS.Signals): void;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Relative to the project. */
  readonly in?: string;
  /** Each line of standard output, with the process that said it. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
}

export class CliProject implements Disposable {
  readonly folder: string;

  /** `pipeline`: the text of `pipelines/study.yaml`. */
  constructor(pipeline?: string) {
    if (!existsSync(cli)) throw new Error('expected dist/cli.js: run `npm run build` first');
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-cli-')));
    this.write('package.json', '{"type": "module"}\n');
    if (pipeline !== undefined) this.write('pipelines/study.yaml', pipeline);
  }

  path(path: string): string {
    return join(this.folder, path);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(this.path(path)), {recursive: true});
    writeFileSync(this.path(path), text);
  }

  /** Replaces `before` in a file. */
  edit(path: string, before: string, after: string): void {
    if (!this.read(path).includes(before)) throw new Error(`expected '${before}' in ${path}`);
    this.write(path, this.read(path).replace(before, after));
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  /** Colourless unless `env` says otherwise. */
  start(args: readonly string[], options: StartOptions = {}): Started {
    const {FORCE_COLOR: _, CI: _ci, ...inherited} = process.env;
    const child = spawn(process.execPath, [cli, ...args], {
      cwd: this.path(options.in ?? '.'),
      env: {...inherited, ...options.env},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [text, stdout, stderr] = ['', '', ''];
    const waiting = new Set<() => void>();
    const take = (chunk: string): void => {
      text += chunk;
      for (const look of waiting) look();
    };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      take(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
      take(chunk);
    });
    const {onLine} = options;
    if (onLine !== undefined) createInterface(child.stdout).on('line', line => onLine(line, child));
    const ended = new Promise<Ended>((done, failed) => {
      child.once('error', failed);
      child.once('close', (code, signal) => done({code, signal, stdout, stderr}));
    });
    return {
      ended,
      text: () => text,
      interrupt: () => void child.kill('SIGINT'),
      kill: signal => void child.kill(signal),
      async until(pattern) {
        const seen = new Promise<void>(done => {
          const look = (): void => {
            if (!pattern.test(text)) return;
            waiting.delete(look);
            done();
          };
          waiting.add(look);
          look();
        });
        const end = ended.then(() => {
          if (!pattern.test(text)) throw new Error(`ended without ${pattern}:\n${text}`);
        });
        await Promise.race([seen, end]);
      },
    };
  }

  pipe(...args: readonly string[]): Promise<Ended> {
    return this.start(args).ended;
  }

  /** A command that must end with `code`; answers its standard output. */
  async expect(code: number, ...args: readonly string[]): Promise<string> {
    const ended = await this.pipe(...args);
    if (ended.code !== code) {
      throw new Error(`pipe ${args.join(' ')} ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`);
    }
    return ended.stdout;
  }

  /** Runs a pipeline with `--json`; fails unless it succeeds. */
  async execute(file: string, ...options: readonly string[]): Promise<CliRun> {
    return new CliRun(eventsOf(await this.expect(0, 'run', file, '--json', ...options)));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, {recursive: true, force: true});
  }
}
