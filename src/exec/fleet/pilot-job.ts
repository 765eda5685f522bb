// A pilot as a job of Slurm: what it asks of a machine, which is the name of its shape as well, and the script that starts
// it there.

import type {Limits} from '../executor.ts';
import type {Shape} from './post.ts';

/** What pilots of one executor have in common. */
export interface PilotHome {
  /** The executor's name, by which pilots sign. */
  readonly name: string;
  /** The folder of the post office, which all nodes see. */
  readonly post: string;
  /** Programs and arguments that start `pipe` on a node. */
  readonly command: readonly string[];
  /** The address of the store that nodes share. */
  readonly store: string;
  /** Where a node may keep its own copies: a folder of the node. */
  readonly scratch: string;
  /** How long a pilot waits for another job before it leaves. Seconds. */
  readonly idle: number;
  /** Variables that pilots get, such as PATH. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Needs {
  readonly cpus: number;
  /** MiB, 0 where nothing is said. */
  readonly memory: number;
  readonly gpus: number;
  readonly minutes: number;
}

/** A pilot's time limit where nothing is said, and the partition allows it. */
export const USUAL_MINUTES = 60;

/** A job that may take longer than `minutes` gets a pilot of its own. */
export function shapeOfLimits({timeoutMs, cpus, gpus, ...limits}: Limits, minutes: number | null): Shape {
  const ownMinutes = timeoutMs === null ? 0 : Math.ceil(timeoutMs / 60_000) + 2;
  const memory = Math.ceil(limits.memory / 2 ** 20);
  return `c${cpus}-m${memory}-g${gpus}-t${Math.max(minutes ?? USUAL_MINUTES, ownMinutes)}`;
}

export function needsOf(shape: Shape): Needs | undefined {
  const parts = /^c(\d+)-m(\d+)-g(\d+)-t(\d+)$/.exec(shape);
  if (parts === null) return undefined;
  const [cpus = 1, memory = 0, gpus = 0, minutes = USUAL_MINUTES] = parts.slice(1).map(Number);
  return {cpus, memory, gpus, minutes};
}

/** As arguments of sbatch. */
export const demandsOf = ({cpus, memory, gpus, minutes}: Needs): string[] => [
  `--cpus-per-task=${cpus}`,
  ...(memory > 0 ? [`--mem=${memory}M`] : []),
  ...(gpus > 0 ? [`--gres=gpu:${gpus}`] : []),
  `--time=${minutes}`,
  '--export=NONE',
  '--requeue',
  '--open-mode=append',
  '--signal=B:TERM@60',
];

/** Waits for its child in the background, since a shell handles no signal while it waits in the foreground. */
export function pilotScript(home: PilotHome, shape: Shape, {minutes}: Needs): string {
  const {name, post, command, store, scratch, idle, env} = home;
  const words = [...command, 'pilot', post, '--shape', shape, '--executor', name, '--idle', String(idle)];
  const variables = Object.entries({...env, PIPE_STORE: store}).map(
    ([name, value]) => `export ${name}=${quote(value)}`,
  );
  return `#!/bin/bash
# Written by pipe: a pilot, which runs stages until none is left.
${variables.join('\n')}
scratch=${quote(scratch)}/pipe-$SLURM_JOB_ID
mkdir -p "$scratch" && cd "$scratch" || exit 1
ends=$(( $(date +%s) + ${minutes * 60} ))
${words.map(quote).join(' ')} --store "$scratch/store" --name "$SLURM_JOB_ID-$SLURM_RESTART_COUNT" --ends "$ends" --jobs "\${SLURM_CPUS_PER_TASK:-1}" &
child=$!
trap 'kill -TERM $child; wait $child' TERM
wait $child
code=$?
cd / && rm -rf "$scratch"
exit $code
`;
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
