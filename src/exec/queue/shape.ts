// What a job asks of a worker, and whether a worker may take it. Each shape is a queue of its own, so that a worker
// listens to what it can sign and to nothing else: its own version, its own platform, labels that it has, and no more
// than its machine has at all.

import {createHash} from 'node:crypto';
import * as z from 'zod';
import {isSamePlatform, type Platform, platformText} from '../../action/action.ts';
import {canonicalJson} from '../../core/json.ts';

export interface QueueShape {
  /** Of pipe: what runs and signs a result is part of how it is made. */
  readonly version: string;
  /** `null` for a job whose result no platform changes. */
  readonly platform: Platform | null;
  /** Sorted. */
  readonly labels: readonly string[];
  readonly cpus: number;
  /** MiB, 0 where nothing is said. */
  readonly memory: number;
  readonly gpus: number;
}

/** What a worker has. */
export interface WorkerMeans {
  readonly version: string;
  readonly platform: Platform;
  readonly labels: readonly string[];
  readonly cpus: number;
  /** MiB. */
  readonly memory: number;
  readonly gpus: number;
}

const platform = z.object({os: z.string(), arch: z.string(), vector: z.string().nullable()});

export const shapeSchema = z.object({
  version: z.string(),
  platform: platform.nullable(),
  labels: z.array(z.string()),
  cpus: z.number().int().positive(),
  memory: z.number().int().nonnegative(),
  gpus: z.number().int().nonnegative(),
});
export const meansSchema = shapeSchema.extend({platform});

/** The name of its queue. */
export function queueNameOf(shape: QueueShape): string {
  const {version, platform, labels, cpus, memory, gpus} = shape;
  const text = canonicalJson({
    version,
    platform: platform === null ? null : platformText(platform),
    labels: [...labels],
    cpus,
    memory,
    gpus,
  });
  return `c${cpus}-m${memory}-g${gpus}-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
}

/** What keeps a worker from taking jobs of a shape, in words; `undefined` where nothing does. */
export function obstacleTo(shape: QueueShape, means: WorkerMeans): string | undefined {
  if (shape.version !== means.version) return `is pipe ${means.version}`;
  if (shape.platform !== null && !isSamePlatform(shape.platform, means.platform)) {
    return `is ${platformText(means.platform)}`;
  }
  const lacking = shape.labels.filter(label => !means.labels.includes(label));
  if (lacking.length > 0) return `has no label ${lacking.join(', ')}`;
  if (shape.cpus > means.cpus) return `has ${means.cpus} CPU slots`;
  if (shape.memory > means.memory) return `has ${means.memory} MiB of memory`;
  if (shape.gpus > means.gpus) return `has ${means.gpus} GPUs`;
  return undefined;
}

/** Whether a worker would take jobs of a shape if they were for its own platform. */
export const wouldTakeElse = (shape: QueueShape, means: WorkerMeans): boolean =>
  shape.platform !== null && obstacleTo({...shape, platform: means.platform}, means) === undefined;

/** `pipe 0.1.0, linux x64 avx2, labels gpu, 2 CPU slots, 1 GPU` */
export function shapeText({version, platform, labels, cpus, memory, gpus}: QueueShape): string {
  const parts = [
    `pipe ${version}`,
    platform === null ? '' : platformText(platform),
    labels.length === 0 ? '' : `label ${labels.join(', ')}`,
    `${cpus} CPU slot${cpus === 1 ? '' : 's'}`,
    memory === 0 ? '' : `${memory} MiB`,
    gpus === 0 ? '' : `${gpus} GPU${gpus === 1 ? '' : 's'}`,
  ];
  return parts.filter(part => part !== '').join(', ');
}
