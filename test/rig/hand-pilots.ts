// Pilots started by hand instead of by a scheduler: processes of their own in empty folders, which know the post office
// and the shared store and nothing of the project.

import {type ChildProcess, spawn} from 'node:child_process';
import {mkdtempSync, realpathSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {PilotStarter} from '../../src/exec/fleet/fleet-executor.ts';
import {cli} from './cli-project.ts';

export class HandPilots implements PilotStarter {
  readonly name = 'hand';
  readonly #post: string;
  readonly #store: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-pilots-')));
  readonly #pilots = new Map<string, ChildProcess>();
  #made = 0;

  constructor(post: string, store: string, env: Readonly<Record<string, string>> = {}) {
    this.#post = post;
    this.#store = store;
    this.#env = env;
  }

  shapeOf(): string {
    return 'any';
  }

  async supply(waiting: ReadonlyMap<string, number>): Promise<void> {
    const jobs = [...waiting.values()].reduce((sum, count) => sum + count, 0);
    for (let lacking = Math.min(jobs, 4 - this.#pilots.size); lacking > 0; lacking--) this.start();
  }

  /** Starts one pilot; answers its process. */
  start(): ChildProcess {
    const name = `p${this.#made++}`;
    const args = ['pilot', this.#post, '--shape', 'any', '--name', name, '--idle', '30', '--jobs', '2'];
    const {PATH = ''} = process.env;
    const child = spawn(process.execPath, [cli, ...args, '--store', join(this.#folder, name)], {
      cwd: this.#folder,
      env: {PATH, PIPE_STORE: this.#store, ...this.#env},
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    this.#pilots.set(name, child);
    child.once('exit', () => this.#pilots.delete(name));
    return child;
  }

  get pilots(): readonly ChildProcess[] {
    return [...this.#pilots.values()];
  }

  async leave(): Promise<void> {
    const gone = this.pilots.map(pilot => new Promise(resolve => pilot.once('exit', resolve)));
    for (const pilot of this.pilots) pilot.kill('SIGKILL');
    await Promise.all(gone);
    rmSync(this.#folder, {recursive: true, force: true});
  }

  takeNotices(): readonly string[] {
    return [];
  }
}
