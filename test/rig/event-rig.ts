// Plans and events made by hand, for tests of what shows them.

import type {ActionResult, Fingerprint} from '../../src/action/action.ts';
import type {Outcome} from '../../src/action/outcome.ts';
import {digestBytes} from '../../src/core/digest.ts';
import {type Instance, type InstanceId, instanceId, type Plan} from '../../src/plan/plan.ts';
import type {OutcomeCounts, RunEvent} from '../../src/run/event.ts';
import type {Cell} from '../../src/stage/define.ts';

type WithoutTime<E> = E extends {readonly at: number} ? Omit<E, 'at'> : never;
export type Said = WithoutTime<RunEvent>;

export const fingerprint = digestBytes('fingerprint') as Fingerprint;

export function instance(
  stage: string,
  cell: Cell = {},
  from: readonly InstanceId[] = [],
  more: Partial<Instance> = {},
): Instance {
  return {
    id: instanceId(stage, cell),
    stage,
    cell,
    work: {kind: 'shell', command: 'true', code: []},
    params: {...cell},
    choosers: [],
    inputs: from.length === 0 ? {} : {data: {kind: 'each', from: from.map(id => ({id, output: null}))}},
    files: [],
    outputs: {},
    env: [],
    resources: {cpus: 1, memory: 0, gpu: 0, pool: null},
    timeoutMs: null,
    retries: {times: 0, backoffMs: 0},
    checkpoint: false,
    sandbox: 'closed',
    publish: null,
    isVolatile: false,
    isFrozen: false,
    temporary: [],
    after: [],
    salt: null,
    ...more,
  };
}

export const planOf = (instances: readonly Instance[]): Plan => ({
  pipeline: 'study',
  about: '',
  file: 'pipelines/study.yaml',
  profile: null,
  params: {epochs: 10},
  instances,
  study: {profile: null, changed: []},
  pending: [],
});

export const resultOf = (durationMs: number): ActionResult => ({
  outputs: {},
  metrics: {accuracy: 0.9},
  log: digestBytes(''),
  made: {
    run: 'r1',
    startedAt: 0,
    durationMs,
    queuedMs: 0,
    git: null,
    continued: null,
    cpuMs: null,
    peakBytes: null,
    executor: 'local',
    host: 'h',
    platform: 'linux x64',
    device: '',
    cpus: 1,
  },
});

export const executed = (
  durationMs: number,
  more: Partial<Extract<Outcome, {status: 'executed'}>> = {},
): Outcome => ({
  status: 'executed',
  fingerprint,
  result: resultOf(durationMs),
  stale: {why: 'changed', changes: [{what: 'parameter', name: 'lr', before: '0.1', after: '0.05'}]},
  attempts: 1,
  sameBytes: false,
  ...more,
});

export const cached: Outcome = {status: 'cached', fingerprint, result: resultOf(5), shared: false};

export const failed = (message: string): Outcome => ({
  status: 'failed',
  fingerprint,
  failure: {reason: 'mistake', message, hint: 'look at the labels'},
  attempts: 1,
  logTail: ['epoch 1', 'epoch 2'],
  log: null,
  advice: null,
});

export const countsOf = (counts: Partial<OutcomeCounts>): OutcomeCounts => ({
  executed: 0,
  cached: 0,
  failed: 0,
  skipped: 0,
  cancelled: 0,
  ...counts,
});
