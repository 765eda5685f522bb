// What there is for the instances of a plan as it stands: each action is built from the results of what it reads, and
// looked up by its fingerprint. Executes nothing and writes nothing; a result of other parameters is never an answer.

import {type Action, type ActionResult, type Fingerprint, fingerprintOf} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import {type Instance, type InstanceId, isOpen, type Plan} from '../plan/plan.ts';
import {awaitedFiles, producerName} from '../plan/plan-files.ts';
import {PlanGraph, producersOf} from '../plan/plan-graph.ts';
import type {ActionCache, BlobStore} from '../store/store.ts';
import type {ActionBuilder, Made} from './action-builder.ts';
import {frozenResult} from './frozen.ts';
import {type PlanAgain, PlanReader} from './plan-reader.ts';
import {recalledResult, storeFailure} from './rebuilder.ts';
import type {Stores} from './stores.ts';

/** Why there is no result. */
export type Lack =
  /** Nothing has this key. */
  | {readonly why: 'not-made'}
  /** It was made; a blob of it is gone or damaged. */
  | {readonly why: 'lost'; readonly output: string}
  /** It has no key yet: these lack a result themselves, and it reads them or is chosen by them. */
  | {readonly why: 'behind'; readonly on: readonly InstanceId[]}
  /** A declared file is not there, its code does not compile, the store does not answer. */
  | {readonly why: 'impossible'; readonly failure: StageFailure};

export interface Keyed {
  readonly action: Action;
  readonly fingerprint: Fingerprint;
}

export type Answer =
  | {readonly status: 'found'; readonly key: Keyed; readonly result: ActionResult}
  | {readonly status: 'missing'; readonly key: Keyed | null; readonly lack: Lack};

export interface AnswerSources {
  readonly actions: ActionBuilder;
  readonly cache: ActionCache;
  readonly blobs: BlobStore;
  readonly replan: PlanAgain<Plan>;
  readonly lastStateOf: Stores['lastStateOf'];
}

export class Answers {
  /** With every cell and parameter that results of this very plan have chosen. */
  readonly plan: Plan;
  readonly #sources: AnswerSources;
  readonly #graph: PlanGraph;
  readonly #found: Map<InstanceId, Answer>;

  private constructor(plan: Plan, sources: AnswerSources, found: Map<InstanceId, Answer>) {
    this.plan = plan;
    this.#sources = sources;
    this.#graph = new PlanGraph(plan);
    this.#found = found;
  }

  /** Unfolds the plan as far as its results go. */
  static async open(plan: Plan, sources: AnswerSources): Promise<Answers> {
    const reader = new PlanReader(sources.blobs, sources.replan);
    let answers = new Answers(plan, sources, new Map());
    for (;;) {
      const choosers = new Set([...awaitedFiles(answers.plan).values()].map(({id}) => id));
      const there = await answers.of(choosers);
      const {planned} = await reader.read(answers.plan, id => {
        const answer = there.get(id);
        return answer?.status === 'found' ? answer.result : undefined;
      });
      if (planned === null) return answers;
      // What was found stays true of the larger plan; what was missing may have its parameters by now.
      const found = [...answers.#found].filter(([, {status}]) => status === 'found');
      answers = new Answers(planned.answer, sources, new Map(found));
    }
  }

  /** Answers for these instances, in plan order; looks at them and at all that they read. */
  async of(ids: Iterable<InstanceId>): Promise<ReadonlyMap<InstanceId, Answer>> {
    const asked = new Set(ids);
    const needed = this.#graph.withProducers(asked);
    const answers = new Map<InstanceId, Answer>();
    for (const instance of this.plan.instances) {
      if (!needed.has(instance.id)) continue;
      const answer = this.#found.get(instance.id) ?? (await this.#lookUp(instance));
      this.#found.set(instance.id, answer);
      if (asked.has(instance.id)) answers.set(instance.id, answer);
    }
    return answers;
  }

  async #lookUp(instance: Instance): Promise<Answer> {
    const answer = await this.#lookUpKey(instance);
    if (answer.status === 'found' || !instance.isFrozen) return answer;
    const frozen = await frozenResult(this.#sources, instance);
    return frozen ? {status: 'found', key: frozen, result: frozen.result} : answer;
  }

  async #lookUpKey(instance: Instance): Promise<Answer> {
    const {actions, cache, lastStateOf} = this.#sources;
    const on = this.#lacking(instance);
    if (on.length > 0) return missing(null, {why: 'behind', on});
    if (isOpen(instance)) return missing(null, {why: 'impossible', failure: unchosen(instance)});
    const built = await actions.build(instance, id => this.#made(id));
    if (!built.ok) return missing(null, {why: 'impossible', failure: built.error});
    const action = built.value;
    const key = {action, fingerprint: fingerprintOf(action)};
    const recalled = recalledResult(lastStateOf(instance.id), key.fingerprint, action);
    const lookup = await cache.lookup(key.fingerprint, recalled, action);
    if (!lookup.ok) return missing(key, {why: 'impossible', failure: storeFailure(lookup.error)});
    switch (lookup.value.status) {
      case 'hit':
      case 'elsewhere':
      case 'dropped':
        return {status: 'found', key, result: lookup.value.result};
      case 'lost':
        return missing(key, {why: 'lost', output: lookup.value.output});
      case 'miss':
        return missing(key, {why: 'not-made'});
    }
  }

  /** The nearest instances above that lack a result by themselves, not because of others. */
  #lacking(instance: Instance): readonly InstanceId[] {
    const roots = new Set<InstanceId>();
    for (const id of producersOf(instance)) {
      const answer = this.#found.get(id);
      if (answer?.status !== 'missing') continue;
      if (answer.lack.why === 'behind') for (const root of answer.lack.on) roots.add(root);
      else roots.add(id);
    }
    return [...roots];
  }

  #made(id: InstanceId): Made {
    const answer = this.#found.get(id);
    if (answer?.status !== 'found') throw new Error(`Internal error: ${id} has no result`);
    return {instance: this.#graph.instance(id), fingerprint: answer.key.fingerprint, result: answer.result};
  }
}

/** The file that would choose parameters is there, and was refused. */
function unchosen({choosers}: Instance): StageFailure {
  const refused = choosers.filter(({gives}) => gives === null).map(({from}) => producerName(from));
  const message = `its parameters are not known: ${refused.join(', ')} is not as it must be`;
  return {reason: 'mistake', message, hint: null};
}

const missing = (key: Keyed | null, lack: Lack): Answer => ({status: 'missing', key, lack});
