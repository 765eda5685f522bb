// The same synthetic project for every tool: stages in chains of ten, each with ten input files of its own and
// the output of the stage before it. A generator writes the project and says which commands run it.

import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

export interface Shape {
  readonly stages: number;
  readonly filesPerStage: number;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

export interface Tool {
  readonly name: string;
  /** Prints the version; a tool whose command fails is reported as missing. */
  readonly version: Command;
  /** How to install it, for people. */
  readonly install: string;
  readonly write: (folder: string, shape: Shape) => void;
  /** Commands that bring the project to its finished state, in order. */
  readonly build: readonly Command[];
  /** The command whose no-op is timed. */
  readonly run: Command;
}

const CHAIN = 10;

const stageName = (index: number): string => `s${String(index).padStart(5, '0')}`;
const inputFolder = (index: number): string => `in/${stageName(index)}`;
const outputFile = (index: number): string => `out/${stageName(index)}`;
const inputFiles = (index: number, shape: Shape): string[] =>
  Array.from({length: shape.filesPerStage}, (_, file) => `${inputFolder(index)}/${file}.txt`);
const producerOf = (index: number): number | null => (index % CHAIN === 0 ? null : index - 1);
const indices = (shape: Shape): number[] => Array.from({length: shape.stages}, (_, index) => index);

/** The tools make `out/` themselves, so every command only touches its output. */
const touch = (index: number): string => `echo ${index} > ${outputFile(index)}`;

export function writeInputs(folder: string, shape: Shape): void {
  mkdirSync(join(folder, 'out'), {recursive: true});
  for (const index of indices(shape)) {
    if (shape.filesPerStage > 0) mkdirSync(join(folder, inputFolder(index)), {recursive: true});
    for (const file of inputFiles(index, shape)) writeFileSync(join(folder, file), `${file}\n`);
  }
}

const dependenciesOf = (index: number, shape: Shape): string[] => {
  const producer = producerOf(index);
  return [...inputFiles(index, shape), ...(producer === null ? [] : [outputFile(producer)])];
};

export const pipeTool = (cli: string): Tool => ({
  name: 'pipe',
  version: {program: process.execPath, args: [cli, '--version']},
  install: 'npm ci',
  write(folder, shape) {
    const stages = indices(shape).map(index => {
      const producer = producerOf(index);
      return [
        `  ${stageName(index)}:`,
        `    run: echo ${index} > "$out_result"`,
        ...(shape.filesPerStage > 0 ? [`    files: [${inputFiles(index, shape).join(', ')}]`] : []),
        ...(producer === null ? [] : [`    in: {before: ${stageName(producer)}}`]),
        '    out: {result: result}',
      ].join('\n');
    });
    mkdirSync(join(folder, 'pipelines'), {recursive: true});
    writeFileSync(join(folder, 'pipelines/bench.yaml'), `pipeline: bench\nstages:\n${stages.join('\n')}\n`);
  },
  build: [{program: process.execPath, args: [cli, 'run', 'pipelines/bench.yaml']}],
  run: {program: process.execPath, args: [cli, 'run', 'pipelines/bench.yaml']},
});

export const ninja: Tool = {
  name: 'ninja',
  version: {program: 'ninja', args: ['--version']},
  install: 'apt-get install ninja-build',
  write(folder, shape) {
    const edges = indices(shape).map(
      index =>
        `build ${outputFile(index)}: stage ${dependenciesOf(index, shape).join(' ')}\n  index = ${index}`,
    );
    writeFileSync(
      join(folder, 'build.ninja'),
      `rule stage\n  command = echo $index > $out\n${edges.join('\n')}\n`,
    );
  },
  build: [{program: 'ninja', args: []}],
  run: {program: 'ninja', args: []},
};

export const make: Tool = {
  name: 'make',
  version: {program: 'make', args: ['--version']},
  install: 'apt-get install make',
  write(folder, shape) {
    const all = indices(shape).map(outputFile).join(' ');
    const rules = indices(shape).map(
      index => `${outputFile(index)}: ${dependenciesOf(index, shape).join(' ')}\n\t@${touch(index)}`,
    );
    writeFileSync(join(folder, 'Makefile'), `all: ${all}\n${rules.join('\n')}\n`);
  },
  build: [{program: 'make', args: ['-j2']}],
  run: {program: 'make', args: ['-j2']},
};

export const snakemake: Tool = {
  name: 'Snakemake',
  version: {program: 'snakemake', args: ['--version']},
  install: 'pip install snakemake',
  write(folder, shape) {
    const rules = indices(shape).map(index =>
      [
        `rule ${stageName(index)}:`,
        `    input: ${dependenciesOf(index, shape)
          .map(file => `"${file}"`)
          .join(', ')}`,
        `    output: "${outputFile(index)}"`,
        `    shell: "${touch(index)}"`,
      ].join('\n'),
    );
    const all = indices(shape)
      .map(index => `"${outputFile(index)}"`)
      .join(', ');
    writeFileSync(join(folder, 'Snakefile'), `rule all:\n    input: ${all}\n${rules.join('\n')}\n`);
  },
  build: [{program: 'snakemake', args: ['-c2', '--quiet', 'all']}],
  run: {program: 'snakemake', args: ['-c2', '--quiet', 'all']},
};

export const dvc: Tool = {
  name: 'DVC',
  version: {program: 'dvc', args: ['--version']},
  install: 'pip install dvc',
  write(folder, shape) {
    const stages = indices(shape).map(index =>
      [
        `  ${stageName(index)}:`,
        `    cmd: ${touch(index)}`,
        `    deps: [${dependenciesOf(index, shape).join(', ')}]`,
        `    outs: [${outputFile(index)}]`,
      ].join('\n'),
    );
    writeFileSync(join(folder, 'dvc.yaml'), `stages:\n${stages.join('\n')}\n`);
  },
  // Its own `repro` runs stages one at a time; what is timed is the no-op, so the outputs are made and committed at once.
  build: [
    {program: 'dvc', args: ['init', '--no-scm', '-q']},
    {program: 'make', args: ['-j2', '-f', 'Makefile']},
    {program: 'dvc', args: ['commit', '-f', '-q']},
  ],
  run: {program: 'dvc', args: ['repro', '-q']},
};
