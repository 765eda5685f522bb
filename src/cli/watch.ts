// `pipe run --watch`: runs again whenever a file changes that the results depend on, until it is interrupted. A mistake
// is shown and waited out: any file of the project may be the one that mends it.

import {relative, sep} from 'node:path';
import {watch as watchFiles} from 'chokidar';
import {paletteOf} from '../report/palette.ts';
import {EXIT, type ExitCode} from './exit.ts';
import {openPipeline, type Pipeline} from './pipeline.ts';
import {type OpenRunner, openRunner} from './pipeline-runner.ts';
import {reportError} from './report-error.ts';
import type {Invocation, Options, Shell} from './shell.ts';
import {type IsWatched, watchedFiles} from './watched-files.ts';

/** Editors write a file in several steps; what comes within this time is one change. Milliseconds. */
const SETTLE_MS = 150;

/** Runs one plan from its selection to its tables; what `pipe run` does once. */
type RunOnce = (shell: Shell, pipeline: Pipeline, runner: OpenRunner, options: Options) => Promise<ExitCode>;

export async function watch(
  shell: Shell,
  {args, options}: Invocation,
  first: Pipeline,
  runOnce: RunOnce,
): Promise<ExitCode> {
  const {outside} = shell;
  const {project} = first.workspace;
  const palette = paletteOf(outside.stderr.colors);
  const say = (text: string): void => outside.stderr.screen.write(`${palette.dim(text)}\n`);
  const changes = new Changes();
  let isWatched: IsWatched = () => true;
  const published = first.plan.instances.flatMap(({publish}) => (publish === null ? [] : [publish]));
  const isIgnored = (path: string): boolean => {
    const parts = relative(project, path).split(sep);
    const [top = ''] = parts;
    if (top === 'cache' || parts.includes('node_modules') || parts.includes('.git')) return true;
    const shown = parts.join('/');
    return shown.endsWith('.lock.json') || published.some(to => shown === to || shown.startsWith(`${to}/`));
  };
  const watcher = watchFiles(project, {
    ignored: isIgnored,
    ignoreInitial: true,
    awaitWriteFinish: {stabilityThreshold: SETTLE_MS, pollInterval: 50},
  });
  watcher.on('all', (event, path) => {
    const shown = relative(project, path).split(sep).join('/');
    if (isWatched(shown, event === 'add')) changes.add(shown);
  });
  const release = outside.onInterrupt(() => changes.stop());
  let pipeline: Pipeline | undefined = first;
  try {
    for (;;) {
      try {
        isWatched = () => true;
        pipeline ??= await openPipeline(shell, args, options);
        isWatched = await watchedFiles(pipeline);
        const runner = await openRunner(shell, pipeline, options);
        try {
          const code = await runOnce(shell, pipeline, runner, options);
          if (code === EXIT.interrupted) return code;
        } finally {
          await runner.close();
        }
      } catch (error) {
        if ((await reportError(error, shell)) === EXIT.bug) return EXIT.bug;
      }
      say('waiting for changes; Ctrl-C ends');
      const changed = await changes.next();
      if (changed === undefined) return EXIT.ok;
      say(`\n${changed.join(', ')} changed`);
      pipeline = undefined;
    }
  } finally {
    release();
    await watcher.close();
  }
}

/** Paths that changed since they were last asked for; whoever asks waits for the first one, or for the end. */
class Changes {
  readonly #paths = new Set<string>();
  #isStopped = false;
  #wake: () => void = () => {};

  add(path: string): void {
    this.#paths.add(path);
    this.#wake();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  /** `undefined` once stopped. */
  async next(): Promise<readonly string[] | undefined> {
    if (!this.#isStopped && this.#paths.size === 0) {
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
    if (this.#isStopped) return undefined;
    const paths = [...this.#paths];
    this.#paths.clear();
    return paths;
  }
}
