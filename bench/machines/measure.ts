// What the engines of this bench have in common: a project of trivial stages, and the time of a run of it.

import {spawn} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';

export interface Row {
  readonly what: string;
  readonly measured: string;
  /** True where a target is missed. */
  readonly isMissed?: boolean;
}

/** `peers`: stages that a slow peer gets. `undefined` where the engine's server is not installed. */
export type Measure = (stages: number, peers: number) => Promise<readonly Row[] | undefined>;

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

/** A study of so many instances of `size` bytes each, and a table of all; `isPublished`: all of it into `results/`. */
export function writeStudy(
  folder: string,
  stages: number,
  size: number,
  settings: string,
  isPublished: boolean,
): void {
  mkdirSync(join(folder, 'pipelines'), {recursive: true});
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}\n');
  writeFileSync(join(folder, 'pipe.config.yaml'), settings);
  const values = Array.from({length: stages}, (_, index) => index).join(', ');
  const publish = isPublished ? ', publish: results/data' : '';
  writeFileSync(
    join(folder, 'pipelines/study.yaml'),
    `pipeline: study
stages:
  data: {run: 'printf "%0${size}d" "$n" > "$out_x"', matrix: {n: [${values}]}, out: {x: x}${publish}}
  table: {run: 'cat "$in_all"/* | wc -c > "$out_t"', in: {all: {each: data.x}}, out: {t: t}, publish: results/table}
`,
  );
}

/** Throws where it does not end well. */
export async function runProgram(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const child = spawn(program, args, {cwd, env, stdio: ['ignore', 'pipe', 'pipe']});
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise(done => child.once('close', done));
  if (code !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${String(code)} in ${cwd}:\n${said}`);
}

export const runPipe = (folder: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> =>
  runProgram(process.execPath, [cli, ...args], folder, env);

/** Milliseconds of `pipe run` in a folder, start of the process included. Throws where it does not end well. */
export async function timeRun(folder: string, env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const start = performance.now();
  await runPipe(folder, ['run', 'trivial'], env);
  return performance.now() - start;
}

export const perStage = (ms: number, stages: number): string => `${(ms / stages).toFixed(1)} ms a stage`;
