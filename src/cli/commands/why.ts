// `pipe why`: for each instance whether it would run, because of what, and where the cause lies if it is further up.

import type {Action} from '../../action/action.ts';
import {describeChange, describePrefix, explainStaleness} from '../../action/explain.ts';
import type {Json} from '../../core/json.ts';
import type {Instance, InstanceId} from '../../plan/plan.ts';
import {producersOf} from '../../plan/plan-graph.ts';
import {describeFailure} from '../../report/failure.ts';
import {formatTime} from '../../report/format.ts';
import {type Palette, paletteOf} from '../../report/palette.ts';
import {type Predictions, reasonOf} from '../../report/prediction-lines.ts';
import {EXIT, type ExitCode, UserMistakes} from '../exit.ts';
import {Inquiry} from '../inquiry.ts';
import {openPipeline, type Pipeline} from '../pipeline.ts';
import {findInstances} from '../results.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {drawKey} from '../show/key-text.ts';
import {print, printJson} from '../surroundings.ts';
import {foresee} from './plan.ts';

export async function why(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const opened = await openPipeline(shell, args, options);
  const everything = {...opened, chosen: {...opened.chosen, rest: []}};
  const forecast = await foresee(shell, everything, {...options, force: false});
  if (forecast.mistakes.length > 0) throw new UserMistakes(forecast.mistakes);
  const {plan, predictions} = forecast;
  const pipeline = {...opened, plan};
  const asked = findInstances(plan, opened.chosen.rest);
  if (options.json) {
    printJson(
      outside,
      asked.map(
        ({id}): Json => ({
          id,
          will: predictions.get(id)?.will ?? null,
          why: reasonOf(predictions.get(id)),
          causes: causesOf(pipeline, id, predictions),
        }),
      ),
    );
    return EXIT.ok;
  }
  const palette = paletteOf(outside.stdout.colors);
  // The whole key of each cached instance would drown the reasons of the others, unless it is asked about.
  const isNamed = opened.chosen.rest.length > 0;
  const keys = isNamed ? await keysOf(shell, opened, asked, options) : new Map<InstanceId, Action>();
  const blocks = asked.map(instance => {
    const block = explain(pipeline, instance, predictions, palette);
    const action = predictions.get(instance.id)?.will === 'reuse' ? keys.get(instance.id) : undefined;
    return action === undefined ? block : [...block, ...drawKey(pipeline.workspace, action, palette)];
  });
  print(
    outside,
    blocks.flatMap((block, index) => (index > 0 && block.length > 1 ? ['', ...block] : block)),
  );
  return EXIT.ok;
}

/** The actions of those that have a result. */
async function keysOf(
  shell: Shell,
  pipeline: Pipeline,
  asked: readonly Instance[],
  options: Options,
): Promise<ReadonlyMap<InstanceId, Action>> {
  const inquiry = await Inquiry.open(shell, pipeline, options);
  const known = await inquiry.of(asked);
  await inquiry.close();
  return new Map(known.flatMap(({instance, action}) => (action ? [[instance.id, action] as const] : [])));
}

function explain(pipeline: Pipeline, {id}: Instance, predictions: Predictions, palette: Palette): string[] {
  const name = palette.name(id);
  const prediction = predictions.get(id);
  switch (prediction?.will) {
    case undefined:
      return [];
    case 'reuse':
      return [
        `${palette.cached('●')} ${name} ${palette.cached('is cached')}${madeBy(pipeline, id, palette)}`,
        ...(prediction.frozen === undefined ? [] : [`    ${reasonOf(prediction)}`]),
        ...prediction.dropped.map(
          output => `    ${output} is temporary, and dropped: made again when it is needed`,
        ),
      ];
    case 'execute': {
      const head = `${palette.running('▸')} ${name} ${palette.running('runs')}`;
      const {stale} = prediction;
      if (stale.why !== 'changed' || stale.changes.length === 0) return [`${head}: ${reasonOf(prediction)}`];
      const {prefix} = prediction;
      const rest = prefix === null ? [] : [`    it ${describePrefix(prefix)}`];
      return [`${head}, because`, ...stale.changes.map(change => `    ${describeChange(change)}`), ...rest];
    }
    case 'follow':
    case 'depend': {
      const causes = causesOf(pipeline, id, predictions).map(cause => {
        const found = predictions.get(cause as InstanceId);
        return `    ${cause}: ${reasonOf(found)}`;
      });
      if (prediction.will === 'follow') {
        const head = `${palette.running('▸')} ${name} ${palette.running('will run')}: ${explainStaleness(prediction.stale)}; first`;
        return [head, ...causes];
      }
      const when =
        prediction.for === 'choice'
          ? `runs once ${prediction.on} has chosen its parameters`
          : 'runs if what it reads changes';
      const head = `${palette.warning('?')} ${name} ${palette.warning(when)}; first`;
      return [head, ...causes];
    }
    case 'fail':
      return [
        `${palette.failed('✗')} ${name} ${palette.failed('cannot run')}: ${describeFailure(prediction.failure)}`,
      ];
  }
}

function madeBy({workspace, plan}: Pipeline, id: InstanceId, palette: Palette): string {
  const made = workspace.ledger.last(plan.pipeline, id)?.result?.made;
  return made === undefined ? '' : palette.dim(`, made by run ${made.run} at ${formatTime(made.startedAt)}`);
}

/** The nearest instances above that run, or cannot, by themselves. */
function causesOf({plan}: Pipeline, id: InstanceId, predictions: Predictions): string[] {
  const byId = new Map(plan.instances.map(instance => [instance.id, instance]));
  const seen = new Set<InstanceId>();
  const causes: InstanceId[] = [];
  const visit = (at: InstanceId): void => {
    const instance = byId.get(at);
    for (const producer of instance ? producersOf(instance) : []) {
      if (seen.has(producer)) continue;
      seen.add(producer);
      const will = predictions.get(producer)?.will;
      if (will === 'execute' || will === 'fail') causes.push(producer);
      else if (will === 'depend' || will === 'follow') visit(producer);
    }
  };
  const will = predictions.get(id)?.will;
  if (will === 'depend' || will === 'follow') visit(id);
  return causes;
}
