// A project in a temporary folder and the built command line, run as a user runs it: `node dist/cli.js …`.

import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {createInterface} from 'node:readline';
import type {RunEvent} from '../../src/run/event.ts';

const cli = join(import.meta.dirname, '../../dist/cli.js');

export interface Said {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class CliRig implements Disposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-cli-')));

  constructor() {
    if (!existsSync(cli)) throw new Error('expected dist/cli.js: run `npm run build` first');
    this.write('package.json', '{"private": true, "type": "module"}\n');
  }

  path(path: string): string {
    return join(this.folder, path);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(this.path(path)), {recursive: true});
    writeFileSync(this.path(path), text);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  /** Replaces `before` in a file, which must be there exactly once. */
  edit(path: string, before: string, after: string): void {
    const parts = this.read(path).split(before);
    if (parts.length !== 2) throw new Error(`expected '${before}' once in ${path}`);
    this.write(path, parts.join(after));
  }

  /** Runs a command to its end. `onLine`: each line of standard output, with the process that said it. */
  async pipe(args: readonly string[], onLine?: (line: string, child: ChildProcess) => void): Promise<Said> {
    const child = spawn(process.execPath, [cli, ...args], {
      cwd: this.folder,
      env: {...process.env, NO_COLOR: '1', CI: '1'},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    createInterface(child.stdout).on('line', line => {
      stdout += `${line}\n`;
      onLine?.(line, child);
    });
    child.stderr.on('data', chunk => {
      stderr += String(chunk);
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({code, signal, stdout, stderr}));
    });
  }

  /** Runs a pipeline with `--json`; fails unless it succeeds. */
  async run(file: string, ...options: readonly string[]): Promise<CliRun> {
    const said = await this.pipe(['run', file, '--json', ...options]);
    if (said.code !== 0) throw new Error(`exit ${said.code}\n${said.stdout}\n${said.stderr}`);
    return new CliRun(eventsOf(said.stdout));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, {recursive: true, force: true});
  }
}

export class CliRun {
  readonly events: readonly RunEvent[];

  constructor(events: readonly RunEvent[]) {
    this.events = events;
  }

  /** Ids of what was executed, sorted. */
  get ran(): string[] {
    return this.#ended('executed');
  }

  get cached(): string[] {
    return this.#ended('cached');
  }

  /** `instance.output` → digest, and `instance` → metrics. */
  digests(): Record<string, string> {
    const digests: Record<string, string> = {};
    for (const event of this.events) {
      if (event.type !== 'finished' || !('result' in event.outcome)) continue;
      const {outputs, metrics} = event.outcome.result;
      for (const [name, {digest}] of Object.entries(outputs)) digests[`${event.id}.${name}`] = digest;
      digests[event.id] = JSON.stringify(metrics);
    }
    return digests;
  }

  #ended(status: string): string[] {
    return this.events
      .flatMap(event => (event.type === 'finished' && event.outcome.status === status ? [event.id] : []))
      .sort();
  }
}

export const eventsOf = (stdout: string): RunEvent[] =>
  stdout
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as RunEvent);
