// `pipe reproduce`: makes everything again in an empty store of its own, and compares it with the lock file. Neither
// the project's cache nor what it publishes is touched. All of it runs on this machine: what machines share has the results.

import {rmSync} from 'node:fs';
import {resolve} from 'node:path';
import type {Digest} from '../../core/digest.ts';
import {assertNever, ok} from '../../core/result.ts';
import type {Plan} from '../../plan/plan.ts';
import type {WireComparison} from '../../report/event-schema.ts';
import {formatNumber, plural} from '../../report/format.ts';
import {type Palette, paletteOf} from '../../report/palette.ts';
import {type Lock, lockPathOf, readLock} from '../../store/ledger/lock-file.ts';
import type {BlobStore} from '../../store/store.ts';
import {allHere} from '../executor-config.ts';
import {EXIT, type ExitCode, refuse, UserMistakes} from '../exit.ts';
import {openPipeline, type Pipeline} from '../pipeline.ts';
import {openRunner} from '../pipeline-runner.ts';
import {type Compared, compareWithLock, type Deviation} from '../reproduction.ts';
import {makeScratchStore} from '../scratch-store.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';
import {openWorkspace} from '../workspace.ts';
import {execute} from './run.ts';

/** Sums in another order on another machine stay well below this; another result does not. */
const TOLERANCE = 1e-3;
const DEVIATIONS_SHOWN = 3;
/** Larger files are no tables. Bytes. */
const LONGEST_TEXT = 4e6;

export async function reproduce(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const original = await openPipeline(shell, args, options);
  const lock = lockOf(original);
  const tolerance = options.tolerance ?? TOLERANCE;
  const store = makeScratchStore();
  try {
    const opened = await openWorkspace(shell, original.workspace.project, {scratch: store});
    const {config} = opened;
    const workspace = {...opened, config: {...config, executors: allHere(config.executors)}};
    const pipeline: Pipeline = {
      ...original,
      workspace,
      plan: withoutPublishing(original.plan),
      async replan(files) {
        const planned = await original.replan(files);
        return planned.ok ? ok(withoutPublishing(planned.value)) : planned;
      },
    };
    const runner = await openRunner(shell, pipeline, options);
    try {
      const summary = await execute(shell, pipeline, runner, options, original.workspace.ledger);
      if (summary.isStopped) return EXIT.interrupted;
      const textOf = (digest: Digest): string | undefined =>
        readText(workspace.blobs, digest) ?? readText(original.workspace.blobs, digest);
      const compared = compareWithLock(summary.plan, lock, summary.outcomes, {tolerance, textOf});
      if (options.json) outside.stdout.screen.write(`${JSON.stringify(asJson(compared, tolerance))}\n`);
      else print(outside, ['', ...draw(compared, tolerance, paletteOf(outside.stdout.colors))]);
      const isSame = compared.every(({verdict}) => verdict.is !== 'different' && verdict.is !== 'failed');
      return isSame ? EXIT.ok : EXIT.failed;
    } finally {
      await runner.close();
    }
  } finally {
    rmSync(store, {recursive: true, force: true});
  }
}

function lockOf({workspace, chosen, plan}: Pipeline): Lock {
  const shown = lockPathOf(plan);
  const lock = readLock(resolve(workspace.project, shown), shown);
  if (!lock.ok) throw new UserMistakes([lock.error]);
  if (lock.value.size > 0) return lock.value;
  return refuse(
    'no-lock-file',
    `expected results of ${plan.pipeline} to compare with, but ${shown} has none`,
    `\`pipe run ${chosen.file}\` writes it`,
  );
}

const withoutPublishing = (plan: Plan): Plan => ({
  ...plan,
  instances: plan.instances.map(instance => ({...instance, publish: null})),
});

/** `undefined` for what is not there, too long, or no UTF-8. */
function readText(blobs: BlobStore, digest: Digest): string | undefined {
  const bytes = blobs.read(digest);
  if (!bytes.ok || bytes.value.length > LONGEST_TEXT) return undefined;
  try {
    return new TextDecoder('utf-8', {fatal: true}).decode(bytes.value);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

const countOf = (compared: readonly Compared[], is: Compared['verdict']['is']): number =>
  compared.filter(({verdict}) => verdict.is === is).length;

function draw(compared: readonly Compared[], tolerance: number, palette: Palette): string[] {
  const lines = compared.flatMap(each => verdictLines(each, palette));
  const others = compared.filter(({hasOtherKey}) => hasOtherKey).length;
  if (others > 0) {
    const what = `${plural(others, 'instance')} ${others === 1 ? 'has' : 'have'} other code or parameters`;
    lines.push(`${palette.warning('!')} ${what} than when the lock file was written`);
  }
  const different = countOf(compared, 'different');
  const failed = countOf(compared, 'failed');
  const tally = [
    [countOf(compared, 'bit-equal'), 'bit-equal', palette.done],
    [countOf(compared, 'within-tolerance'), `within ${percent(tolerance)}`, palette.warning],
    [different, 'different', palette.failed],
    [failed, 'without a result', palette.failed],
  ] as const;
  const said = tally.flatMap(([count, what, paint]) => (count > 0 ? [paint(`${count} ${what}`)] : []));
  const isSame = different + failed === 0;
  const head = isSame ? `${palette.done('✓')} reproduced` : `${palette.failed('✗')} not reproduced`;
  return [...lines, `${head}: ${said.length > 0 ? said.join(', ') : 'nothing to compare'}`];
}

/** Nothing for what is equal, and for what the run has told of already. */
function verdictLines({id, verdict}: Compared, palette: Palette): string[] {
  const name = palette.name(id);
  switch (verdict.is) {
    case 'within-tolerance':
      return [`${palette.warning('≈')} ${name}${deviationsLine(verdict.deviations, palette)}`];
    case 'different': {
      const bytes = verdict.outputs.length > 0 ? `  ${verdict.outputs.join(', ')} in other bytes` : '';
      return [`${palette.failed('✗')} ${name}${deviationsLine(verdict.deviations, palette)}${bytes}`];
    }
    case 'unknown':
      return [`${palette.dim('·')} ${name}  ${palette.dim('not in the lock file')}`];
    case 'volatile':
      return [`${palette.dim('·')} ${name}  ${palette.dim('volatile: not compared')}`];
    case 'failed':
    case 'bit-equal':
      return [];
    default:
      return assertNever(verdict);
  }
}

function deviationsLine(deviations: readonly Deviation[], palette: Palette): string {
  const shown = deviations
    .slice(0, DEVIATIONS_SHOWN)
    .map(
      ({name, before, after, relative}) =>
        `${name} ${figure(before)} → ${figure(after)} ${palette.dim(`(${percent(relative)})`)}`,
    );
  const more = deviations.length - shown.length;
  if (more > 0) shown.push(palette.dim(`and ${more} more`));
  return shown.length === 0 ? '' : `  ${shown.join(', ')}`;
}

const figure = (value: number | undefined): string => (value === undefined ? 'none' : formatNumber(value));

/** Two significant digits: `0.1 %`, `3.2 %`. */
const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`;

const asJson = (compared: readonly Compared[], tolerance: number): WireComparison => ({
  type: 'compared',
  tolerance,
  instances: compared.map(({id, verdict, hasOtherKey}) => ({
    id,
    verdict: verdict.is,
    hasOtherKey,
    deviations:
      'deviations' in verdict
        ? verdict.deviations.map(({name, before, after, relative}) => ({
            name,
            before: before ?? null,
            after: after ?? null,
            relative,
          }))
        : [],
    outputs: 'outputs' in verdict ? [...verdict.outputs] : [],
  })),
});
