// Calls a stage's `run` as the runner would: parameters through the stage's own schema, real files in a
// temporary folder, inputs made from folders.

import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {z} from 'zod';
import type {
  Cell,
  InputArity,
  OutputDeclaration,
  Progress,
  StageDefinition,
  StageInput,
  Study,
} from '../../src/stage/define.ts';

export interface StageRun {
  /** Path of each output by its declared name. */
  readonly files: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number>>;
  readonly log: readonly string[];
  readonly asInput: (cell?: Cell) => StageInput;
}

interface Surroundings {
  readonly inputs?: Readonly<Record<string, StageInput | readonly StageInput[] | undefined>>;
  /** Declared files by their paths in the project. */
  readonly files?: Readonly<Record<string, string>>;
  readonly mirror?: string;
  readonly study?: Study;
  readonly checkpoint?: string;
  readonly platform?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

const temporary: string[] = [];
process.once('exit', () => {
  for (const folder of temporary) rmSync(folder, {recursive: true, force: true});
});

/** A temporary folder that is removed when the test process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-test-'));
  temporary.push(folder);
  return folder;
}

/** Runs a stage; `params` are as a pipeline writes them. */
export async function runStage<
  Schema extends z.ZodObject,
  Inputs extends Readonly<Record<string, InputArity>>,
  Outputs extends Readonly<Record<string, OutputDeclaration>>,
>(
  stage: StageDefinition<Schema, Inputs, Outputs>,
  params: Readonly<Record<string, unknown>>,
  surroundings: Surroundings = {},
): Promise<StageRun> {
  const folder = join(temporaryFolder(), 'out');
  mkdirSync(folder);
  const files: Record<string, string> = {};
  for (const [name, declared] of Object.entries(stage.outputs)) {
    const {kind, name: fileName} = typeof declared === 'string' ? {kind: declared, name} : declared;
    files[name] = join(folder, fileName);
    if (kind === 'folder') mkdirSync(files[name]);
  }
  const metrics: Record<string, number> = {};
  const log: string[] = [];
  await stage.run({
    params: stage.params.parse(params),
    // The rig takes what a test gives: the declared arity is checked by the stage itself, as in a run.
    inputs: (surroundings.inputs ?? {}) as Parameters<typeof stage.run>[0]['inputs'],
    outputs: files as Parameters<typeof stage.run>[0]['outputs'],
    files: surroundings.files ?? {},
    metric: (name, value) => {
      metrics[name] = value;
    },
    progress: surroundings.onProgress ?? (() => {}),
    log: line => {
      log.push(line);
    },
    checkpoint: surroundings.checkpoint,
    device: {choice: 'cpu', gpus: [], computed: () => {}},
    platform: surroundings.platform ?? null,
    cpus: 1,
    mirror: surroundings.mirror,
    ...(surroundings.study && {study: surroundings.study}),
    signal: surroundings.signal ?? new AbortController().signal,
  });
  return {files, metrics, log, asInput: (cell = {}) => ({path: folder, files, metrics, cell})};
}
