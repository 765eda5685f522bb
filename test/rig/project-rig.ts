// A project in a temporary folder, run by the real parts put together as the command line does it: planner, stores,
// executor, scheduler. Each `Session` stands for one process: it has stores and workers of its own.

import {mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {explainChanges} from '../../src/action/explain.ts';
import type {Outcome} from '../../src/action/outcome.ts';
import {localExecutorOf} from '../../src/cli/executors.ts';
import {UserMistakes} from '../../src/cli/exit.ts';
import {openPlanner} from '../../src/cli/pipeline-planner.ts';
import type {Shell} from '../../src/cli/shell.ts';
import {surroundingsOf} from '../../src/cli/surroundings.ts';
import {openWorkspace, type Workspace} from '../../src/cli/workspace.ts';
import {ProcessExecutor} from '../../src/exec/process-executor.ts';
import {ExecutorRouter} from '../../src/exec/router.ts';
import {ownPlatform} from '../../src/host/platform.ts';
import type {Plan} from '../../src/plan/plan.ts';
import {NO_FILES} from '../../src/plan/plan-files.ts';
import type {RunEvent} from '../../src/run/event.ts';
import type {FailureMode, Machine, Run, RunSummary} from '../../src/run/request.ts';
import {Runner} from '../../src/run/runner.ts';
import {newRunId} from '../../src/store/ledger/run-id.ts';
import {buildWorker} from './executor-rig.ts';
import {drawAll} from './pipelines.ts';

export const packageRoot = join(import.meta.dirname, '../..');

/** The command line's view of a folder. */
export const shellIn = (cwd: string): Shell => ({
  outside: {...surroundingsOf(process), cwd},
  version: '0.0.0',
  packageRoot,
  argv: [],
});

export interface RigRunOptions {
  readonly machine?: Partial<Machine>;
  readonly mode?: FailureMode;
  /** Instances that run although their result is known. */
  readonly forced?: readonly string[];
  /** The instances that the run is about; all of them by default. */
  readonly selected?: readonly string[];
  readonly set?: readonly string[];
  readonly replayLogs?: boolean;
  /** Bytes of declared files that an instance may bring into the store before it is said. */
  readonly largeCopy?: number;
  /** Called for each event, as it happens. */
  readonly onEvent?: (event: RunEvent) => void;
}

export interface RigRun {
  readonly run: Run;
  readonly finished: Promise<RunSummary>;
  readonly events: readonly RunEvent[];
  /** Resolves with the first event, past or to come, that `isWanted` accepts. */
  until(isWanted: (event: RunEvent) => boolean): Promise<RunEvent>;
}

export class ProjectRig implements AsyncDisposable {
  /** Absolute, without symbolic links. */
  readonly project: string;
  readonly worker: string;
  readonly #folder: string;
  readonly #sessions: Session[] = [];
  #runs = 0;

  /** `store`: where `cache/` should be instead of in the project. */
  constructor() {
    this.#folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-run-')));
    this.project = join(this.#folder, 'project');
    mkdirSync(join(this.project, 'pipelines'), {recursive: true});
    writeFileSync(join(this.project, 'package.json'), '{"type": "module"}\n');
    this.worker = buildWorker(this.#folder);
  }

  path(path: string): string {
    return join(this.project, path);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(this.path(path)), {recursive: true});
    writeFileSync(this.path(path), text);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  async open(options: {readonly graceMs?: number} = {}): Promise<Session> {
    const workspace = await openWorkspace(shellIn(this.project), this.project);
    const session = new Session(this, workspace, options.graceMs ?? 2000);
    this.#sessions.push(session);
    return session;
  }

  /** One run from start to end in a session of its own. `text`: the pipeline. */
  async run(text: string, options: RigRunOptions = {}): Promise<Ended> {
    await using session = await this.open();
    return session.run(text, options);
  }

  /** Ids of runs are in the order of their making, however fast they come. */
  nextRunId(): string {
    const n = this.#runs++;
    return newRunId(Date.now(), () => 0).slice(0, -4) + n.toString(36).padStart(4, '0');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sessions.map(session => session.close()));
    rmSync(this.#folder, {recursive: true, force: true});
  }
}

export class Session implements AsyncDisposable {
  readonly workspace: Workspace;
  readonly processes: ProcessExecutor;
  readonly #rig: ProjectRig;
  #isOpen = true;

  constructor(rig: ProjectRig, workspace: Workspace, graceMs: number) {
    this.#rig = rig;
    this.workspace = workspace;
    this.processes = new ProcessExecutor({worker: rig.worker, env: process.env, cwd: rig.project, graceMs});
  }

  /** Starts a run of a pipeline's text; fails with the mistakes drawn if it has some. */
  async start(text: string, options: RigRunOptions = {}): Promise<RigRun> {
    const {workspace, processes} = this;
    const {project, store, ledger, code, blobs} = workspace;
    const file = `pipelines/${/^pipeline: *(\S+)/m.exec(text)?.[1] ?? 'test'}.yaml`;
    const {plan, replan} = await this.#plan(file, text, options.set ?? []);
    const machine: Machine = {
      cpus: 2,
      memory: 2 ** 30,
      gpus: [],
      host: 'host',
      platform: 'test',
      system: ownPlatform(),
      ...options.machine,
    };
    const runner = new Runner({
      stores: {
        ...workspace,
        explain: (before, after) =>
          explainChanges(before, after, {
            manifestOf: digest => code.shelf.manifestOf(digest),
            filesOf: artifact => {
              const files = blobs.filesOf(artifact);
              return files.ok ? new Map(files.value.map(({path, digest}) => [path, digest])) : undefined;
            },
          }),
        lastStateOf: id => ledger.last(plan.pipeline, id),
        dropOutputs: async () => ({ok: true, value: null}),
      },
      executors: new ExecutorRouter({
        local: 'local',
        otherwise: 'local',
        nameOf: pool => pool,
        open: () => localExecutorOf(workspace, processes, machine, Date.now),
      }),
      surroundings: {
        project,
        cache: store,
        machine,
        destinationOf: () => ({platform: machine.system, gpus: machine.gpus.length, device: null}),
        largeCopy: options.largeCopy ?? 1e9,
        env: process.env,
        now: Date.now,
        random: () => 0.5,
      },
    });
    const run = this.#rig.nextRunId();
    const select = (from: Plan): Set<Plan['instances'][number]['id']> => {
      const wanted = options.selected;
      return new Set(from.instances.map(({id}) => id).filter(id => wanted?.includes(id) ?? true));
    };
    const events: RunEvent[] = [];
    const waiting = new Set<{readonly isWanted: (event: RunEvent) => boolean; done(event: RunEvent): void}>();
    const started = runner.run(
      {
        run,
        plan,
        selected: select(plan),
        replan: async files => {
          const answer = await replan(files);
          return answer.ok ? {ok: true, value: {plan: answer.value, selected: select(answer.value)}} : answer;
        },
        mode: options.mode ?? 'keep-going',
        forced: new Set(plan.instances.map(({id}) => id).filter(id => options.forced?.includes(id) ?? false)),
        wanted: new Set(),
        device: {kind: 'cpu', isAsked: false},
        mirror: null,
        replayLogs: options.replayLogs ?? false,
        git: async () => null,
        recorder: ledger.begin({
          run,
          pipeline: plan.pipeline,
          file,
          params: plan.params,
          argv: [],
          host: 'host',
          platform: 'test',
          startedAt: Date.now(),
        }),
      },
      event => {
        events.push(event);
        options.onEvent?.(event);
        for (const waiter of waiting) {
          if (!waiter.isWanted(event)) continue;
          waiting.delete(waiter);
          waiter.done(event);
        }
      },
    );
    return {
      run: started,
      finished: started.finished,
      events,
      until(isWanted) {
        const past = events.find(isWanted);
        return past !== undefined
          ? Promise.resolve(past)
          : new Promise(done => waiting.add({isWanted, done}));
      },
    };
  }

  async run(text: string, options: RigRunOptions = {}): Promise<Ended> {
    const {finished, events} = await this.start(text, options);
    return new Ended(await finished, events);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.processes.close();
    await Promise.all([this.workspace.cache.close(), this.workspace.claims.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #plan(file: string, text: string, set: readonly string[]) {
    try {
      const {plan: planWith} = await openPlanner({
        text,
        question: {file, profile: null, set, pools: ['local']},
        workspace: this.workspace,
        folders: {project: this.#rig.project, packageRoot},
        trees: {get: () => undefined, set: () => undefined},
      });
      const planned = await planWith(NO_FILES);
      if (!planned.ok) throw new UserMistakes(planned.error);
      return {plan: planned.value, replan: planWith};
    } catch (error) {
      if (error instanceof UserMistakes) throw new Error(drawAll(error.diagnostics));
      throw error;
    }
  }
}

/** A run that is over, for questions. */
export class Ended {
  readonly summary: RunSummary;
  readonly events: readonly RunEvent[];

  constructor(summary: RunSummary, events: readonly RunEvent[]) {
    this.summary = summary;
    this.events = events;
  }

  /** Ids of the instances with an outcome of this status, in plan order. */
  ids(status: Outcome['status']): string[] {
    return this.summary.plan.instances
      .map(({id}) => id)
      .filter(id => this.summary.outcomes.get(id)?.status === status);
  }

  outcome(id: string): Outcome {
    const found = [...this.summary.outcomes].find(([other]) => other === id);
    if (found === undefined) throw new Error(`${id} has no outcome`);
    return found[1];
  }

  /** Digests of outputs by `instance.output`, for comparing whole runs. */
  digests(): Record<string, string> {
    const digests: Record<string, string> = {};
    for (const [id, outcome] of this.summary.outcomes) {
      if (!('result' in outcome)) continue;
      for (const [name, {digest}] of Object.entries(outcome.result.outputs))
        digests[`${id}.${name}`] = digest;
      digests[`${id}#`] = JSON.stringify(outcome.result.metrics);
    }
    return digests;
  }

  notices(): string[] {
    return this.events.flatMap(event => (event.type === 'notice' ? [event.message] : []));
  }
}
