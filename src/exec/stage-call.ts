// One call of a stage's `run` inside a worker: builds its context from the task, collects its metrics.

import {NO_USAGE} from '../action/action.ts';
import {type Metric, metricOf, numbersOf} from '../core/metric.ts';
import type {InputArity, Progress, StageContext, StageDefinition, StageInput} from '../stage/define.ts';
import type {ProducerFiles, Task, TaskGain} from './task.ts';

/** Progress is told at most so often, and always when it is complete. Milliseconds. */
const PROGRESS_EVERY_MS = 100;

export interface StageListener {
  readonly log: (line: string) => void;
  readonly progress: (progress: Progress) => void;
}

const inputOf = ({metrics, ...input}: ProducerFiles): StageInput => ({
  ...input,
  metrics: numbersOf(metrics),
});

export const isStageDefinition = (value: unknown): value is StageDefinition =>
  typeof value === 'object' && value !== null && 'run' in value && typeof value.run === 'function';

export class StageCall {
  readonly #task: Task;
  readonly #listener: StageListener;
  readonly #controller = new AbortController();
  readonly #metrics: Record<string, Metric> = Object.create(null);
  #device = '';
  #wantsSignal = false;
  #isOver = false;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(task: Task, listener: StageListener) {
    this.#task = task;
    this.#listener = listener;
  }

  /** True when the stage has asked for its signal, and so can be stopped in order. */
  get wantsSignal(): boolean {
    return this.#wantsSignal;
  }

  abort(): void {
    this.#controller.abort();
  }

  async run(definition: StageDefinition): Promise<TaskGain> {
    try {
      await definition.run(this.#context());
    } finally {
      this.#isOver = true;
    }
    return {metrics: {...this.#metrics}, device: this.#device, usage: NO_USAGE};
  }

  #context(): StageContext<
    Task['params'],
    Readonly<Record<string, InputArity>>,
    Readonly<Record<string, 'file'>>
  > {
    const task = this.#task;
    const inputs: Record<string, StageInput | readonly StageInput[] | undefined> = {};
    for (const [name, input] of Object.entries(task.inputs)) {
      inputs[name] = input.kind === 'one' ? inputOf(input.input) : input.inputs.map(inputOf);
    }
    const takeSignal = (): AbortSignal => {
      this.#wantsSignal = true;
      return this.#controller.signal;
    };
    return {
      params: task.params,
      inputs: inputs as never,
      outputs: Object.fromEntries(Object.entries(task.outputs).map(([name, output]) => [name, output.path])),
      files: task.files,
      metric: (name, value) => this.#metric(name, value),
      progress: progress => this.#progress(progress),
      log: line => {
        if (!this.#isOver) this.#listener.log(String(line));
      },
      checkpoint: task.checkpoint ?? undefined,
      device: {
        choice: task.device,
        gpus: task.gpus,
        computed: device => {
          this.#device = String(device);
        },
      },
      platform: task.platform,
      cpus: task.cpus,
      mirror: task.mirror ?? undefined,
      ...(task.study === null ? {} : {study: task.study}),
      get signal() {
        return takeSignal();
      },
    };
  }

  #metric(name: string, value: number): void {
    if (typeof value !== 'number') {
      throw new TypeError(`expected a number for the metric ${name}, got ${typeof value}`);
    }
    this.#metrics[name] = metricOf(value);
  }

  #progress(progress: Progress): void {
    if (!isProgress(progress)) {
      throw new TypeError(
        'expected progress as {done, total, unit, detail}: two numbers, a text, and a text if any',
      );
    }
    const now = performance.now();
    if (this.#isOver || (progress.done < progress.total && now - this.#toldAt < PROGRESS_EVERY_MS)) return;
    this.#toldAt = now;
    this.#listener.progress(progress);
  }
}

function isProgress(value: unknown): value is Progress {
  if (typeof value !== 'object' || value === null) return false;
  const {done, total, unit, detail}: {done?: unknown; total?: unknown; unit?: unknown; detail?: unknown} =
    value;
  const isCounted = typeof done === 'number' && typeof total === 'number' && typeof unit === 'string';
  return isCounted && (detail === undefined || typeof detail === 'string');
}
