// The compiled programs of one training. Most have one; a rule with phases, or a shorter last batch, has several.
// They share one state, which moves to whichever program runs next.

import type {Definition, HostTensors, Program} from '../../src/engine/program.ts';
import {feedOf, type Segment} from './feed.ts';
import type {RulePhase} from './gradients/rule.ts';
import {initialState, type Recipe} from './training-program.ts';

export type Compile = (definition: Definition) => Promise<Program>;

/** The program of a phase and a batch size. */
export type DefinitionOf = (phase: RulePhase, batch: number) => Definition;

/** What one call gives per step. */
export interface StepMetrics {
  readonly losses: Float32Array;
  readonly correct: Float32Array;
}

export class TrainingPrograms {
  readonly #training: Recipe;
  readonly #definitionOf: DefinitionOf;
  readonly #compile: Compile;
  readonly #programs = new Map<string, Program>();
  /** Where the state is: in the program that ran last, or on the host before the first. */
  #holder: Program | undefined;
  #state: HostTensors;

  constructor(training: Recipe, compile: Compile, definitionOf: DefinitionOf) {
    this.#training = training;
    this.#definitionOf = definitionOf;
    this.#compile = compile;
    this.#state = initialState(training);
  }

  /** Runs a segment, all of whose steps are of the given phase. */
  async run(phase: RulePhase, segment: Segment): Promise<StepMetrics> {
    const program = await this.#programFor(phase, segment.batches[0]?.length ?? 0);
    if (program !== this.#holder) {
      if (this.#holder === undefined) await program.writeState(this.#state);
      else await program.exchangeState(this.#holder);
      this.#holder = program;
    }
    const {loss, correct} = await program.run(feedOf(this.#training, phase, segment));
    if (loss?.dtype !== 'float32' || correct?.dtype !== 'float32') {
      throw new Error('expected loss and correct as float32 from a training program');
    }
    return {losses: loss.data, correct: correct.data};
  }

  /** A copy of the state. */
  async readState(): Promise<HostTensors> {
    return this.#holder ? this.#holder.readState() : this.#state;
  }

  /** Replaces the state, as when a training is resumed. */
  writeState(state: HostTensors): void {
    this.#state = state;
    this.#holder = undefined;
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await program.dispose();
    this.#programs.clear();
  }

  async #programFor(phase: RulePhase, batch: number): Promise<Program> {
    const key = `${phase.name} ${batch}`;
    const known = this.#programs.get(key);
    if (known) return known;
    const program = await this.#compile(this.#definitionOf(phase, batch));
    this.#programs.set(key, program);
    return program;
  }
}
