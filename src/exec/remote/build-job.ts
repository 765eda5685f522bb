// An assignment as a job for a server that runs commands on trees of files: everything that the action names at its place
// in the input root, and beside it what runs it. A pure function of the assignment, so that the server's own cache
// recognises it. Commands need a shell on the worker; stage modules need Node and this package.

import {type Artifact, actionText, secretsIn} from '../../action/action.ts';
import type {StageFailure} from '../../action/outcome.ts';
import {err, ok, type Result} from '../../core/result.ts';
import type {Assignment} from '../executor.ts';
import {layInputs, type Placing} from '../input-layout.ts';
import {ordersOf} from '../pilot.ts';
import type {BlobRef, BuildContent, BuildJob} from './build-server.ts';
import {filesIn, RootBuilder} from './root-folder.ts';
import {carryScript, shellScript, WHERE_FILE, type WorkerNeeds} from './worker-script.ts';

/** Where `pipe carry` finds what it is to do, and says what came of it. */
export const ASSIGNMENT_FILE = 'assignment.json';
export const ENDING_FILE = 'ending.json';
export const CODE_FOLDER = 'code';
export const METRICS_FILE = 'metrics.json';
export const OUTPUT_FOLDER = 'out';
const SCRIPT_FILE = 'run.sh';

export interface ReadyJob {
  readonly job: BuildJob;
  /** Everything that the root names. */
  readonly blobs: readonly BlobRef[];
}

export async function buildJobOf(
  assignment: Assignment,
  needs: WorkerNeeds,
  content: BuildContent,
): Promise<Result<ReadyJob, StageFailure>> {
  const {action, limits, env} = assignment;
  if (action.sandbox === 'project') {
    return err(mistaken('expected a closed stage, got one that works in the folder of the project'));
  }
  const [secret] = Object.keys(secretsIn(action, env));
  if (secret !== undefined) {
    return err(mistaken(`expected no secrets, which would be in the server's store, got ${secret}`));
  }
  const root = new RootBuilder();
  const put = (path: string, text: string): Result<void, StageFailure> => {
    const stored = content.putText(text);
    if (!stored.ok) return stored;
    const {digest, size} = stored.value;
    root.file(path, {digest, size, isExecutable: false});
    return ok(undefined);
  };
  root.folder('project');
  for (const placing of layInputs(action).placings) {
    const placed = await place(root, placing, content, put);
    if (!placed.ok) return placed;
  }
  const work = await putWork(root, assignment, needs, content, put);
  if (!work.ok) return work;
  const job: BuildJob = {
    root: root.root,
    arguments: [needs.bash, SCRIPT_FILE],
    env: {PATH: needs.path, ...env},
    outputFiles: [WHERE_FILE, work.value],
    outputFolders: [OUTPUT_FOLDER],
    properties: needs.properties,
    timeoutMs: limits.timeoutMs,
  };
  return ok({job, blobs: [...filesIn(root.root)].map(({digest, size}) => ({digest, size}))});
}

/** Puts what runs the action into the root; answers the file in which it tells what came of it. */
async function putWork(
  root: RootBuilder,
  assignment: Assignment,
  needs: WorkerNeeds,
  content: BuildContent,
  put: (path: string, text: string) => Result<void, StageFailure>,
): Promise<Result<string, StageFailure>> {
  const {action, card} = assignment;
  if (action.work.kind === 'shell') {
    const script = put(SCRIPT_FILE, shellScript(assignment, action.work.command, needs));
    return script.ok ? ok(METRICS_FILE) : script;
  }
  if (action.work.kind === 'python') {
    return err(
      mistaken('expected a command or a stage module, got a Python stage, whose packages stay here'),
    );
  }
  if (card?.kind !== 'module') {
    return err({reason: 'store', message: 'nobody says how to make its bundle ready'});
  }
  for (const artifact of [card.bundle, card.maps]) {
    const folder = await content.folderOf(artifact);
    if (!folder.ok) return folder;
    for (const [name, file] of folder.value.files) root.file(`${CODE_FOLDER}/${name}`, file);
  }
  // Its label, its run, what is known of it and what it could go on from are no part of the job: equal actions are equal jobs.
  const orders = {
    ...ordersOf({...assignment, label: '', run: '', isFresh: false, prefix: null}),
    mirror: null,
    git: null,
  };
  const told = put(ASSIGNMENT_FILE, JSON.stringify({action: actionText(action), orders}));
  if (!told.ok) return told;
  const script = put(SCRIPT_FILE, carryScript(assignment, needs));
  return script.ok ? ok(ENDING_FILE) : script;
}

async function place(
  root: RootBuilder,
  placing: Placing,
  content: BuildContent,
  put: (path: string, text: string) => Result<void, StageFailure>,
): Promise<Result<void, StageFailure>> {
  switch (placing.kind) {
    case 'folder':
      root.folder(placing.to);
      return ok(undefined);
    case 'text':
      return put(placing.to, placing.text);
    case 'file': {
      const {digest, isExecutable} = placing.file;
      const size = content.sizeOf(digest);
      if (size === undefined) return err({reason: 'store', message: `${placing.to} is not in the store`});
      root.file(placing.to, {digest, size, isExecutable});
      return ok(undefined);
    }
    case 'artifact':
      return placeArtifact(root, placing.to, placing.artifact, content);
  }
}

async function placeArtifact(
  root: RootBuilder,
  to: string,
  artifact: Artifact,
  content: BuildContent,
): Promise<Result<void, StageFailure>> {
  if (artifact.kind === 'file') {
    const brought = await content.bring(artifact);
    if (!brought.ok) return brought;
    root.file(to, {digest: artifact.digest, size: artifact.size, isExecutable: false});
    return ok(undefined);
  }
  const folder = await content.folderOf(artifact);
  if (!folder.ok) return folder;
  root.graft(to, folder.value);
  return ok(undefined);
}

const mistaken = (message: string): StageFailure => ({
  reason: 'mistake',
  message,
  hint: 'run it on another executor',
});
