// What `pipe doctor` finds out about the store elsewhere and about each executor of the settings: whether it is there,
// who listens, and what mends what is missing.

import {execFile} from 'node:child_process';
import {setTimeout as sleep} from 'node:timers/promises';
import {promisify} from 'node:util';
import type {Action} from '../action/action.ts';
import {platformText} from '../action/action.ts';
import {assertNever} from '../core/result.ts';
import {readSigns} from '../exec/queue/queue-job.ts';
import {KEYS, RedisLink} from '../exec/queue/redis-link.ts';
import type {BuildJob} from '../exec/remote/build-server.ts';
import {RootBuilder} from '../exec/remote/root-folder.ts';
import {vectorOf} from '../host/platform.ts';
import {plural} from '../report/format.ts';
import type {NamedExecutor} from './executor-config.ts';
import {absent, bad, type Fact, good} from './fact.ts';
import {hasPackages, hasQueuePackages, INSTALL_QUEUE} from './queue.ts';
import {type QueueConfig, withoutPassword} from './queue-config.ts';
import {buildServerOf, REMOTE_PACKAGES} from './remote.ts';
import type {RemoteConfig} from './remote-config.ts';
import type {Shell} from './shell.ts';
import type {Workspace} from './workspace.ts';

const run = promisify(execFile);
/** How long a server may take to answer. Milliseconds. */
const ANSWER_MS = 5_000;
/** And how long a build farm may take to run something. Milliseconds. */
const RUN_MS = 30_000;

export async function executorFacts(shell: Shell, workspace: Workspace): Promise<Fact[]> {
  const {byName, otherwise} = workspace.config.executors;
  const facts = [...(await storeFacts(workspace))];
  for (const named of new Set(byName.values())) {
    // What is there by itself is looked at where it is used.
    if (named.name === 'slurm' && otherwise !== 'slurm' && !isNamed(workspace, named)) continue;
    facts.push(...(await factsOf(shell, workspace, named)));
  }
  return facts;
}

const isNamed = ({config}: Workspace, {config: own}: NamedExecutor): boolean =>
  [...config.executors.byName].some(([name, each]) => name !== 'slurm' && each.config === own) ||
  [...config.executors.byProfile.values()].includes('slurm');

async function factsOf(shell: Shell, workspace: Workspace, {name, config}: NamedExecutor): Promise<Fact[]> {
  switch (config.kind) {
    case 'local':
      return [good('executors', name, 'this machine')];
    case 'slurm':
      return [await slurmFact(name)];
    case 'queue':
      return queueFacts(shell, workspace, {name, config});
    case 'remote':
      return [await remoteFact(shell, name, config)];
    default:
      return assertNever(config);
  }
}

async function slurmFact(name: string): Promise<Fact> {
  try {
    const {stdout} = await run('sinfo', ['--noheader', '--format=%D %T'], {timeout: ANSWER_MS});
    const nodes = stdout.trim().split('\n').join(', ');
    return good('executors', name, `Slurm answers; nodes: ${nodes}`);
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return bad(
      'executors',
      name,
      isMissing
        ? 'no Slurm client here; run this where sbatch and squeue are (a login node)'
        : `Slurm does not answer: ${lineOf(error)}`,
    );
  }
}

/** Has it run the least command that there is, on a worker such as stages would get. */
async function remoteFact(shell: Shell, name: string, config: RemoteConfig): Promise<Fact> {
  const place = withoutPassword(config.address);
  if (!hasPackages(shell, REMOTE_PACKAGES)) {
    return bad('executors', name, `not installed; run: npm install ${REMOTE_PACKAGES.join(' ')}`);
  }
  const server = buildServerOf(shell, config);
  const {properties, path, bash} = config;
  const job: BuildJob = {
    root: new RootBuilder().root,
    arguments: [bash, '-c', 'echo "$HOSTNAME"; grep -m1 -E "^(flags|Features)" /proc/cpuinfo'],
    env: {PATH: path},
    outputFiles: [],
    outputFolders: [],
    properties,
    timeoutMs: RUN_MS,
  };
  const work = async (): Promise<Fact> => {
    const prepared = await server.prepare(job, [], () => undefined);
    if (!prepared.ok) {
      const why = 'message' in prepared.error ? prepared.error.message : 'it lost what it was just sent';
      return bad('executors', name, `${place} does not take a job: ${why}`);
    }
    const end = await server.execute(prepared.value, true, () => undefined);
    if (end.is !== 'done') {
      const why = 'message' in end ? end.message : end.is;
      return bad('executors', name, `${place} runs nothing: ${why}; look at \`properties\` and \`bash\``);
    }
    if (end.gain.exitCode !== 0) {
      return bad('executors', name, `${place} runs bash, which ends with ${end.gain.exitCode}`);
    }
    const text = Buffer.isBuffer(end.gain.stdout) ? end.gain.stdout.toString('utf8') : '';
    const vector = vectorOf(text) ?? 'no known vector extension';
    return good('executors', name, `${place} runs commands; a worker has ${vector}`);
  };
  const silent = sleep(RUN_MS, undefined, {ref: false}).then(() =>
    bad(
      'executors',
      name,
      `${place} has not run anything in ${RUN_MS / 1000} s: no worker fits \`properties\`, or all are busy`,
    ),
  );
  try {
    return await Promise.race([work(), silent]);
  } finally {
    server.close();
  }
}

async function queueFacts(
  shell: Shell,
  {tier}: Workspace,
  {name, config}: NamedExecutor<QueueConfig>,
): Promise<Fact[]> {
  const facts: Fact[] = [];
  if (tier === null) {
    facts.push(
      bad('executors', name, 'no store; add to pipe.config.yaml: store: s3://BUCKET (or a folder, http://…)'),
    );
  }
  if (!hasQueuePackages(shell))
    return [...facts, bad('executors', name, `not installed; run: ${INSTALL_QUEUE}`)];
  const place = withoutPassword(config.url);
  let trouble = 'no answer';
  const link = await RedisLink.open(
    config.url,
    message => (trouble = message),
    () => undefined,
  );
  try {
    const answer = await Promise.race([
      link.commands.hgetall(KEYS.workers),
      sleep(ANSWER_MS, undefined, {ref: false}),
    ]);
    if (answer === undefined) {
      return [
        ...facts,
        bad(
          'executors',
          name,
          `${place} does not answer: ${trouble}; start it: redis-server --appendonly yes`,
        ),
      ];
    }
    const info = await link.commands.info();
    const version = /redis_version:(\S+)/.exec(info)?.[1] ?? '?';
    facts.push(good('executors', name, `${place}, Redis ${version}`));
    if (!/maxmemory_policy:noeviction/.test(info)) {
      facts.push(
        bad(
          'executors',
          name,
          `${place} may throw jobs away; run there: redis-cli config set maxmemory-policy noeviction`,
        ),
      );
    }
    const signs = readSigns(answer, await link.time(shell.outside.clock.now));
    if (signs.size === 0)
      facts.push(absent('executors', name, `no worker listens; on a machine: pipe worker ${place}`));
    for (const {host, version: theirs, platform, labels, cpus, gpus} of signs.values()) {
      const means = [
        `pipe ${theirs}`,
        platformText(platform),
        plural(cpus, 'CPU slot'),
        plural(gpus, 'GPU'),
        ...(labels.length === 0 ? [] : [`labels ${labels.join(', ')}`]),
      ];
      facts.push(good('executors', `${name} at ${host}`, means.join(', ')));
    }
    return facts;
  } finally {
    link.close();
  }
}

/** Asks for something that is not there: whether there is an answer is all that matters. */
async function storeFacts({tier}: Workspace): Promise<Fact[]> {
  if (tier === null) return [];
  await tier.find(PROBE);
  const [problem] = tier.takeNotices();
  return [
    problem === undefined
      ? good('store', 'elsewhere', `${withoutPassword(tier.address)} answers`)
      : bad('store', 'elsewhere', problem),
  ];
}

const PROBE: Action = {
  format: 2,
  work: {kind: 'shell', command: 'true', code: {}},
  params: {},
  inputs: {},
  files: {},
  outputs: {},
  env: {},
  device: null,
  platform: null,
  sandbox: 'closed',
  study: null,
  salt: 'pipe doctor',
};

const lineOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1) ?? '';
