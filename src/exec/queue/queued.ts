// What one project has in the queues of a server, whoever of its coordinators sent it, and how each job is ended.

import type {Fingerprint} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import {readJob, readSigns} from './queue-job.ts';
import {KEYS, type RedisLink} from './redis-link.ts';

export interface QueuedJob {
  readonly label: string;
  /** The worker that has it; empty where it waits. */
  readonly worker: string;
  /** The worker's host; empty where it waits, or where the worker shows no sign of life. */
  readonly host: string;
  /** By the server's clock. */
  readonly postedAt: number;
  /** Takes it back, or asks whoever has it to end it. */
  readonly cancel: (link: RedisLink) => Promise<void>;
}

const STOP_SECONDS = 86_400;

/** `now`: this machine's clock, milliseconds since the epoch. */
export async function queuedBy(sender: string, link: RedisLink, now: () => number): Promise<QueuedJob[]> {
  const {commands} = link;
  const signs = readSigns(await commands.hgetall(KEYS.workers), await link.time(now));
  const found: QueuedJob[] = [];
  for (const name of Object.keys(await commands.hgetall(KEYS.shapes))) {
    const queue = link.queue(name);
    for (const job of await queue.getJobs(['active', 'waiting'])) {
      const read = readJob(job.data);
      const {id = ''} = job;
      if (typeof read === 'string' || read.sender !== sender || !isDigest(id)) continue;
      const worker = job.processedBy ?? '';
      found.push({
        label: read.orders.label,
        worker,
        host: signs.get(worker)?.host ?? '',
        postedAt: read.postedAt,
        cancel: asked => cancel(asked, name, id as Fingerprint),
      });
    }
    await queue.close();
  }
  return found;
}

async function cancel(link: RedisLink, name: string, fingerprint: Fingerprint): Promise<void> {
  const queue = link.queue(name);
  await link.commands.set(KEYS.stopOf(fingerprint), '', 'EX', STOP_SECONDS);
  // One that is being run cannot be removed.
  await queue.remove(fingerprint);
  await link.commands.publish(KEYS.stop, fingerprint);
  await queue.close();
}
