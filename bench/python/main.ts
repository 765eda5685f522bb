// `npm run bench:python`: grids of Python cells that import NumPy and PyTorch, against Snakemake, DVC and plain xargs; the
// code digest of a stage with 300 modules; a no-op of 1,000 Python instances beside 1,000 in TypeScript. It prepares a
// Python with the peers by itself; what cannot be had is left out, and said. Prints medians. `--quick` is small, so that
// starting up outweighs the cells; `--only digest,noop,numpy,torch` runs a part.

import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import {type Contestant, race} from '../runner/measure.ts';
import type {Command} from '../runner/projects.ts';
import {preparePeers} from './peers.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-bench-python-')));
const isQuick = process.argv.includes('--quick');
const only = process.argv[process.argv.indexOf('--only') + 1]?.split(',') ?? [];
const isWanted = (part: string): boolean => !process.argv.includes('--only') || only.includes(part);

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), {recursive: true});
  writeFileSync(join(folder, path), text);
};

if (!existsSync(join(root, 'dist/cli.js')))
  throw new Error('expected dist/cli.js: run `npm run build` first');
const peers = preparePeers(root);
// Every contestant inherits it.
Object.assign(process.env, peers.env);

const pipe = (...args: readonly string[]): Command => ({
  program: process.execPath,
  args: [join(root, 'dist/cli.js'), ...args],
});

interface Grid {
  readonly module: string;
  readonly cells: number;
  readonly work: string;
  /** How many times as fast as the fastest peer. */
  readonly target: number;
}

const GRIDS: readonly Grid[] = [
  {module: 'numpy', cells: isQuick ? 8 : 200, work: 'float(numpy.arange(1000.0).sum() + cell)', target: 5},
  {module: 'torch', cells: isQuick ? 4 : 50, work: 'float(torch.arange(1000.0).sum() + cell)', target: 10},
];

function writeGrid({module, cells, work}: Grid): void {
  const list = Array.from({length: cells}, (_, cell) => cell);
  write(
    `${module}/stages/cell.py`,
    `import ${module}\nfrom pipe_stage import File, Run, stage\n\n@stage(outputs={"x": File("x.txt")})\n` +
      `def cell_(*, cell: int, run: Run):\n    run.out("x").write_text(str(${work}))\n`,
  );
  write(
    `${module}/pipelines/grid.yaml`,
    `pipeline: grid\nstages:\n  cell:\n    uses: cell\n    matrix: {cell: [${list}]}\n`,
  );
  write(
    `${module}/cell.py`,
    `import sys\nimport ${module}\ncell = int(sys.argv[1])\nopen(f"out-{cell}.txt", "w").write(str(${work}))\n`,
  );
  write(
    `${module}/Snakefile`,
    `rule all:\n    input: expand("out-{c}.txt", c=range(${cells}))\nrule cell:\n    output: "out-{c}.txt"\n    shell: "python3 cell.py {wildcards.c}"\n`,
  );
  write(
    `${module}/dvc.yaml`,
    `stages:\n  cell:\n    matrix: {c: [${list}]}\n    cmd: python3 cell.py \${item.c}\n    deps: [cell.py]\n    outs: ["out-\${item.c}.txt"]\n`,
  );
}

async function raceGrid(grid: Grid): Promise<boolean> {
  const {module, cells, target} = grid;
  if (!peers.has(module)) {
    console.log(`${module} is not here: left out`);
    return true;
  }
  writeGrid(grid);
  const cwd = join(folder, module);
  const clear = (): void => {
    for (let cell = 0; cell < cells; cell++) rmSync(join(cwd, `out-${cell}.txt`), {force: true});
    for (const each of ['cache', '.snakemake', '.dvc', 'dvc.lock', '.git'])
      rmSync(join(cwd, each), {recursive: true, force: true});
  };
  const contestants: Contestant[] = [
    {name: 'pipe', command: pipe('run', 'grid', '--jobs', '2'), cwd, times: 3, before: clear},
    {
      name: 'xargs -P2 python3',
      command: {program: 'sh', args: ['-c', `seq 0 ${cells - 1} | xargs -P2 -I{} python3 cell.py {}`]},
      cwd,
      times: 1,
      before: clear,
    },
  ];
  if (peers.has('snakemake')) {
    contestants.push({
      name: 'Snakemake',
      command: {program: 'snakemake', args: ['-c2', '--quiet', 'all']},
      cwd,
      times: 1,
      before: clear,
    });
  }
  if (peers.has('dvc')) {
    const before = (): void => {
      clear();
      execFileSync('dvc', ['init', '--no-scm', '-q'], {cwd});
    };
    contestants.push({name: 'DVC', command: {program: 'dvc', args: ['repro', '-q']}, cwd, times: 1, before});
  }
  const medians = await race(contestants);
  const own = medians.get('pipe')?.ms ?? Number.NaN;
  const others = [...medians].filter(([name]) => name !== 'pipe');
  console.log(`\n${cells} cells that import ${module}`);
  for (const [name, {ms}] of medians)
    console.log(`  ${name.padEnd(20)} ${(ms / 1000).toFixed(2)} s  ${(ms / own).toFixed(1)}×`);
  const ratio = Math.min(...others.map(([, {ms}]) => ms)) / own;
  console.log(
    `  the fastest peer takes ${ratio.toFixed(1)} times as long; asked for ${target}: ${ratio >= target ? 'met' : 'missed'}`,
  );
  return ratio >= target;
}

/** A stage with 300 modules, each of which imports the next: a plan of it, after the same plan without modules. */
async function raceDigest(): Promise<boolean> {
  for (const [name, count] of [
    ['none', 0],
    ['many', 300],
  ] as const) {
    const first = count > 0 ? 'import lib.m0\n' : '';
    write(`${name}/stages/one.py`, `${first}from pipe_stage import stage\n\n@stage\ndef one():\n    pass\n`);
    write(`${name}/pipelines/one.yaml`, 'pipeline: one\nstages:\n  one: {uses: one}\n');
    const body =
      'def f(a, b=1):\n    total = [x * b for x in range(a) if x % 3]\n    return {"sum": sum(total), "n": len(total)}\n'.repeat(
        30,
      );
    for (let index = 0; index < count; index++)
      write(`${name}/lib/m${index}.py`, `${index + 1 < count ? `import lib.m${index + 1}\n` : ''}${body}`);
  }
  const command: Command = {
    program: 'sh',
    args: ['-c', `"${process.execPath}" "${join(root, 'dist/cli.js')}" plan one >/dev/null; true`],
  };
  const times = isQuick ? 1 : 5;
  const cold = (name: string): Contestant => ({
    name: `${name}, cold`,
    command,
    cwd: join(folder, name),
    times,
    before: () => rmSync(join(folder, name, 'cache'), {recursive: true, force: true}),
  });
  const warm = (name: string): Contestant => ({
    name: `${name}, warm`,
    command,
    cwd: join(folder, name),
    times,
  });
  const medians = new Map([
    ...(await race([cold('none'), cold('many')])),
    ...(await race([warm('none'), warm('many')])),
  ]);
  const of = (name: string): number => medians.get(name)?.ms ?? Number.NaN;
  const coldMs = of('many, cold') - of('none, cold');
  const warmMs = of('many, warm') - of('none, warm');
  console.log(
    `\ndigest of 300 modules of 91 lines: cold ${coldMs.toFixed(0)} ms (asked for 1500), warm ${warmMs.toFixed(0)} ms (150)`,
  );
  return coldMs <= 1500 && warmMs <= 150;
}

/** A thousand instances in Python beside as many in TypeScript: everything anew, and nothing to do. */
async function raceNoop(): Promise<boolean> {
  const cells = Array.from({length: isQuick ? 50 : 1000}, (_, cell) => cell);
  const names = ['python', 'typescript'] as const;
  for (const name of names) {
    write(
      `noop-${name}/pipelines/grid.yaml`,
      `pipeline: grid\nstages:\n  cell:\n    uses: cell\n    matrix: {cell: [${cells}]}\n`,
    );
  }
  write(
    'noop-python/stages/cell.py',
    'from pipe_stage import File, Run, stage\n\n@stage(outputs={"x": File("x.txt")})\n' +
      'def cell_(*, cell: int, run: Run):\n    run.out("x").write_text(str(cell))\n',
  );
  write(
    'noop-typescript/stages/cell.ts',
    "import {writeFile} from 'node:fs/promises';\nimport {defineStage, z} from 'pipe-ml/stage';\n" +
      "export default defineStage({about: 'x', params: z.object({cell: z.int()}), inputs: {}, " +
      "outputs: {x: {kind: 'file', name: 'x.txt'}}, run: ({params, outputs}) => writeFile(outputs.x, String(params.cell))});\n",
  );
  const contestant = (name: string, what: string, times: number, before?: () => void): Contestant => ({
    name: `${name}, ${what}`,
    command: pipe('run', 'grid', '--jobs', '2'),
    cwd: join(folder, `noop-${name}`),
    times,
    ...(before === undefined ? {} : {before}),
  });
  const clear = (name: string) => (): void =>
    rmSync(join(folder, `noop-${name}`, 'cache'), {recursive: true, force: true});
  const medians = new Map([
    ...(await race(names.map(name => contestant(name, 'all', isQuick ? 1 : 3, clear(name))))),
    ...(await race(names.map(name => contestant(name, 'none', isQuick ? 3 : 9)))),
  ]);
  const of = (name: string): number => medians.get(name)?.ms ?? Number.NaN;
  const ratio = of('python, none') / of('typescript, none');
  console.log(
    `\n${cells.length} instances, Python beside TypeScript: all anew ${(of('python, all') / 1000).toFixed(1)} s and ` +
      `${(of('typescript, all') / 1000).toFixed(1)} s; nothing to do ${of('python, none').toFixed(0)} ms and ` +
      `${of('typescript, none').toFixed(0)} ms, ratio ${ratio.toFixed(2)} (asked for at most 1.10)`,
  );
  return ratio <= 1.1;
}

try {
  const met: boolean[] = [];
  if (isWanted('digest')) met.push(await raceDigest());
  if (isWanted('noop')) met.push(await raceNoop());
  for (const grid of GRIDS) if (isWanted(grid.module)) met.push(await raceGrid(grid));
  process.exitCode = met.every(Boolean) ? 0 : 1;
} finally {
  rmSync(folder, {recursive: true, force: true});
}
