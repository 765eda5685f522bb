// `pipe run`: runs what changed, shows it while it happens, writes the lock file and prints the published tables.

import {statSync} from 'node:fs';
import {resolve} from 'node:path';
import type {GitState} from '../../action/action.ts';
import type {Diagnostic} from '../../core/diagnostic.ts';
import type {ExecutorRouter} from '../../exec/router.ts';
import type {InstanceId, Plan} from '../../plan/plan.ts';
import {AUDIT_LIMITS} from '../../report/audit-text.ts';
import type {RecordedDuration} from '../../report/estimate.ts';
import {plural} from '../../report/format.ts';
import {type Palette, paletteOf} from '../../report/palette.ts';
import {createProgress} from '../../report/progress.ts';
import type {Reporter} from '../../report/reporter.ts';
import {JsonLines} from '../../report/wire.ts';
import {type OfStage, type PublicationCheck, Publisher} from '../../run/publication.ts';
import type {RunSummary} from '../../run/request.ts';
import {wishOf} from '../../run/resources.ts';
import type {Ledger} from '../../store/ledger/ledger.ts';
import {type Lock, lockPathOf, readLock} from '../../store/ledger/lock-file.ts';
import {newRunId} from '../../store/ledger/run-id.ts';
import type {RunRecorder} from '../../store/store.ts';
import {chooseDevice} from '../device.ts';
import {EXIT, type ExitCode, refuse, UserMistakes} from '../exit.ts';
import {tellFullDisk} from '../full-disk.ts';
import {gitStateOf} from '../git-state.ts';
import {lockResults} from '../lock-results.ts';
import {type Pipeline, rememberPipeline} from '../pipeline.ts';
import {chooseInstances, type OpenRunner, openPipelineToRun, openRunner} from '../pipeline-runner.ts';
import {drawDiagnostics} from '../report-error.ts';
import {missingRequirements} from '../requirements.ts';
import {onEach} from '../several-pipelines.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';
import {settleTraffic} from '../traffic.ts';

export async function run(shell: Shell, invocation: Invocation): Promise<ExitCode> {
  if (invocation.options.dryRun) {
    const {dryRun} = await import('./plan.ts');
    return dryRun(shell, invocation);
  }
  return (
    (await onEach(shell, invocation, each => runPipeline(shell, each))) ?? runPipeline(shell, invocation)
  );
}

async function runPipeline(shell: Shell, invocation: Invocation): Promise<ExitCode> {
  const {args, options} = invocation;
  const pipeline = await openPipelineToRun(shell, args, options);
  if (options.detach) {
    // Mistakes have been told by now: what goes on in the background has none that its author could mend.
    chooseInstances(pipeline, options);
    const {detach} = await import('../detached.ts');
    return detach(shell, pipeline.workspace.store);
  }
  rememberPipeline(pipeline);
  if (pipeline.warnings.length > 0) await drawDiagnostics(pipeline.warnings, shell);
  if (options.watch) {
    const {watch} = await import('../watch.ts');
    return watch(shell, invocation, pipeline, runOnce);
  }
  const runner = await openRunner(shell, pipeline, options);
  try {
    return await runOnce(shell, pipeline, runner, options);
  } finally {
    await runner.close();
  }
}

/** One run over the plan of `pipeline`, from the selection to the lock file and the tables. */
export async function runOnce(
  shell: Shell,
  pipeline: Pipeline,
  runner: OpenRunner,
  options: Options,
): Promise<ExitCode> {
  const {outside} = shell;
  const summary = await execute(shell, pipeline, runner, options, pipeline.workspace.ledger);
  lockResults(shell, pipeline, summary);
  await settleTraffic(shell, pipeline.workspace);
  if (!options.json && options.audit) print(outside, auditNotes(summary, paletteOf(outside.stdout.colors)));
  if (!options.json && summary.plan.instances.some(({publish}) => publish !== null)) {
    const {publishedTables} = await import('../published-tables.ts');
    print(outside, publishedTables(pipeline.workspace.blobs, summary, outside.stdout));
  }
  await tellFullDisk(shell, pipeline, summary);
  return exitCodeOf(summary);
}

/**
 * Runs what the options select, and shows it while it happens; an interrupt ends it. `past`: where durations of
 * earlier runs are, for the time that is left.
 */
export async function execute(
  shell: Shell,
  pipeline: Pipeline,
  {runner, machine, executors}: OpenRunner,
  options: Options,
  past: Ledger,
): Promise<RunSummary> {
  const {outside, argv} = shell;
  const {plan, workspace, chosen} = pipeline;
  const {selected, forced, wanted, replan} = chooseInstances(pipeline, options);
  const mirror = mirrorOf(shell, pipeline, options);
  const device = await chooseDevice(shell, pipeline, options, 'to run');
  const missing = await missingRequirements(pipeline, {executors, env: outside.env}, () =>
    runner.forecast({plan, selected, forced: new Set(forced), wanted, replan, device}),
  );
  const inTheWay = await publicationsInTheWay(pipeline, selected);
  const mistakes = [...missing, ...(await atPublish(pipeline, inTheWay.mistakes))];
  if (mistakes.length > 0) throw new UserMistakes(mistakes);
  if (inTheWay.warnings.length > 0)
    await drawDiagnostics(await atPublish(pipeline, inTheWay.warnings), shell);
  const now = outside.clock.now();
  const id = newRunId(now, outside.random);
  const recorder = workspace.ledger.begin({
    run: id,
    pipeline: plan.pipeline,
    file: chosen.file,
    params: plan.params,
    argv,
    host: machine.host,
    platform: machine.platform,
    startedAt: now,
  });
  const recorded = (instance: InstanceId): number | undefined =>
    past.last(plan.pipeline, instance)?.durationMs;
  const reporter = await reporterOf(shell, recorded, slotsOf(plan, executors), options);
  let git: Promise<GitState | null> | undefined;
  const running = runner.run(
    {
      run: id,
      plan,
      selected,
      replan,
      mode: options.failFast ? 'fail-fast' : 'keep-going',
      forced,
      wanted,
      device,
      mirror,
      replayLogs: options.replay === true,
      git: () => (git ??= recordGit(workspace.project, recorder)),
      recorder,
    },
    event => reporter.onEvent(event),
  );
  const release = outside.onInterrupt(signal => running.stop(signal === 'SIGINT' ? 'in-order' : 'at-once'));
  try {
    return await running.finished;
  } finally {
    release();
    reporter.close();
  }
}

async function recordGit(project: string, recorder: RunRecorder): Promise<GitState | null> {
  const state = await gitStateOf(project);
  if (state !== null) recorder.git(state);
  return state;
}

/** What an audit could not look at. */
function auditNotes({counts}: RunSummary, palette: Palette): string[] {
  const cached = `${plural(counts.cached, 'cached instance')} not looked at; --force runs them`;
  return [...(counts.cached > 0 ? [cached] : []), AUDIT_LIMITS].map(line => palette.dim(`audit: ${line}`));
}

/** What is in the way of what the selected instances publish. */
async function publicationsInTheWay(
  {plan, workspace}: Pipeline,
  selected: ReadonlySet<InstanceId>,
): Promise<PublicationCheck> {
  const publishing = plan.instances.filter(({id, publish}) => publish !== null && selected.has(id));
  if (publishing.length === 0) return {mistakes: [], warnings: []};
  const {project, store, blobs, files, claims, ledger} = workspace;
  const publisher = new Publisher({
    project,
    store,
    pipeline: plan.file,
    profile: plan.profile,
    blobs,
    files,
    claims,
  });
  let lock: Lock | undefined;
  return publisher.check(publishing, id => {
    const last = ledger.last(plan.pipeline, id)?.result?.outputs;
    if (last !== undefined) return last;
    if (lock === undefined) {
      const shown = lockPathOf(plan);
      const read = readLock(resolve(project, shown), shown);
      lock = read.ok ? read.value : new Map();
    }
    return lock.get(id)?.outputs;
  });
}

/** With the places where the stages say that they publish. */
async function atPublish(pipeline: Pipeline, said: readonly OfStage[]): Promise<readonly Diagnostic[]> {
  if (said.length === 0) return [];
  const {stages} = await pipeline.spec();
  return said.map(({stage, diagnostic}) => ({...diagnostic, span: stages.get(stage)?.publish?.span}));
}

/** How many instances may run at once, wherever. */
function slotsOf({instances}: Plan, executors: ExecutorRouter): number {
  const names = new Set(instances.map(instance => executors.nameFor(wishOf(instance))));
  return [...names].reduce((sum, name) => sum + executors.named(name).capabilities().cpus, 0);
}

function exitCodeOf({counts, isStopped, diagnostics}: RunSummary): ExitCode {
  if (isStopped) return EXIT.interrupted;
  if (counts.failed > 0) return EXIT.failed;
  return diagnostics.some(({severity}) => severity === 'error') ? EXIT.mistake : EXIT.ok;
}

async function reporterOf(
  {outside}: Shell,
  recorded: RecordedDuration,
  slots: number,
  options: Options,
): Promise<Reporter> {
  const {stdout, clock} = outside;
  if (options.json) return new JsonLines(stdout.screen.write);
  return createProgress({
    isTerminal: stdout.isTerminal,
    palette: paletteOf(stdout.colors),
    clock,
    screen: stdout.screen,
    slots,
    recorded,
    announcesStarts: options.explain === true,
    showsLogs: options.logs === true,
  });
}

/** The folder that downloads look into first. Throws for one that is not there. */
function mirrorOf({outside}: Shell, {workspace}: Pipeline, options: Options): string | null {
  const [said, base] =
    options.mirror !== undefined
      ? [options.mirror, outside.cwd]
      : [workspace.config.mirror, workspace.project];
  if (said === null) return null;
  const path = resolve(base, said);
  if (statSync(path, {throwIfNoEntry: false})?.isDirectory() !== true) {
    return refuse(
      'no-mirror',
      `expected a folder for --mirror, found none at ${path}`,
      'it holds one folder per data set, such as mnist/train-images-idx3-ubyte.gz',
    );
  }
  return path;
}
