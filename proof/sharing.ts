// Several runners on one store: nothing is made twice, whatever their process namespaces and clocks are; and of a runner that is
// stopped for longer than anybody waits, nothing counts but what the one made that took over.

import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {CLI} from './place.ts';
import {preloadEnvironment} from './preload.ts';

/** How four runners differ. */
export const MIXES = ['alike', 'namespaces', 'clocks'] as const;
export type Mix = (typeof MIXES)[number];

/** Seconds by which the clocks of four runners are ahead. */
const CLOCKS = [0, 300, -300, 86_400];

/** What starts a command in a process namespace of its own, as a container has it; `undefined` where that is not allowed. */
export function findUnshare(): readonly string[] | undefined {
  for (const flags of [
    ['-pf', '--mount-proc', '--kill-child'],
    ['-Urpf', '--mount-proc', '--kill-child'],
  ]) {
    if (spawnSync('unshare', [...flags, 'true']).status === 0) return ['unshare', ...flags];
  }
  return undefined;
}

interface Runner {
  readonly child: ChildProcess;
  readonly ended: Promise<{readonly code: number | null; readonly text: string}>;
}

/** A project whose stages say, outside of the store, that they ran. */
class SharedProject implements Disposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-proof-')));
  readonly project = join(this.folder, 'project');
  readonly made = join(this.folder, 'made');

  constructor(pipeline: string) {
    mkdirSync(join(this.project, 'pipelines'), {recursive: true});
    writeFileSync(
      join(this.project, 'pipelines/study.yaml'),
      pipeline.replaceAll('MADE', this.made).replaceAll('GO', this.go),
    );
  }

  get go(): string {
    return join(this.folder, 'go');
  }

  get history(): readonly string[] {
    return existsSync(this.made) ? readFileSync(this.made, 'utf8').trim().split('\n') : [];
  }

  start(within: readonly string[], env: Readonly<Record<string, string>>): Runner {
    const [program = '', ...args] = [...within, process.execPath, CLI, 'run'];
    const child = spawn(program, args, {
      cwd: this.project,
      env: {PATH: process.env.PATH ?? '', NO_COLOR: '1', ...env},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        text += String(chunk);
      });
    }
    const ended = new Promise<{code: number | null; text: string}>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', code => resolve({code, text}));
    });
    return {child, ended};
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, {recursive: true, force: true});
  }
}

const shortStages = (count: number): string =>
  [
    'pipeline: study',
    'stages:',
    ...Array.from(
      {length: count},
      (_, n) => `  s${n}: {run: 'echo s${n} >> MADE; echo ${n} > "$out_x"', out: {x: x}}`,
    ),
    '',
  ].join('\n');

/** Four runners at once on `stages` short stages: what went wrong, and how many results were made twice. */
export async function shareOnce(
  mix: Mix,
  stages: number,
  library: string,
): Promise<{readonly twice: number; readonly wrong: readonly string[]}> {
  using shared = new SharedProject(shortStages(stages));
  const unshare = mix === 'namespaces' ? (findUnshare() ?? []) : [];
  const runners = CLOCKS.map((ahead, index) =>
    shared.start(
      index % 2 === 0 ? [] : unshare,
      mix === 'clocks' ? preloadEnvironment(library, {roots: [], ahead}) : {},
    ),
  );
  const wrong: string[] = [];
  for (const {ended} of runners) {
    const {code, text} = await ended;
    if (code !== 0) wrong.push(`a runner ended with ${code}: ${text}`);
  }
  const twice = shared.history.length - new Set(shared.history).size;
  if (new Set(shared.history).size !== stages)
    wrong.push(`${new Set(shared.history).size} of ${stages} were made`);
  return {twice, wrong};
}

/**
 * A runner in a container is stopped (a lid that is closed, a machine that is paused) with its stage; another one takes over;
 * then the first goes on. Takes more than a minute.
 */
export async function stopAndTakeOver(): Promise<readonly string[]> {
  using shared = new SharedProject(`pipeline: study
stages:
  long:
    run: 'echo begun >> MADE; echo step >> "$checkpoint/steps"; while [ ! -e GO ]; do sleep 0.1; done; cat "$checkpoint/steps" > "$out_x"'
    out: {x: x}
    checkpoint: true
    publish: results
`);
  const unshare = findUnshare();
  if (unshare === undefined) return [];
  const wrong: string[] = [];
  const first = shared.start(unshare, {});
  await until(() => shared.history.length === 1);
  const stopped = signalTree(first.child.pid ?? 0, 'SIGSTOP');
  const second = shared.start([], {});
  await until(() => shared.history.length === 2);
  writeFileSync(shared.go, '');
  const took = await second.ended;
  if (took.code !== 0) wrong.push(`the one that took over ended with ${took.code}: ${took.text}`);
  const published = readFileSync(join(shared.project, 'results/x'), 'utf8');
  for (const pid of stopped) process.kill(pid, 'SIGCONT');
  const woken = await first.ended;
  if (woken.code !== 0) wrong.push(`the one that was stopped ended with ${woken.code}: ${woken.text}`);
  if (!woken.text.includes('taken over')) wrong.push(`it does not say that it was taken over: ${woken.text}`);
  if (readFileSync(join(shared.project, 'results/x'), 'utf8') !== published)
    wrong.push('what is published has changed');
  return wrong;
}

/** Sends a signal to a process and all below it; answers which they were. */
function signalTree(root: number, signal: NodeJS.Signals): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has ended.
    }
  }
  const tree = [root];
  for (let at = 0; at < tree.length; at++) {
    for (const [pid, parent] of parents) if (parent === tree[at]) tree.push(pid);
  }
  for (const pid of tree) process.kill(pid, signal);
  return tree;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let left = 6_000; !isSo(); left--) {
    if (left === 0) throw new Error('waited for ten minutes in vain');
    await setTimeout(100);
  }
}
