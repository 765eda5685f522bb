// The shell script that a worker runs in an input root: says what kind of machine it is, refuses an action that is for
// another one, then runs the command, or hands over to `pipe carry`. What it prints is the log.

import {dirname} from 'node:path';
import {platformText} from '../../action/action.ts';
import {baseEnvironment, threadEnvironment} from '../environment.ts';
import type {Assignment} from '../executor.ts';
import {inputsBelow, layInputs} from '../input-layout.ts';
import {quote, shellVariables} from '../shell-script.ts';
import type {Task} from '../task.ts';

/** What a worker has to be and have. */
export interface WorkerNeeds {
  readonly properties: Readonly<Record<string, string>>;
  /** Programs and arguments that start `pipe` on a worker. */
  readonly command: readonly string[];
  /** Lines that a shell runs first, such as `module load`. */
  readonly setup: string;
  /** PATH on a worker. */
  readonly path: string;
  readonly bash: string;
}

/** Host, platform, and when it began and ended: one line each. */
export const WHERE_FILE = 'where';
/** How the script ends on a machine that the action is not for. */
export const UNFIT_CODE = 99;

/** Stands for the input root, whose place only the worker knows. No text of a user can be it. */
const ROOT = '\u0001root\u0001';

/** By the names of the kernel, widest first, as `ownPlatform` looks for them. */
const VECTORS = 'avx512f avx2 avx sse4_2 sve asimd';

function prologue({action, limits, env}: Assignment, {setup, path}: WorkerNeeds): string {
  const fixed = {...baseEnvironment({PATH: path}), ...threadEnvironment(limits.cpus)};
  // What is declared wins, and stands in the job's own environment.
  const exports = [
    ...Object.entries(fixed).map(([name, value]): [string, string] => [name, quote(value)]),
    ['HOME', '"$root/home"'] as const,
    ['TMPDIR', '"$root/tmp"'] as const,
  ].flatMap(([name, value]) => (name in env ? [] : [`${name}=${value}`]));
  const wanted = action.platform === null ? '' : platformText(action.platform);
  const folders = Object.values(action.outputs).map(({kind, path}) =>
    kind === 'folder' ? `out/${path}` : `out/${dirname(path)}`,
  );
  return `exec 2>&1
root=$PWD
mkdir -p home tmp project ${[...new Set(folders)].sort().map(quote).join(' ')}
export ${exports.join(' ')}
case $OSTYPE in linux*) os=linux;; darwin*) os=darwin;; *) os=$OSTYPE;; esac
case $HOSTTYPE in x86_64) arch=x64;; aarch64) arch=arm64;; *) arch=$HOSTTYPE;; esac
flags=" $(grep -m1 -E '^(flags|Features)' /proc/cpuinfo 2>/dev/null) "
platform="$os $arch"
for each in ${VECTORS}; do case $flags in *" $each "*) platform="$platform $each"; break;; esac; done
now() { local us=\${EPOCHREALTIME/[.,]/}; echo "\${us%???}"; }
printf '%s\\n' "$HOSTNAME" "$platform" "$(now)" > ${WHERE_FILE}
wanted=${quote(wanted)}
if [ -n "$wanted" ] && [ "$wanted" != "$platform" ]; then exit ${UNFIT_CODE}; fi
trap 'now >> "$root/${WHERE_FILE}"' EXIT
${setup}
`;
}

/** Runs a command as a machine of our own would; its variables are quoted, never spliced. */
export function shellScript(assignment: Assignment, command: string, needs: WorkerNeeds): string {
  const {action, limits, keepsCheckpoint} = assignment;
  const task: Task = {
    label: '',
    work: {kind: 'shell', command},
    params: action.params,
    inputs: inputsBelow(ROOT, layInputs(action).inputs),
    study: action.study,
    outputs: Object.fromEntries(
      Object.entries(action.outputs).map(([name, {kind, path}]) => [
        name,
        {kind, path: path === '.' ? `${ROOT}/out` : `${ROOT}/out/${path}`},
      ]),
    ),
    files: {},
    outputFolder: `${ROOT}/out`,
    logFile: '',
    metricsFile: `${ROOT}/metrics.json`,
    cwd: `${ROOT}/project`,
    env: {},
    cpus: limits.cpus,
    gpus: [],
    device: 'cpu',
    platform: null,
    mirror: null,
    checkpoint: keepsCheckpoint ? `${ROOT}/checkpoint` : null,
    timeoutMs: null,
  };
  const variables = shellVariables(task);
  // The worker says which GPUs it gives.
  if (limits.gpus > 0) for (const name of ['gpus', 'CUDA_VISIBLE_DEVICES']) variables.delete(name);
  const assignments = [...variables].map(
    ([name, value]) => `${name}=${quote(value).replaceAll(ROOT, `'"$root"'`)}`,
  );
  return `${prologue(assignment, needs)}${keepsCheckpoint ? 'mkdir -p checkpoint\n' : ''}( export ${assignments.join(' ')}
cd "$root/project" || exit; set -e -u -o pipefail; eval ${quote(command)} ) </dev/null
`;
}

/** Hands over to \`pipe carry\`, which finds everything in the root. */
export const carryScript = (assignment: Assignment, needs: WorkerNeeds): string =>
  `${prologue(assignment, needs)}${needs.command.map(quote).join(' ')} carry </dev/null
`;
