// Executors, put together from the workspace: the only place that knows which parts each of them needs.

import {join} from 'node:path';
import {LocalExecutor, type LocalMachine} from '../exec/local-executor.ts';
import type {ProcessExecutor} from '../exec/process-executor.ts';
import {contentStoreOf} from '../run/content.ts';
import {InputFiles} from '../store/blobs/input-files.ts';
import type {Workspace} from './workspace.ts';

/** Cheap: processes are started when they are needed. `now`: milliseconds since the epoch. */
export function localExecutorOf(
  workspace: Workspace,
  processes: ProcessExecutor,
  machine: LocalMachine,
  now: () => number,
  name = 'local',
): LocalExecutor {
  const {project, store, shelf, blobs, checkpoints, code} = workspace;
  return new LocalExecutor({
    name,
    processes,
    content: contentStoreOf({blobs, inputs: new InputFiles(shelf, blobs), checkpoints}),
    code,
    machine,
    project,
    sandboxes: join(store, 'sandboxes'),
    now,
  });
}
