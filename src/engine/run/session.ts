// ONNX Runtime sessions, shared within the process by what they are made of: model, device, threads.
// A session that nobody uses is kept for the next program of that structure, up to a few.

import {createHash} from 'node:crypto';
import * as ort from 'onnxruntime-node';
import {explainFailure, type Origins} from './failure.ts';

export type OrtDevice = 'cpu' | 'webgpu' | 'cuda';

/** Idle sessions kept for reuse. */
const IDLE_LIMIT = 4;

interface Entry {
  readonly session: Promise<ort.InferenceSession>;
  users: number;
}

const entries = new Map<string, Entry>();

export interface Lease {
  readonly session: ort.InferenceSession;
  /** Gives the session back. Must be called once. */
  release(): Promise<void>;
}

/**
 * One model on one device. Threads do not spin while they wait: two processes on two cores would take the time
 * from each other.
 */
export function sessionOptions(
  device: OrtDevice,
  threads: number,
  hostNodes: readonly string[] = [],
): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: providers(device, hostNodes),
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // What fails is an error of the engine; ONNX Runtime's log would say it twice.
    logSeverityLevel: 4,
    extra: {session: {intra_op: {allow_spinning: threads > 1 ? '1' : '0'}}},
  };
}

function providers(
  device: OrtDevice,
  forceCpuNodeNames: readonly string[],
): ort.InferenceSession.ExecutionProviderConfig[] {
  switch (device) {
    case 'cpu':
      return ['cpu'];
    case 'cuda':
      return ['cuda', 'cpu'];
    case 'webgpu':
      // An empty list is refused.
      return [forceCpuNodeNames.length > 0 ? {name: 'webgpu', forceCpuNodeNames} : 'webgpu', 'cpu'];
  }
}

export async function lease(
  model: Uint8Array,
  device: OrtDevice,
  options: ort.InferenceSession.SessionOptions,
): Promise<Lease> {
  const key = createHash('sha256').update(device).update(JSON.stringify(options)).update(model).digest('hex');
  const entry = entries.get(key) ?? {session: ort.InferenceSession.create(model, options), users: 0};
  // Moved to the end: the first entries are those used longest ago.
  entries.delete(key);
  entries.set(key, entry);
  entry.users++;
  try {
    const session = await entry.session;
    return {
      session,
      release: async () => {
        entry.users--;
        await dropIdle();
      },
    };
  } catch (error) {
    entries.delete(key);
    throw error;
  }
}

/** As `lease`, for the model of a program. @throws EngineError with the op that ONNX Runtime does not take. */
export async function leaseFor(
  name: string,
  {bytes, origins}: {readonly bytes: Uint8Array; readonly origins: Origins},
  device: OrtDevice,
  options: ort.InferenceSession.SessionOptions,
): Promise<Lease> {
  try {
    return await lease(bytes, device, options);
  } catch (error) {
    throw explainFailure(name, error, origins);
  }
}

async function dropIdle(): Promise<void> {
  const idle = [...entries].filter(([, entry]) => entry.users === 0);
  for (const [key, entry] of idle.slice(0, Math.max(0, idle.length - IDLE_LIMIT))) {
    entries.delete(key);
    await (await entry.session).release();
  }
}
