import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Priority, QueueName } from '../contract/words.ts';

/** What BullMQ carries: where the truth is, never the truth. */
export interface Pointer {
  readonly id: string;
  readonly run: number;
  readonly priority: Priority;
}

/** Lower runs first. All are above 0, so that one sorted set holds them and a rank is a position. */
export const QUEUE_PRIORITY: Readonly<Record<Priority, number>> = { interactive: 10, normal: 20, bulk: 30 };

/** A job that was picked up once goes before its class: a short retry must not join the tail of a long backlog. */
export const PICKED_UP_ADVANTAGE = 5;

/** BullMQ's key prefix: inside our hash tag, so that one Redis node holds all. */
export function queuePrefix(prefix: string): string {
  return `{${prefix}}:bull`;
}

export function jobId(pointer: Pick<Pointer, 'id' | 'run'>): string {
  return `${pointer.id}.${pointer.run}`;
}

/**
 * Opens a queue for adding and asking. `attempts` is practically endless because our record counts
 * attempts: a queue job that stalls or fails never decides anything.
 */
export function openQueue(name: QueueName, redis: Redis, prefix: string): Queue<Pointer> {
  return new Queue<Pointer>(name, {
    connection: redis,
    prefix: queuePrefix(prefix),
    skipVersionCheck: true,
    defaultJobOptions: {
      attempts: 1_000_000,
      removeOnComplete: { count: 100 },
      removeOnFail: { count: 1000 },
      stackTraceLimit: 1,
      keepLogs: 10,
    },
  });
}

const JOB_NAMES: Readonly<Record<QueueName, string>> = {
  generate: 'generation',
  references: 'reference',
  deliver: 'delivery',
  ingest: 'batch',
};

/** Adds pointers. Adding one that is there already changes nothing, so every repair may simply add. */
export async function addPointers(queue: Queue<Pointer>, pointers: readonly Pointer[]): Promise<void> {
  const jobs = pointers.map((pointer) => ({
    name: JOB_NAMES[queue.name as QueueName],
    data: pointer,
    opts: { jobId: jobId(pointer), priority: QUEUE_PRIORITY[pointer.priority] },
  }));
  if (jobs.length === 1) await queue.add(jobs[0]!.name, jobs[0]!.data, jobs[0]!.opts);
  else if (jobs.length > 1) await queue.addBulk(jobs);
}
