// A result by the beginning of its key, whatever pipeline and parameters it is of: what `pipe trace` and reports name.

import type {Action, ActionResult, Fingerprint} from '../../action/action.ts';
import type {Json} from '../../core/json.ts';
import {printable} from '../../core/printable.ts';
import {formatValue} from '../../report/format.ts';
import type {Palette} from '../../report/palette.ts';
import {refuse} from '../exit.ts';
import {readLog} from '../results.ts';
import type {Workspace} from '../workspace.ts';
import {describeContent, drawCode, drawLog, drawResult, environmentRows} from './instance-text.ts';
import {madeRows} from './made.ts';
import {drawPairs, type Painted} from './pairs.ts';

interface FoundAction {
  readonly fingerprint: Fingerprint;
  readonly action: Action;
  /** The newest. */
  readonly result: ActionResult | undefined;
}

/** `undefined` where no key begins so. */
export async function findAction(
  {cache, results}: Workspace,
  prefix: string,
): Promise<FoundAction | undefined> {
  const all = await cache.fingerprints();
  const found = all.ok ? all.value.filter(each => each.startsWith(prefix)) : [];
  const [fingerprint] = found;
  if (fingerprint === undefined) return undefined;
  if (found.length > 1)
    refuse('several-results', `expected one result, got ${found.length} whose keys begin with ${prefix}`);
  const action = await results.actionOf(fingerprint);
  if (!action.ok || action.value === undefined) return undefined;
  const made = await results.resultsOf(fingerprint);
  return {fingerprint, action: action.value, result: made.ok ? made.value.at(-1) : undefined};
}

export async function drawAction(
  workspace: Workspace,
  {fingerprint, action, result}: FoundAction,
  palette: Palette,
): Promise<string[]> {
  const {params, inputs, work} = action;
  const lines = [
    `${palette.name(fingerprint)} ${palette.dim('a key')}`,
    ...(work.kind === 'shell' ? [palette.dim(printable(work.command.trim().split('\n', 1)[0] ?? ''))] : []),
    ...drawPairs(
      'parameters',
      Object.entries(params).map(([name, value]) => [name, printable(formatValue(value))]),
      palette,
    ),
    ...drawPairs(
      'inputs',
      Object.entries(inputs).map(([name, input]): Painted => [name, describeContent(input)]),
      palette,
    ),
    ...drawPairs('environment', environmentRows(action, palette), palette),
    ...(result === undefined ? [] : drawResult(result, palette)),
    ...drawCode(workspace, action, palette),
  ];
  if (result === undefined) return [...lines, '', palette.warning('it has no result')];
  lines.push(...drawPairs('made', madeRows(result, fingerprint), palette));
  return [...lines, ...drawLog(await readLog(workspace, result.log), palette)];
}

export const actionJson = ({fingerprint, action, result}: FoundAction): Json => ({
  fingerprint,
  params: action.params,
  device: action.device,
  outputs: result === undefined ? null : {...result.outputs},
  metrics: result?.metrics ?? null,
  made: result === undefined ? null : {...result.made},
});
