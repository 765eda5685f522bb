// What the engines of this bench have in common: a project of trivial stages, and the time of a run of it.

import {spawn} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';

export interface Row {
  readonly what: string;
  readonly measured: string;
}

/** `undefined` where the engine's server is not installed. */
export type Measure = (stages: number) => Promise<readonly Row[] | undefined>;

export const cli = resolve(import.meta.dirname, '../../dist/cli.js');

/** A project of so many stages that each write one line; `settings`: its pipe.config.yaml. */
export function writeProject(folder: string, stages: number, settings: string): void {
  mkdirSync(join(folder, 'pipelines'), {recursive: true});
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}\n');
  writeFileSync(join(folder, 'pipe.config.yaml'), settings);
  const values = Array.from({length: stages}, (_, index) => index).join(', ');
  writeFileSync(
    join(folder, 'pipelines/trivial.yaml'),
    `pipeline: trivial
stages:
  stage: {run: 'echo "$n" > "$out_x"', matrix: {n: [${values}]}, out: {x: x}}
`,
  );
}

/** Milliseconds of `pipe run` in a folder, start of the process included. Throws where it does not end well. */
export async function timeRun(folder: string, env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, [cli, 'run', 'trivial'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise(done => child.once('close', done));
  if (code !== 0) throw new Error(`pipe run ended with ${String(code)} in ${folder}`);
  return performance.now() - start;
}

export const perStage = (ms: number, stages: number): string => `${(ms / stages).toFixed(1)} ms a stage`;
