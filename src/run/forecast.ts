// What a run would do with each instance, found without executing or writing anything. The plan unfolds on the way, as
// far as results that are there give its cells and parameters.

import type {Prefix} from '../action/action.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {Instance, InstanceId, Plan, Producer} from '../plan/plan.ts';
import {producerName} from '../plan/plan-files.ts';
import {producersOf} from '../plan/plan-graph.ts';
import type {Made} from './action-builder.ts';
import {lackedBy} from './dropped.ts';
import {PlanReader} from './plan-reader.ts';
import {findPrefix} from './prefixes.ts';
import {canReuse, type Due, type Need, needOf, type Rebuilder} from './rebuilder.ts';
import type {Prediction, RunRequest} from './request.ts';
import type {Stores} from './stores.ts';

/** What a forecast needs of a request. */
export type ForecastRequest = Pick<
  RunRequest,
  'plan' | 'selected' | 'forced' | 'wanted' | 'device' | 'replan'
>;

export interface Forecast {
  /** The plan with every cell and parameter that results which are there have chosen. */
  readonly plan: Plan;
  /** What would become of each selected instance. */
  readonly predictions: ReadonlyMap<InstanceId, Prediction>;
  /** What is wrong with files that the plan reads. */
  readonly mistakes: readonly Diagnostic[];
}

const awaitedBy = ({choosers}: Instance): Producer | undefined =>
  choosers.find(({gives}) => gives === null)?.from;

export class Forecaster {
  readonly #rebuilder: Rebuilder;
  readonly #reader: PlanReader<{readonly plan: Plan; readonly selected: ReadonlySet<InstanceId>}>;
  readonly #request: ForecastRequest;
  readonly #stores: Stores;
  readonly #made = new Map<InstanceId, Made>();
  readonly #predictions = new Map<InstanceId, Prediction>();
  /** Outputs of results that are known and whose bytes are not there. */
  readonly #dropped = new Map<InstanceId, readonly string[]>();

  constructor(rebuilder: Rebuilder, stores: Stores, request: ForecastRequest) {
    this.#rebuilder = rebuilder;
    this.#reader = new PlanReader(stores.blobs, request.replan);
    this.#request = request;
    this.#stores = stores;
  }

  async forecast(): Promise<Forecast> {
    let {plan, selected} = this.#request;
    const mistakes: Diagnostic[] = [];
    for (;;) {
      await this.#look(plan, selected);
      const read = await this.#reader.read(plan, id => this.#made.get(id)?.result);
      mistakes.push(...read.mistakes);
      if (!read.planned) break;
      ({plan, selected} = read.planned.answer);
    }
    for (const instance of plan.instances) this.#refuse(instance);
    for (const instance of plan.instances.toReversed()) this.#makeAgain(instance);
    const chosen = [...this.#predictions].filter(([id]) => selected.has(id));
    return {plan, predictions: new Map(chosen), mistakes};
  }

  async #look(plan: Plan, selected: ReadonlySet<InstanceId>): Promise<void> {
    for (const instance of plan.instances) {
      const before = this.#predictions.get(instance.id);
      if (before && before.will !== 'depend' && before.will !== 'follow') continue;
      const need = needOf(instance.id, this.#request, selected.has(instance.id));
      this.#predictions.set(instance.id, await this.#predict(instance, need));
    }
  }

  /** What will run needs the bytes of what it takes, and so may what made those. */
  #makeAgain(instance: Instance): void {
    const will = this.#predictions.get(instance.id)?.will;
    if (will !== 'execute' && will !== 'follow') return;
    for (const id of lackedBy(instance, producer => this.#dropped.get(producer) ?? [])) {
      const [output] = this.#dropped.get(id) ?? [];
      if (output !== undefined)
        this.#predictions.set(id, {will: 'execute', stale: {why: 'dropped', output}, prefix: null});
    }
  }

  async #predict(instance: Instance, need: Need): Promise<Prediction> {
    const awaited = awaitedBy(instance)?.id;
    const on = awaited ?? producersOf(instance).find(id => !this.#made.has(id));
    if (on !== undefined) {
      const stale = this.#rebuilder.runsAnyway(instance, need === 'anew');
      return stale
        ? {will: 'follow', on, stale}
        : {will: 'depend', on, for: awaited === undefined ? 'input' : 'choice'};
    }
    const decision = await this.#rebuilder.decide(instance, this.#madeBy, need);
    switch (decision.will) {
      case 'reuse':
        this.#made.set(instance.id, {instance, fingerprint: decision.fingerprint, result: decision.result});
        if (decision.dropped.length > 0) this.#dropped.set(instance.id, decision.dropped);
        return {
          will: 'reuse',
          dropped: decision.dropped,
          ...(decision.frozen === undefined ? {} : {frozen: decision.frozen}),
        };
      case 'execute':
        return {will: 'execute', stale: decision.stale, prefix: await this.#prefixOf(instance, decision)};
      case 'fail':
        return {will: 'fail', failure: decision.failure};
    }
  }

  async #prefixOf(instance: Instance, due: Due): Promise<Prefix | null> {
    return canReuse(due) ? findPrefix(this.#stores, instance, due.action) : null;
  }

  /** What waits for a file that was read, and taken for no choice. */
  #refuse(instance: Instance): void {
    const awaited = awaitedBy(instance);
    if (!awaited || !this.#made.has(awaited.id)) return;
    const message = `its parameters are not known: ${producerName(awaited)} is not as it must be`;
    this.#predictions.set(instance.id, {will: 'fail', failure: {reason: 'mistake', message, hint: null}});
  }

  readonly #madeBy = (id: InstanceId): Made => {
    const found = this.#made.get(id);
    if (found === undefined) throw new Error(`Internal error: ${id} has no result`);
    return found;
  };
}
