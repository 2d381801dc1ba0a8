import type { QueueName, Status } from '../../contract/words.ts';
import { jobId } from '../queues.ts';

/**
 * Every key of ours, under one hash tag so that one Redis node (and one slot) holds them.
 * The scripts build the same names from the root; `keys.redis.test.ts` compares the two.
 */
export interface Keys {
  /** `{prefix}:`, what scripts get as their only key. */
  readonly root: string;
  readonly ready: string;
  readonly window: string;
  readonly parked: string;
  /** Not yet in line, by the time that they may start. */
  readonly scheduled: string;
  /** By the time that a first call must have started. */
  readonly deadlines: string;
  /** Which storage all processes share, and what is wrong with it. */
  readonly storageMark: string;
  readonly storageTrouble: string;
  /** How many wait, scheduled ones too; absent until it is counted again. */
  readonly waiting: string;
  readonly events: string;
  readonly projects: string;
  readonly workers: string;
  readonly sweep: string;
  /** Why nothing starts for a while, each reason with its end (Unix ms). */
  readonly brakes: string;
  /** Generations with an open call, by the time it began. */
  readonly calls: string;
  /** How starts are spaced by the settings, and the slower pace after a refusal. */
  readonly rate: string;
  readonly pace: string;
  /** Failures in a row of reaching the upstream, and the probe while it is open. */
  readonly breaker: string;
  /** Calls that may run at once over all live workers. */
  readonly slots: string;
  /** How long the last 50 calls that gave a song took, ms. */
  readonly durations: string;
  generation(id: string): string;
  /** Index of one project's generations, by ordinal. */
  list(project: string, status?: Status): string;
  worker(id: string): string;
  hold(scope: string): string;
  /** Who paused a queue, when and why. */
  paused(queue: QueueName): string;
  idempotency(hash: string): string;
  apiKey(sha256: string): string;
  readonly apiKeys: string;
  reference(id: string): string;
  /** Index of one project's references, by ordinal. */
  references(project: string): string;
  /** References that are not settled, by ordinal. */
  readonly uploads: string;
  /** References that settled while generations waited for them, until those are told. */
  readonly settledReferences: string;
  batch(id: string): string;
  /** Index of one project's batches, by ordinal. */
  batches(project: string): string;
  /** Batches whose items are not all recorded, by ordinal. */
  readonly ingesting: string;
  /** Batches whose items are on their way to storage, by when that began, until they are accepted. */
  readonly spools: string;
  /** BullMQ's hash of one queue job. */
  job(id: string, run: number): string;
  bull(part: string): string;
}

export function keysOf(prefix: string): Keys {
  const root = `{${prefix}}:`;
  return {
    root,
    ready: `${root}ready`,
    window: `${root}window`,
    parked: `${root}parked`,
    scheduled: `${root}scheduled`,
    deadlines: `${root}deadlines`,
    storageMark: `${root}storage-mark`,
    storageTrouble: `${root}storage-trouble`,
    waiting: `${root}waiting`,
    events: `${root}events`,
    projects: `${root}projects`,
    workers: `${root}workers`,
    sweep: `${root}sweep`,
    brakes: `${root}brakes`,
    calls: `${root}calls`,
    rate: `${root}rate`,
    pace: `${root}pace`,
    breaker: `${root}breaker`,
    slots: `${root}slots`,
    durations: `${root}durations`,
    apiKeys: `${root}api-keys`,
    reference: (id) => `${root}r:${id}`,
    references: (project) => `${root}rl:${project}`,
    uploads: `${root}uploads`,
    settledReferences: `${root}settled-references`,
    batch: (id) => `${root}b:${id}`,
    batches: (project) => `${root}bl:${project}`,
    ingesting: `${root}ingesting`,
    spools: `${root}spools`,
    generation: (id) => `${root}g:${id}`,
    list: (project, status) => (status ? `${root}l:${project}:${status}` : `${root}l:${project}`),
    worker: (id) => `${root}w:${id}`,
    hold: (scope) => `${root}hold:${scope}`,
    paused: (queue) => `${root}paused:${queue}`,
    idempotency: (hash) => `${root}i:${hash}`,
    apiKey: (sha256) => `${root}k:${sha256}`,
    job: (id, run) => `${root}bull:generate:${jobId({ id, run })}`,
    bull: (part) => `${root}bull:generate:${part}`,
  };
}
