// A Slurm cluster on this machine: munged, slurmctld and a slurmd for each node, on ports of their own, without
// systemd, cgroups and accounting; `undefined` where Slurm is not installed. Jobs of an urgent partition preempt others.

import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {availableParallelism, userInfo} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {findProgram, freePort} from './servers.ts';

export interface SlurmCluster extends AsyncDisposable {
  /** What a client needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs a client of Slurm, such as `squeue`; answers what it prints. Throws where it fails. */
  ask(program: string, ...args: readonly string[]): string;
  /** Ends every job, and waits until none is left. */
  clear(): Promise<void>;
  /** The controller dies at once, as in a power cut. */
  killController(): Promise<void>;
  startController(): Promise<void>;
}

export interface SlurmShape {
  /** `memory` in MiB. */
  readonly nodes: ReadonlyArray<{
    readonly name: string;
    readonly cpus: number;
    readonly gpus: number;
    readonly memory: number;
  }>;
  /** Lines of slurm.conf, without their `PartitionName=`; the first is the default one. */
  readonly partitions: readonly string[];
}

/** The second node has two made-up GPUs. */
const USUAL: SlurmShape = {
  nodes: [
    {name: 'n1', cpus: Math.max(2, availableParallelism()), gpus: 0, memory: 4000},
    {name: 'n2', cpus: Math.max(2, availableParallelism()) + 1, gpus: 2, memory: 4000},
  ],
  partitions: [
    'main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=60',
    'urgent Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF',
  ],
};
/** For things that take a second on an idle machine. Milliseconds. */
const PATIENCE_MS = 90_000;

export async function startSlurm(shape: SlurmShape = USUAL): Promise<SlurmCluster | undefined> {
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
  const conf = await configure(folder, shape);
  const socket = join(folder, 'run/munge');
  const env = {SLURM_CONF: conf, MUNGE_SOCKET: socket};
  const children = new Set<ChildProcess>();
  const start = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn(program, args, {stdio: 'ignore', env: {...process.env, ...env}});
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  };
  const ask = (program: string, ...args: readonly string[]): string =>
    execFileSync(program, args, {
      env: {...process.env, ...env},
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const until = async (what: string, isSo: () => boolean): Promise<void> => {
    for (const since = Date.now(); Date.now() - since < PATIENCE_MS; await sleep(50)) {
      try {
        if (isSo()) return;
      } catch {
        // Nobody answers yet.
      }
    }
    throw new Error(`waited in vain for ${what}: ${folder}`);
  };
  let controller: ChildProcess | undefined;
  const cluster: SlurmCluster = {
    env,
    ask,
    async clear() {
      await until('the end of all jobs', () => {
        // KILL: what a test leaves running is not worth a warning. A job that is being launched wants it twice.
        ask('scancel', '--quiet', '--full', '--signal=KILL', '--user', userInfo().username);
        ask('scancel', '--quiet', '--user', userInfo().username);
        return ask('squeue', '--noheader').trim() === '';
      });
    },
    async killController() {
      await end(controller);
      controller = undefined;
    },
    async startController() {
      controller = start(slurmctld, ['-D', '-f', conf]);
      await until('the controller', () => ask('scontrol', 'ping').includes('is UP'));
    },
    async [Symbol.asyncDispose]() {
      if (controller !== undefined) await cluster.clear().catch(() => undefined);
      await Promise.all([...children].map(end));
      rmSync(folder, {recursive: true, force: true, maxRetries: 20});
    },
  };
  try {
    start(munged, [
      '--foreground',
      '--force',
      `--socket=${socket}`,
      `--key-file=${folder}/munge.key`,
      `--pid-file=${folder}/run/munged.pid`,
      `--log-file=${folder}/munged.log`,
      `--seed-file=${folder}/munged.seed`,
    ]);
    // Without it, the others end at once.
    await until('munged', () => existsSync(socket));
    await cluster.startController();
    for (const {name} of shape.nodes) start(slurmd, ['-D', '-N', name, '-f', conf]);
    await until('the nodes', () => {
      const idle = ask('sinfo', '--Node', '--noheader', '--states=idle', '--format=%N');
      return new Set(idle.trim().split('\n')).size === shape.nodes.length;
    });
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
  return cluster;
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise(resolve => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Writes everything that the daemons read; answers the path of slurm.conf. */
async function configure(folder: string, shape: SlurmShape): Promise<string> {
  const [control, ...ports] = [await freePort(), ...(await Promise.all(shape.nodes.map(freePort)))];
  for (const name of ['run', 'state', 'dev', ...shape.nodes.map(node => `spool/${node.name}`)]) {
    mkdirSync(join(folder, name), {recursive: true});
  }
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'munge.key'), randomBytes(1024), {mode: 0o600});
  const {username} = userInfo();
  const nodes = shape.nodes.map(({name, cpus, gpus, memory}, index) => {
    const gres = gpus === 0 ? '' : `Gres=gpu:${gpus} `;
    return `NodeName=${name} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${ports[index] ?? 0} CPUs=${cpus} RealMemory=${memory} ${gres}State=UNKNOWN`;
  });
  const devices = shape.nodes
    .filter(({gpus}) => gpus > 0)
    .map(({name, gpus}) => {
      // Slurm wants a device for each; a link to a harmless one will do.
      for (let n = 0; n < gpus; n++) symlinkSync('/dev/null', join(folder, `dev/gpu${n}`));
      return `NodeName=${name} Name=gpu File=${folder}/dev/gpu[0-${gpus - 1}]\n`;
    });
  writeFileSync(join(folder, 'gres.conf'), devices.join(''));
  const conf = join(folder, 'slurm.conf');
  writeFileSync(
    conf,
    `ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=${control}
SlurmUser=${username}
SlurmdUser=${username}
AuthType=auth/munge
AuthInfo=socket=${join(folder, 'run/munge')},cred_expire=2
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
MinJobAge=300
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
${nodes.join('\n')}
${shape.partitions.map(line => `PartitionName=${line}`).join('\n')}
`,
  );
  return conf;
}
