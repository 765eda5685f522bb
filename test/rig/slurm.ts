// A Slurm cluster on this machine for one test: munged, slurmctld and two slurmd on ports of their own, without systemd
// and without cgroups; `undefined` where Slurm is not installed.

import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {availableParallelism, userInfo} from 'node:os';
import {join} from 'node:path';
import {findProgram, freePort} from './servers.ts';

export interface SlurmCluster extends AsyncDisposable {
  /** What a client needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
  squeue(...args: readonly string[]): string;
  scancel(...args: readonly string[]): void;
}

const NODES = ['n1', 'n2'];

export async function startSlurm(): Promise<SlurmCluster | undefined> {
  const programs = ['munged', 'slurmctld', 'slurmd', 'sbatch'].map(findProgram);
  const [munged, slurmctld, slurmd] = programs;
  if (
    munged === undefined ||
    slurmctld === undefined ||
    slurmd === undefined ||
    programs.includes(undefined)
  ) {
    return undefined;
  }
  // Sockets have short names only.
  const folder = realpathSync(mkdtempSync('/tmp/pipe-slurm-'));
  const ports = await Promise.all([freePort(), ...NODES.map(freePort)]);
  const [control = 0, ...nodePorts] = ports;
  for (const name of ['run', 'state', ...NODES.map(node => `spool/${node}`)]) {
    mkdirSync(join(folder, name), {recursive: true});
  }
  writeFileSync(join(folder, 'munge.key'), randomBytes(1024), {mode: 0o600});
  const {username} = userInfo();
  const socket = join(folder, 'run/munge');
  const conf = join(folder, 'slurm.conf');
  writeFileSync(
    conf,
    `ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=${control}
SlurmUser=${username}
SlurmdUser=${username}
AuthType=auth/munge
AuthInfo=socket=${socket},cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool/%n
SlurmctldPidFile=${folder}/run/slurmctld.pid
SlurmdPidFile=${folder}/run/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=30
CompleteWait=0
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
${NODES.map((node, index) => `NodeName=${node} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${nodePorts[index] ?? 0} CPUs=${Math.max(2, availableParallelism())} RealMemory=4000 State=UNKNOWN`).join('\n')}
PartitionName=main Nodes=${NODES.join(',')} Default=YES MaxTime=INFINITE State=UP
`,
  );
  chmodSync(folder, 0o755);
  const env = {SLURM_CONF: conf, MUNGE_SOCKET: socket};
  const children: ChildProcess[] = [];
  const start = (program: string, args: readonly string[]): void => {
    const options = {stdio: 'ignore' as const, env: {...process.env, ...env}};
    children.push(spawn(program, args, options));
  };
  start(munged, [
    '--foreground',
    '--force',
    `--socket=${socket}`,
    `--key-file=${folder}/munge.key`,
    `--pid-file=${folder}/run/munged.pid`,
    `--log-file=${folder}/munged.log`,
    `--seed-file=${folder}/munged.seed`,
  ]);
  start(slurmctld, ['-D', '-i', '-f', conf]);
  for (const node of NODES) start(slurmd, ['-D', '-N', node, '-f', conf]);
  const ask = (program: string, args: readonly string[]): string =>
    execFileSync(program, args, {
      env: {...process.env, ...env},
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const cluster: SlurmCluster = {
    env,
    squeue: (...args) => ask('squeue', args),
    scancel: (...args) => void ask('scancel', args),
    async [Symbol.asyncDispose]() {
      const gone = children.map(child => new Promise(resolve => child.once('exit', resolve)));
      for (const child of children.reverse()) child.kill('SIGKILL');
      await Promise.all(gone);
      rmSync(folder, {recursive: true, force: true});
    },
  };
  for (let tries = 0; tries < 100; tries++) {
    try {
      if (ask('sinfo', ['--noheader', '--states=idle', '--format=%D']).trim() === String(NODES.length))
        return cluster;
    } catch {
      // Not up yet.
    }
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  await cluster[Symbol.asyncDispose]();
  throw new Error(`the cluster did not come up: ${folder}`);
}
