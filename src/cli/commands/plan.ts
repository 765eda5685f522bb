// `pipe plan`: what a run would do and why, found without executing anything; and `pipe run --dry-run`.

import type {Json} from '../../core/json.ts';
import type {ExecutorRouter} from '../../exec/router.ts';
import type {Plan} from '../../plan/plan.ts';
import {paletteOf} from '../../report/palette.ts';
import {type Predictions, predictionLines, reasonOf} from '../../report/prediction-lines.ts';
import type {Forecast} from '../../run/forecast.ts';
import {chooseDevice} from '../device.ts';
import {EXIT, type ExitCode, UserMistakes} from '../exit.ts';
import type {Pipeline} from '../pipeline.ts';
import {chooseInstances, openPipelineToRun, openRunner} from '../pipeline-runner.ts';
import {drawDiagnostics} from '../report-error.ts';
import {missingRequirements} from '../requirements.ts';
import {onEach} from '../several-pipelines.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';

/** Exit code 10 where something would run, or where that is known only when matrix files are there. */
export async function plan(shell: Shell, invocation: Invocation): Promise<ExitCode> {
  return (await onEach(shell, invocation, each => planOne(shell, each))) ?? planOne(shell, invocation);
}

async function planOne(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const pipeline = await openPipelineToRun(shell, args, options);
  if (pipeline.warnings.length > 0) await drawDiagnostics(pipeline.warnings, shell);
  const {executors, ...forecast} = await foresee(shell, pipeline, options);
  const outside = {executors, env: shell.outside.env};
  const missing = await missingRequirements(pipeline, outside, async () => forecast);
  const mistakes = [...forecast.mistakes, ...missing];
  if (mistakes.length > 0) throw new UserMistakes(mistakes);
  const {plan: whole, predictions} = forecast;
  const isWork = whole.pending.length > 0 || [...predictions.values()].some(({will}) => will !== 'reuse');
  show(shell, whole, predictions, options);
  return isWork ? EXIT.work : EXIT.ok;
}

/** As `plan`, but whoever asked for a run is told so by the exit code of one. */
export async function dryRun(shell: Shell, invocation: Invocation): Promise<ExitCode> {
  const code = await plan(shell, invocation);
  return code === EXIT.work ? EXIT.ok : code;
}

export interface Foreseen extends Forecast {
  /** What would run it; closed, and good for questions. */
  readonly executors: ExecutorRouter;
}

/** What a run would do, and the plan as far as results that are there unfold it. */
export async function foresee(shell: Shell, pipeline: Pipeline, options: Options): Promise<Foreseen> {
  const {runner, executors, close} = await openRunner(shell, pipeline, options);
  try {
    const device = await chooseDevice(shell, pipeline, options, 'to run');
    const scope = chooseInstances(pipeline, options);
    return {...(await runner.forecast({plan: pipeline.plan, ...scope, device})), executors};
  } finally {
    pipeline.workspace.files.save();
    await close();
  }
}

function show({outside}: Shell, plan: Plan, predictions: Predictions, options: Options): void {
  if (options.json) {
    printJson(outside, {
      pipeline: plan.pipeline,
      file: plan.file,
      instances: [...predictions].map(
        ([id, prediction]): Json => ({id, will: prediction.will, why: reasonOf(prediction)}),
      ),
      pending: plan.pending.map(({stage, from}): Json => ({stage, from: from.id})),
    });
    return;
  }
  print(outside, predictionLines(plan, predictions, paletteOf(outside.stdout.colors), options.all === true));
}
