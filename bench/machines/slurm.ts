// Trivial stages over pilots on a Slurm cluster of this machine, beside the same stages here, and beside Snakemake with its
// Slurm plug-in, which sends a job for each. Calls to the controller are counted by programs of the same names in front
// of the real ones.

import {spawnSync} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {availableParallelism, tmpdir} from 'node:os';
import {join} from 'node:path';
import {findProgram} from '../../test/rig/servers.ts';
import {startSlurm} from '../../test/rig/slurm.ts';
import {type Measure, perStage, type Row, timeRun, writeProject} from './measure.ts';

const CLIENTS = ['sbatch', 'squeue', 'scancel', 'sacct', 'scontrol', 'sinfo', 'srun'] as const;
/** As asked for by the project's goals. */
const MOST_SBATCH = 5;
const MOST_MS_A_STAGE = 5;
const SQUEUE_EVERY_SECONDS = 10;

export const measureSlurm: Measure = async (stages, peers) => {
  const cluster = await startSlurm();
  if (cluster === undefined) return undefined;
  const base = mkdtempSync(join(tmpdir(), 'pipe-bench-slurm-'));
  try {
    const calls = new CallCounter(join(base, 'bin'), cluster.env);
    const env = {...process.env, ...cluster.env, PATH: `${calls.folder}:${process.env.PATH ?? ''}`};
    writeProject(join(base, 'here'), stages, '');
    const here = await timeRun(join(base, 'here'));
    const pilots = availableParallelism();
    writeProject(
      join(base, 'slurm'),
      stages,
      `executor: {kind: slurm, pilots: ${pilots}, idle: 5, minutes: 10}\n`,
    );
    calls.reset();
    const slurm = await timeRun(join(base, 'slurm'), env);
    const {sbatch, squeue} = calls.count();
    await cluster.clear();
    const overhead = slurm - here;
    const mostSqueue = Math.floor(slurm / 1000 / SQUEUE_EVERY_SECONDS) + 1;
    return [
      {what: `${stages} stages here, ${pilots} slots`, measured: perStage(here, stages)},
      {
        what: `${stages} stages over ${pilots} pilots, their start included`,
        measured: perStage(slurm, stages),
      },
      {
        what: `overhead of pilots (asked: at most ${MOST_MS_A_STAGE} ms a stage)`,
        measured: perStage(overhead, stages),
        isMissed: overhead / stages > MOST_MS_A_STAGE,
      },
      {
        what: `calls of sbatch (asked: at most ${MOST_SBATCH})`,
        measured: String(sbatch),
        isMissed: sbatch > MOST_SBATCH,
      },
      {
        what: `calls of squeue in ${(slurm / 1000).toFixed(0)} s (asked: at most one in ${SQUEUE_EVERY_SECONDS} s)`,
        measured: String(squeue),
        isMissed: squeue > mostSqueue,
      },
      ...snakemake(base, env, calls, peers),
    ];
  } finally {
    await cluster[Symbol.asyncDispose]();
    rmSync(base, {recursive: true, force: true});
  }
};

/** `stages`: fewer than ours, as each starts a Python of its own on the node. */
function snakemake(base: string, env: NodeJS.ProcessEnv, calls: CallCounter, stages: number): Row[] {
  const program = process.env.SNAKEMAKE ?? findProgram('snakemake');
  if (program === undefined || stages === 0)
    return [{what: 'Snakemake', measured: 'not installed (SNAKEMAKE: its path)'}];
  const folder = join(base, 'snakemake');
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'Snakefile'),
    `rule all:
    input: expand("out/{n}", n=range(${stages}))
rule stage:
    output: "out/{n}"
    resources: mem_mb=100, runtime=10, slurm_account="any", slurm_partition="main"
    shell: "echo {wildcards.n} > {output}"
`,
  );
  calls.reset();
  const start = performance.now();
  const args = ['--executor', 'slurm', '--jobs', String(stages), '--latency-wait', '60'];
  const ran = spawnSync(program, [...args, '--slurm-status-command', 'squeue'], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: PEER_PATIENCE_MS,
  });
  const ms = performance.now() - start;
  const {sbatch, squeue, sacct, scontrol, sinfo} = calls.count();
  if (ran.status !== 0)
    return [
      {what: 'Snakemake', measured: `failed: ${(ran.stderr ?? '').trim().split('\n').slice(-3).join(' | ')}`},
    ];
  return [
    {what: `Snakemake: ${stages} stages by its Slurm plug-in`, measured: perStage(ms, stages)},
    {
      what: 'Snakemake: calls',
      measured: `${sbatch} sbatch, ${squeue} squeue, ${sacct} sacct, ${scontrol} scontrol, ${sinfo} sinfo in ${(ms / 1000).toFixed(0)} s`,
    },
  ];
}

const PEER_PATIENCE_MS = 600_000;

class CallCounter {
  readonly folder: string;

  /** `env`: how clients find the cluster, also inside of jobs, which Snakemake starts without it. */
  constructor(folder: string, env: Readonly<Record<string, string>>) {
    this.folder = folder;
    mkdirSync(folder);
    for (const client of CLIENTS) {
      const real = findProgram(client);
      if (real === undefined) continue;
      const path = join(folder, client);
      const given = Object.entries(env).map(([name, value]) => `${name}='${value}'`);
      const lines = [
        '#!/bin/sh',
        `echo >> '${path}.calls'`,
        `export ${given.join(' ')}`,
        `exec '${real}' "$@"`,
      ];
      writeFileSync(path, `${lines.join('\n')}\n`);
      chmodSync(path, 0o755);
    }
  }

  reset(): void {
    for (const client of CLIENTS) rmSync(join(this.folder, `${client}.calls`), {force: true});
  }

  count(): Record<(typeof CLIENTS)[number], number> {
    const of = (client: string): number => {
      const path = join(this.folder, `${client}.calls`);
      return existsSync(path) ? readFileSync(path, 'utf8').length : 0;
    };
    return {
      sbatch: of('sbatch'),
      squeue: of('squeue'),
      scancel: of('scancel'),
      sacct: of('sacct'),
      scontrol: of('scontrol'),
      sinfo: of('sinfo'),
      srun: of('srun'),
    };
  }
}
