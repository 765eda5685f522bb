// What commands that look back ask: what is known of an instance for the parameters of this command line. The one
// place where results are looked up for people; a result of other parameters is handed out with `--last` alone.

import type {Action, ActionResult, Fingerprint} from '../action/action.ts';
import {describeChange} from '../action/explain.ts';
import type {Change, StageFailure} from '../action/outcome.ts';
import {mistake} from '../core/diagnostic.ts';
import type {Digest} from '../core/digest.ts';
import {assertNever} from '../core/result.ts';
import type {Instance, InstanceId, Plan} from '../plan/plan.ts';
import {describeFailure, quoteArgument} from '../report/failure.ts';
import {formatTime} from '../report/format.ts';
import {ActionBuilder} from '../run/action-builder.ts';
import {type Answer, Answers, type Lack} from '../run/answers.ts';
import {PlanReader} from '../run/plan-reader.ts';
import type {Stores} from '../run/stores.ts';
import {chooseDevice} from './device.ts';
import {MissingResult} from './exit.ts';
import type {Pipeline} from './pipeline.ts';
import {storesOf, surroundingsOf} from './pipeline-runner.ts';
import type {Options, Shell} from './shell.ts';

/** A try that gave no result. */
export interface FailedTry {
  readonly run: string;
  readonly at: number;
  /** `null` for one that was stopped, or that is under way. */
  readonly failure: StageFailure | null;
  /** The blob that holds its log; `null` where there was none to keep. */
  readonly log: Digest | null;
}

/** The newest result that an instance of this name has, of whatever parameters. */
export interface Other {
  readonly fingerprint: Fingerprint;
  readonly action: Action | undefined;
  readonly result: ActionResult;
  /** What has changed from there to what is asked for, as far as that is known. */
  readonly changes: readonly Change[];
}

interface Asked {
  readonly instance: Instance;
  /** The last try of this very action, where it failed or was stopped. */
  readonly failed: FailedTry | undefined;
}

export type Known =
  | (Asked & {
      readonly status: 'found';
      readonly fingerprint: Fingerprint;
      readonly action: Action | undefined;
      readonly result: ActionResult;
      /** With `--last`: in what it differs from what the parameters say; empty where it does not. */
      readonly changes: readonly Change[];
    })
  | (Asked & {
      readonly status: 'missing';
      readonly fingerprint: Fingerprint | null;
      readonly action: Action | null;
      readonly lack: Lack;
      readonly other: Other | undefined;
    });

export type Found = Extract<Known, {readonly status: 'found'}>;
export type Missing = Extract<Known, {readonly status: 'missing'}>;

export class Inquiry {
  readonly pipeline: Pipeline;
  readonly #answers: Answers;
  readonly #stores: Stores;
  readonly #options: Options;
  readonly #lastPlan: Plan | undefined;

  private constructor(
    pipeline: Pipeline,
    answers: Answers,
    stores: Stores,
    options: Options,
    lastPlan: Plan | undefined,
  ) {
    this.pipeline = pipeline;
    this.#answers = answers;
    this.#stores = stores;
    this.#options = options;
    this.#lastPlan = lastPlan;
  }

  static async open(shell: Shell, pipeline: Pipeline, options: Options): Promise<Inquiry> {
    const stores = storesOf(pipeline);
    const surroundings = surroundingsOf(shell, pipeline, options);
    const device = await chooseDevice(shell, pipeline, options, 'to look');
    const actions = new ActionBuilder(stores, surroundings, device, pipeline.plan.study);
    const {cache, blobs} = stores;
    const {replan} = pipeline;
    const answers = await Answers.open(pipeline.plan, {
      actions,
      cache,
      blobs,
      replan,
      lastStateOf: stores.lastStateOf,
    });
    const lastPlan = options.last ? await unfoldByLast(pipeline) : undefined;
    return new Inquiry(pipeline, answers, stores, options, lastPlan);
  }

  /** The plan with every cell and parameter that results have chosen: those of this plan, or with `--last` the last. */
  get plan(): Plan {
    return this.#lastPlan ?? this.#answers.plan;
  }

  /** What is known of each, in plan order. */
  async of(instances: readonly Instance[]): Promise<readonly Known[]> {
    const ids = new Set(this.#answers.plan.instances.map(({id}) => id));
    const answers = await this.#answers.of(instances.map(({id}) => id).filter(id => ids.has(id)));
    const all: Known[] = [];
    for (const instance of instances) all.push(await this.#know(instance, answers.get(instance.id)));
    return all;
  }

  async one(instance: Instance): Promise<Known> {
    const [known] = await this.of([instance]);
    if (known === undefined) throw new Error(`Internal error: nothing is known of ${instance.id}`);
    return known;
  }

  /** Its result. Throws `MissingResult` where there is none of these parameters. */
  async demand(instance: Instance): Promise<Found> {
    const known = await this.one(instance);
    return known.status === 'found' ? known : this.refuse(known);
  }

  /** Says what is missing, why, and what there is instead. */
  refuse(missing: Missing): never {
    throw new MissingResult([
      mistake('no-result', missingText(missing), undefined, {hint: this.#hint(missing)}),
    ]);
  }

  /** Leaves the store as it was found, apart from digests of files that were read on the way. */
  async close(): Promise<void> {
    this.pipeline.workspace.files.save();
    await this.pipeline.workspace.results.close();
  }

  async #know(instance: Instance, answer: Answer | undefined): Promise<Known> {
    const key = answer === undefined ? null : answer.status === 'found' ? answer.key : answer.key;
    const failed =
      key === null ? undefined : this.#failedTry(instance.id, key.fingerprint, answer?.status === 'missing');
    const asked = {instance, failed};
    if (this.#options.last || answer?.status !== 'found') {
      const other = await this.#otherOf(instance, key?.action ?? null);
      if (this.#options.last && other !== undefined) return {...asked, status: 'found', ...other};
      if (answer?.status !== 'found') {
        const lack = answer?.lack ?? {why: 'not-made'};
        const [fingerprint, action] = key === null ? [null, null] : [key.fingerprint, key.action];
        return {...asked, status: 'missing', fingerprint, action, lack, other};
      }
    }
    const {key: found, result} = answer;
    return {...asked, status: 'found', ...found, result, changes: []};
  }

  /** `searches`: also in the runs before the last one, since nothing else is known of this action. */
  #failedTry(id: InstanceId, fingerprint: Fingerprint, searches: boolean): FailedTry | undefined {
    const {ledger} = this.pipeline.workspace;
    const last = ledger.last(this.pipeline.plan.pipeline, id);
    const isLast = last?.fingerprint === fingerprint;
    if (isLast ? last.status === 'done' : !searches || last === undefined) return undefined;
    for (const {header, entry} of ledger.historyOf(this.pipeline.plan.pipeline, id)) {
      if (entry.status === 'unfinished' && entry.fingerprint === fingerprint)
        return {run: header.run, at: entry.startedAt, failure: null, log: null};
      if (entry.status !== 'finished' || entry.outcome.status !== 'failed') continue;
      const {outcome, at} = entry;
      if (outcome.fingerprint === fingerprint)
        return {run: header.run, at, failure: outcome.failure, log: outcome.log};
    }
    return undefined;
  }

  async #otherOf(instance: Instance, action: Action | null): Promise<Other | undefined> {
    const {ledger} = this.pipeline.workspace;
    const {cache} = this.#stores;
    const last = ledger.last(this.pipeline.plan.pipeline, instance.id);
    if (last?.result === undefined || last.resultOf === undefined) return undefined;
    const known = await cache.actionOf(last.resultOf);
    const before = known.ok ? known.value : undefined;
    // Without a key of its own, what can be compared is what the plan says.
    const after = action ?? (before && {...before, params: instance.params});
    const changes = before && after ? this.#stores.explain(before, after) : [];
    return {fingerprint: last.resultOf, action: before, result: last.result, changes};
  }

  #hint({instance, other, failed}: Missing): string {
    const {plan} = this.pipeline;
    const planning = [
      ...(this.#options.profile === undefined ? [] : ['--profile', this.#options.profile]),
      ...(this.#options.set ?? []).flatMap(change => ['--set', change]),
      ...(this.#options.device === undefined ? [] : ['--device', this.#options.device]),
    ];
    const words = ['run', plan.file, instance.id, ...planning].map(quoteArgument);
    const run = `pipe ${words.join(' ')}`;
    const log = failed?.log == null ? '' : `\`pipe log\` shows the log of the try that failed; `;
    if (other === undefined) return `${log}to make it: ${run}`;
    const {made} = other.result;
    const differs = other.changes.length === 0 ? '' : `: ${changesText(other.changes)} since then`;
    return `${log}its newest result is of run ${made.run}, ${formatTime(made.startedAt)}${differs}; --last gives that one; to make this one: ${run}`;
  }
}

const CHANGES_SHOWN = 4;

export function changesText(changes: readonly Change[]): string {
  const shown = changes.slice(0, CHANGES_SHOWN).map(describeChange).join(', ');
  const more = changes.length - CHANGES_SHOWN;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** `train[seed=1] has no result for these parameters: …`, without a full stop. */
export function missingText({instance: {id}, lack, failed, other}: Missing): string {
  if (failed !== undefined) {
    const how =
      failed.failure === null
        ? 'was stopped'
        : `failed: ${describeFailure(failed.failure).split('\n', 1)[0]}`;
    return `${id} has no result: its last try, in run ${failed.run}, ${how}`;
  }
  switch (lack.why) {
    case 'not-made':
      return other === undefined
        ? `${id} has no result yet`
        : `${id} has no result for these parameters, code and data`;
    case 'lost':
      return `${id} has no result any more: its output ${lack.output} is gone from the store, or damaged`;
    case 'behind': {
      const shown = lack.on.slice(0, 3).join(', ');
      const more = lack.on.length > 3 ? ` and ${lack.on.length - 3} more` : '';
      const have = lack.on.length === 1 ? 'has none' : 'have none';
      return other === undefined
        ? `${id} has no result yet: it needs ${shown}${more}, which ${have}`
        : `${id} has no result for these parameters: it needs ${shown}${more}, which ${have}`;
    }
    case 'impossible':
      return `${id} has no result that can be looked up: ${describeFailure(lack.failure)}`;
    default:
      return assertNever(lack);
  }
}

/** With every cell and parameter that last results have chosen; what cannot be read stays open. */
async function unfoldByLast({workspace, plan, replan}: Pipeline): Promise<Plan> {
  const reader = new PlanReader(workspace.blobs, replan);
  let whole = plan;
  for (;;) {
    const {planned} = await reader.read(whole, id => workspace.ledger.last(plan.pipeline, id)?.result);
    if (!planned) return whole;
    whole = planned.answer;
  }
}
