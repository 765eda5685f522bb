// `pipe plan`: what a run would do and why, found without executing anything; and `pipe run --dry-run`.

import type {Json} from '../../core/json.ts';
import {paletteOf} from '../../report/palette.ts';
import {type Predictions, predictionLines, reasonOf} from '../../report/prediction-lines.ts';
import {EXIT, type ExitCode} from '../exit.ts';
import {openPipeline, type Pipeline} from '../pipeline.ts';
import {chooseInstances, deviceOf, openRunner} from '../pipeline-runner.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {print, printJson} from '../surroundings.ts';

/** Exit code 10 where something would run, or where that is known only when matrix files are there. */
export async function plan(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const pipeline = await openPipeline(shell, args, options);
  const predictions = await predict(shell, pipeline, options);
  const isWork =
    pipeline.plan.pending.length > 0 || [...predictions.values()].some(({will}) => will !== 'reuse');
  show(shell, pipeline, predictions, options);
  return isWork ? EXIT.work : EXIT.ok;
}

/** As `plan`, but whoever asked for a run is told so by the exit code of one. */
export async function dryRun(shell: Shell, invocation: Invocation): Promise<ExitCode> {
  const code = await plan(shell, invocation);
  return code === EXIT.work ? EXIT.ok : code;
}

export async function predict(shell: Shell, pipeline: Pipeline, options: Options): Promise<Predictions> {
  const {runner, close} = openRunner(shell, pipeline, options);
  try {
    const {selected, forced} = chooseInstances(pipeline, options);
    const device = deviceOf(pipeline, options);
    return await runner.predict({plan: pipeline.plan, selected, forced, device});
  } finally {
    pipeline.workspace.files.save();
    await close();
  }
}

function show({outside}: Shell, {plan}: Pipeline, predictions: Predictions, options: Options): void {
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
