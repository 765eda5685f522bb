// The files that a plan reads, as results bring them: taken out of the store, and the pipeline planned anew with them.
// The one place where a file that a stage made changes a plan.

import type {ActionResult} from '../action/action.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {InstanceId, Plan, Producer} from '../plan/plan.ts';
import {awaitedFiles, type PlanFile, type PlanFiles} from '../plan/plan-files.ts';
import type {BlobStore} from '../store/store.ts';
import {describeStoreError} from '../store/store-error.ts';

type Planned<P> = Result<P, readonly Diagnostic[]>;

/** Plans anew with the files that are there by now. */
export type PlanAgain<P> = (files: PlanFiles) => Planned<P> | Promise<Planned<P>>;

export interface Reading<P> {
  /** The last plan that was made, with the names of the files that are new in it; `null` where none is. */
  readonly planned: {readonly answer: P; readonly files: readonly string[]} | null;
  /** What is wrong with files that were refused. Each is read once. */
  readonly mistakes: readonly Diagnostic[];
}

/** `P` is what planning answers: a plan, or a plan with a selection. */
export class PlanReader<P> {
  readonly #blobs: BlobStore;
  readonly #planAgain: PlanAgain<P>;
  readonly #files = new Map<string, PlanFile>();
  readonly #refused = new Set<string>();
  #plan: Plan | undefined;
  #awaited: ReadonlyMap<string, Producer> = new Map();

  constructor(blobs: BlobStore, planAgain: PlanAgain<P>) {
    this.#blobs = blobs;
    this.#planAgain = planAgain;
  }

  /** Reads what the plan waits for and `resultOf` has; one new plan for all of it, where none of it is wrong. */
  async read(plan: Plan, resultOf: (id: InstanceId) => ActionResult | undefined): Promise<Reading<P>> {
    if (plan !== this.#plan) this.#awaited = awaitedFiles(plan);
    this.#plan = plan;
    const fresh = new Map<string, PlanFile>();
    const mistakes: Diagnostic[] = [];
    for (const [name, from] of this.#awaited) {
      const result = this.#refused.has(name) ? undefined : resultOf(from.id);
      if (result === undefined) continue;
      const file = await this.#take(name, from, result);
      if (file.ok) fresh.set(name, file.value);
      else mistakes.push(file.error);
    }
    if (fresh.size === 0) return {planned: null, mistakes};
    const together = await this.#planAgain(new Map([...this.#files, ...fresh]));
    if (together.ok) {
      for (const [name, file] of fresh) this.#files.set(name, file);
      return {planned: {answer: together.value, files: [...fresh.keys()]}, mistakes};
    }
    return this.#readEach(fresh, mistakes);
  }

  /** One file after the other, so that a wrong one takes no other with it. */
  async #readEach(fresh: PlanFiles, mistakes: Diagnostic[]): Promise<Reading<P>> {
    const files: string[] = [];
    let answer: P | undefined;
    for (const [name, file] of fresh) {
      const alone = await this.#planAgain(new Map([...this.#files, [name, file]]));
      if (alone.ok) {
        this.#files.set(name, file);
        files.push(name);
        answer = alone.value;
      } else {
        this.#refused.add(name);
        mistakes.push(...alone.error);
      }
    }
    return {planned: answer === undefined ? null : {answer, files}, mistakes};
  }

  async #take(name: string, from: Producer, result: ActionResult): Promise<Result<PlanFile, Diagnostic>> {
    const artifact = from.output === null ? undefined : result.outputs[from.output];
    if (artifact?.kind !== 'file') return this.#refuse(name, 'its stage gave none');
    const brought = await this.#blobs.bring(artifact);
    const bytes = brought.ok ? this.#blobs.read(artifact.digest) : brought;
    if (!bytes.ok) return this.#refuse(name, describeStoreError(bytes.error));
    try {
      const text = new TextDecoder('utf-8', {fatal: true}).decode(bytes.value);
      return ok({digest: artifact.digest, text});
    } catch (error) {
      if (error instanceof TypeError) return this.#refuse(name, 'it is no text in UTF-8');
      throw error;
    }
  }

  #refuse(name: string, why: string): Result<PlanFile, Diagnostic> {
    this.#refused.add(name);
    return err(mistake('bad-plan-file', `expected to read the file ${name}: ${why}`));
  }
}
