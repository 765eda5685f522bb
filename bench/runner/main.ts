// The runner beside ninja, make, Snakemake and DVC, in one run: `npm run bench:runner`.
// Prints a table of medians and ratios and exits 1 where a target is missed (`--no-assert` only prints).

import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {cpus, tmpdir, totalmem} from 'node:os';
import {join, resolve} from 'node:path';
import {parseArgs} from 'node:util';
import {type Contestant, type Medians, race, runCommand} from './measure.ts';
import {dvc, make, ninja, pipeTool, type Shape, snakemake, type Tool, writeInputs} from './projects.ts';

const {values: options} = parseArgs({
  options: {
    assert: {type: 'boolean', default: true},
    json: {type: 'boolean', default: false},
    stages: {type: 'string', default: '1000'},
    rounds: {type: 'string', default: '7'},
  },
  allowNegative: true,
});

const pipe = pipeTool(resolve(import.meta.dirname, '../../dist/cli.js'));
const base = mkdtempSync(join(tmpdir(), 'pipe-bench-'));
const stages = Number(options.stages);
const rounds = Number(options.rounds);
const nodeStart = {program: process.execPath, args: ['-e', '0']};

interface Row {
  readonly what: string;
  readonly measured: string;
  readonly target: string;
  readonly met: boolean;
}
const rows: Row[] = [];
const notes: string[] = [];

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
const ms = (value: number): string =>
  value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(0)} ms`;
const times = (ratio: number): string => `${ratio.toFixed(ratio < 10 ? 2 : 0)}×`;

function versionOf(tool: Tool): string | null {
  try {
    const text = execFileSync(tool.version.program, tool.version.args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text.split('\n')[0]?.trim() ?? '';
  } catch {
    return null;
  }
}

function write(tool: Tool, shape: Shape): string {
  const folder = join(base, `${tool.name}-${shape.stages}-${shape.filesPerStage}`);
  rmSync(folder, {recursive: true, force: true});
  mkdirSync(folder, {recursive: true});
  writeInputs(folder, shape);
  tool.write(folder, shape);
  if (tool === dvc) make.write(folder, shape);
  return folder;
}

async function prepare(tool: Tool, shape: Shape): Promise<string> {
  say(`preparing ${tool.name}: ${shape.stages} stages, ${shape.stages * shape.filesPerStage} files`);
  const folder = write(tool, shape);
  for (const command of tool.build) await runCommand(command, folder);
  return folder;
}

const medianOf = (medians: Medians, name: string): number => medians.get(name)?.ms ?? Number.NaN;

async function noOp(peers: readonly Tool[]): Promise<void> {
  const shape = {stages, filesPerStage: 10};
  const contestants: Contestant[] = [{name: 'node', command: nodeStart, cwd: base, times: rounds}];
  for (const tool of [pipe, ...peers]) {
    const cwd = await prepare(tool, shape);
    const slow = tool === dvc || tool === snakemake;
    contestants.push({name: tool.name, command: tool.run, cwd, times: slow ? Math.min(3, rounds) : rounds});
  }
  const tenfold = await prepare(pipe, {stages: stages * 10, filesPerStage: 10});
  contestants.push({name: 'pipe, tenfold', command: pipe.run, cwd: tenfold, times: Math.min(3, rounds)});
  say('timing no-ops');
  const medians = await race(contestants);
  const own = medianOf(medians, 'pipe') - medianOf(medians, 'node');
  const label = `no-op of ${stages} stages, ${stages * 10} files`;
  rows.push({
    what: `${label}: pipe, after Node's own start`,
    measured: `${ms(own)} (whole: ${ms(medianOf(medians, 'pipe'))}, node -e 0: ${ms(medianOf(medians, 'node'))})`,
    target: 'at most 250 ms',
    met: own <= 250,
  });
  for (const {name} of peers) {
    const ratio = medianOf(medians, name) / medianOf(medians, 'pipe');
    const isGoal = name === 'DVC' || name === 'Snakemake';
    rows.push({
      what: `${label}: ${name} against pipe`,
      measured: `${ms(medianOf(medians, name))}, ${times(ratio)}`,
      target: isGoal ? 'at least 10×' : '–',
      met: !isGoal || ratio >= 10,
    });
  }
  const growth = (medianOf(medians, 'pipe, tenfold') - medianOf(medians, 'node')) / own;
  rows.push({
    what: `no-op of ${stages * 10} stages, ${stages * 100} files, against ${stages}`,
    measured: `${ms(medianOf(medians, 'pipe, tenfold'))}, ${times(growth)}`,
    target: 'at most 12×',
    met: growth <= 12,
  });
  const peak = (medians.get('pipe, tenfold')?.peakBytes ?? 0) / 1e6;
  rows.push({
    what: `memory of the runner at ${stages * 10} stages`,
    measured: `${peak.toFixed(0)} MB`,
    target: 'at most 300 MB',
    met: peak > 0 && peak <= 300,
  });
}

async function trivialStages(peers: readonly Tool[]): Promise<void> {
  const shape = {stages, filesPerStage: 0};
  const reset = (folder: string): void => {
    for (const name of ['cache', 'out', '.ninja_log', '.snakemake'])
      rmSync(join(folder, name), {recursive: true, force: true});
    mkdirSync(join(folder, 'out'));
  };
  say(`timing ${stages} trivial shell stages`);
  const medians = await race(
    [pipe, ...peers].map(tool => {
      const cwd = write(tool, shape);
      return {name: tool.name, command: tool.run, cwd, times: Math.min(5, rounds), before: () => reset(cwd)};
    }),
  );
  for (const {name} of peers) {
    const ratio = medianOf(medians, 'pipe') / medianOf(medians, name);
    rows.push({
      what: `${stages} trivial shell stages: pipe against ${name}`,
      measured: `${ms(medianOf(medians, 'pipe'))} against ${ms(medianOf(medians, name))}, ${times(ratio)}`,
      target: name === 'ninja' ? 'at most 1.5×' : '–',
      met: name !== 'ninja' || ratio <= 1.5,
    });
  }
}

/** One warm worker, so that what is divided is the cost of a stage and not the cost of starting workers. */
async function overheadPerStage(): Promise<void> {
  const folder = join(base, 'overhead');
  const few = 10;
  mkdirSync(join(folder, 'pipelines'), {recursive: true});
  mkdirSync(join(folder, 'stages'));
  writeFileSync(
    join(folder, 'stages/tiny.ts'),
    `import {defineStage, z} from 'pipe-ml/stage';
import {writeFileSync} from 'node:fs';
export default defineStage({
  about: 'Writes its number.',
  params: z.object({index: z.number()}),
  inputs: {},
  outputs: {number: 'file'},
  run({params, outputs}) { writeFileSync(outputs.number, String(params.index)); },
});
`,
  );
  const pipelineOf = (count: number): string =>
    `pipeline: tiny\nstages:\n  tiny:\n    uses: tiny\n    matrix: {index: [${Array.from({length: count}, (_, i) => i).join(', ')}]}\n`;
  writeFileSync(join(folder, 'pipelines/few.yaml'), pipelineOf(few));
  writeFileSync(join(folder, 'pipelines/many.yaml'), pipelineOf(stages));
  mkdirSync(join(folder, 'node_modules'));
  execFileSync('ln', ['-s', resolve(import.meta.dirname, '../..'), join(folder, 'node_modules/pipe')]);
  const command = (file: string): {program: string; args: string[]} => ({
    program: pipe.run.program,
    args: [...pipe.run.args.slice(0, 1), 'run', file, '--jobs', '1'],
  });
  const before = (): void => rmSync(join(folder, 'cache'), {recursive: true, force: true});
  say(`timing ${stages} stages in TypeScript`);
  const medians = await race([
    {name: 'few', command: command('pipelines/few.yaml'), cwd: folder, times: Math.min(5, rounds), before},
    {name: 'many', command: command('pipelines/many.yaml'), cwd: folder, times: Math.min(5, rounds), before},
  ]);
  const each = (medianOf(medians, 'many') - medianOf(medians, 'few')) / (stages - few);
  rows.push({
    what: 'overhead per TypeScript stage in a warm worker',
    measured: `${each.toFixed(2)} ms`,
    target: 'under 3 ms',
    met: each < 3,
  });
}

function print(): void {
  const [cpu] = cpus();
  const machine = `${cpus().length} × ${cpu?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform}, Node ${process.version}`;
  if (options.json) {
    process.stdout.write(`${JSON.stringify({machine, notes, rows}, null, 2)}\n`);
    return;
  }
  const table = [
    ['what', 'measured (medians)', 'target', ''],
    ...rows.map(row => [row.what, row.measured, row.target, row.met ? 'met' : 'MISSED']),
  ];
  const widths = [0, 1, 2, 3].map(column => Math.max(...table.map(cells => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [header = [], ...body] = table;
  const rule = `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`;
  process.stdout.write(`${[line(header), rule, ...body.map(line), '', machine, ...notes].join('\n')}\n`);
}

try {
  const installed = [ninja, make, snakemake, dvc].filter(tool => {
    const version = versionOf(tool);
    notes.push(
      version === null ? `${tool.name}: not installed (${tool.install})` : `${tool.name}: ${version}`,
    );
    return version !== null;
  });
  await noOp(installed);
  await trivialStages(installed.filter(tool => tool === ninja || tool === make));
  await overheadPerStage();
  print();
  if (options.assert && rows.some(({met}) => !met)) {
    say('a target was missed (see the table)');
    process.exitCode = 1;
  }
} finally {
  rmSync(base, {recursive: true, force: true});
}
