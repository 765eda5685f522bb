// `pipe carry`: runs the action that a server of the Remote Execution API has laid out in this folder, with a stage module
// as its work. No store, no network: what it reads is here, what it makes stays here, and the server names it by its
// bytes. Executors of build farms start it; people do not.

import {readFileSync, symlinkSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fingerprintOf, isSamePlatform, platformText} from '../../action/action.ts';
import type {StageFailure} from '../../action/outcome.ts';
import {placesIn} from '../../action/package-places.ts';
import {renderDiagnostic} from '../../core/diagnostic.ts';
import {err, ok, type Result} from '../../core/result.ts';
import type {CodeStore, ModuleCard} from '../../exec/content-store.ts';
import type {Ending} from '../../exec/executor.ts';
import {LocalExecutor} from '../../exec/local-executor.ts';
import {parseOrders} from '../../exec/pilot.ts';
import {ProcessExecutor} from '../../exec/process-executor.ts';
import {ASSIGNMENT_FILE, CODE_FOLDER, ENDING_FILE} from '../../exec/remote/build-job.ts';
import type {Carried} from '../../exec/remote/carried.ts';
import {carriedContent} from '../../exec/remote/carried-content.ts';
import {makeFolder} from '../../host/folder.ts';
import {ownPlatform} from '../../host/platform.ts';
import type {Progress} from '../../stage/define.ts';
import {decodeAction} from '../../store/index/row-schema.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import type {Shell} from '../shell.ts';
import {machineOf} from '../workspace.ts';

export async function carry(shell: Shell): Promise<ExitCode> {
  const {outside, packageRoot} = shell;
  const root = outside.cwd;
  const told: unknown = JSON.parse(readFileSync(join(root, ASSIGNMENT_FILE), 'utf8'));
  const [action, orders] =
    typeof told === 'object' && told !== null && 'action' in told && 'orders' in told
      ? [decodeAction(String(told.action)), parseOrders(JSON.stringify(told.orders))]
      : [];
  if (action === undefined || orders === undefined || typeof orders === 'string') {
    return refuse('bad-assignment', 'expected an assignment of this version of pipe');
  }
  const conclude = (carried: Carried): ExitCode => {
    writeFileSync(join(root, ENDING_FILE), JSON.stringify(carried));
    return EXIT.ok;
  };
  const here = ownPlatform();
  if (action.platform !== null && !isSamePlatform(action.platform, here)) {
    const message = `the action is for ${platformText(action.platform)}, the worker is ${platformText(here)}`;
    return conclude({status: 'lost', progress: [], message});
  }
  const sandboxes = join(root, 'sandboxes');
  const processes = new ProcessExecutor({env: outside.env, cwd: root});
  const executor = new LocalExecutor({
    processes,
    content: carriedContent(root, sandboxes),
    code: carriedCode(root, packageRoot),
    machine: machineOf(shell, orders.limits.cpus),
    project: root,
    sandboxes,
    now: outside.clock.now,
  });
  const leaving = new AbortController();
  const release = outside.onInterrupt(() => leaving.abort());
  let progress: Progress | undefined;
  try {
    const env = Object.keys(action.env).flatMap((name): [string, string][] => {
      const value = outside.env[name];
      return value === undefined ? [] : [[name, value]];
    });
    const ending = await executor.execute(
      {...orders, action, fingerprint: fingerprintOf(action), env: Object.fromEntries(env), isFresh: true},
      {
        onLog: (_stream, text) => outside.stdout.screen.write(text),
        onProgress: last => {
          progress = last;
        },
        onPlaced: () => {},
        onAudit: () => undefined,
        onFree: () => {},
      },
      leaving.signal,
    );
    return conclude(carriedOf(ending, progress === undefined ? [] : [progress]));
  } finally {
    release();
    await executor.close();
  }
}

function carriedOf(ending: Ending, progress: readonly Progress[]): Carried {
  switch (ending.status) {
    case 'done': {
      const {metrics, made} = ending.result;
      const {device, cpuMs, peakBytes} = made;
      return {status: 'done', progress, metrics, device, usage: {cpuMs, peakBytes}, notices: ending.notices};
    }
    case 'failed':
      return {status: 'failed', progress, failure: ending.failure};
    case 'cancelled':
      return {status: 'lost', progress, message: 'its worker was told to leave'};
    case 'lost':
      return {status: 'lost', progress, message: ending.message};
  }
}

/** The bundle is laid out; its packages are those of this installation, by name and version. */
function carriedCode(root: string, packageRoot: string): CodeStore {
  return {
    async entryOf(_work, card) {
      if (card?.kind !== 'module') {
        return err({reason: 'store', message: 'nobody says how to make its bundle ready'});
      }
      return linkPackages(join(root, CODE_FOLDER), card, packageRoot);
    },
    async launchOf() {
      return err({reason: 'store', message: 'Python stages are not carried'});
    },
  };
}

function linkPackages(folder: string, card: ModuleCard, packageRoot: string): Result<string, StageFailure> {
  const places = placesIn(card.links, {project: packageRoot, pipe: packageRoot});
  if (!places.ok) {
    const message = places.error.map(diagnostic => renderDiagnostic(diagnostic)).join('\n');
    return err({reason: 'mistake', message, hint: null});
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
  for (const [link, target] of places.value) {
    const path = join(folder, 'node_modules', link);
    makeFolder(dirname(path));
    symlinkSync(target, path, 'junction');
  }
  return ok(join(folder, 'stage.js'));
}
