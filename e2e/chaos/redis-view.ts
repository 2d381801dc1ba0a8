import type { Status } from '@songmill/shared/contract/words';
import { keysOf } from '@songmill/shared/runtime/records/keys';
import { parseRecord } from '@songmill/shared/runtime/records/read';
import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import { connectRedis } from '@songmill/shared/runtime/redis';
import type { OwnChaosSystem } from './cluster.ts';

/** Looks at Redis past every proxy and API, for the suite's own decisions. It waits while Redis is away. */
export interface RedisView {
  /** Generations that are not settled. */
  unsettled(): Promise<number>;
  idsIn(status: Status): Promise<string[]>;
  record(id: string): Promise<GenerationRecord | null>;
  /** Every record, oldest first. */
  records(): Promise<GenerationRecord[]>;
  /** Whatever waits, runs or is owed, as words with numbers; empty when nothing is. */
  owed(): Promise<string[]>;
  liveWorkers(): Promise<ReadonlySet<string>>;
  close(): void;
}

const WAITING = ['scheduled', 'queued', 'processing'] as const;

export function viewRedis(system: OwnChaosSystem): RedisView {
  const redis = connectRedis(system.redis.url, 'worker', () => undefined);
  const keys = keysOf(system.settings['REDIS_PREFIX']!);
  const project = 'default';
  const count = (key: string) => redis.zcard(key);

  async function records(): Promise<GenerationRecord[]> {
    const ids = await redis.zrange(keys.list(project), '0', '-1');
    const found: GenerationRecord[] = [];
    for (let at = 0; at < ids.length; at += 500) {
      const page = ids.slice(at, at + 500);
      const replies = await Promise.all(page.map((id) => redis.hgetall(keys.generation(id))));
      for (const [index, hash] of replies.entries()) {
        const record = parseRecord(page[index]!, hash);
        if (record !== null) found.push(record);
      }
    }
    return found;
  }

  return {
    async unsettled() {
      const counts = await Promise.all(WAITING.map((status) => count(keys.list(project, status))));
      return counts.reduce((sum, each) => sum + each, 0);
    },
    idsIn: (status) => redis.zrange(keys.list(project, status), '0', '-1'),
    async record(id) {
      return parseRecord(id, await redis.hgetall(keys.generation(id)));
    },
    records,
    async owed() {
      const sets: [string, string][] = [
        ...WAITING.map((status): [string, string] => [status, keys.list(project, status)]),
        ['in ready', keys.ready],
        ['in the window', keys.window],
        ['parked', keys.parked],
        ['aside', `${keys.root}aside`],
        ['jobs waiting', keys.bull('prioritized')],
        ['jobs delayed', keys.bull('delayed')],
        ['webhooks pending', `${keys.root}dl:${project}:pending`],
        ['webhooks in the window', `${keys.root}deliver-window`],
        ['receivers of webhooks owed', `${keys.root}owed`],
      ];
      const lists: [string, string][] = [
        ['jobs in wait', keys.bull('wait')],
        ['jobs active', keys.bull('active')],
      ];
      const counted = await Promise.all([
        ...sets.map(async ([name, key]) => ({ name, left: await count(key) })),
        ...lists.map(async ([name, key]) => ({ name, left: await redis.llen(key) })),
      ]);
      const owed = counted.filter(({ left }) => left > 0).map(({ name, left }) => `${left} ${name}`);
      if (owed.length > 0) return owed;
      const open = (await records()).filter(({ attempts }) => attempts.some(({ finished_at: end }) => end === null));
      return open.length === 0
        ? []
        : [
            `${open.length} with an open attempt (${open
              .slice(0, 3)
              .map(({ id }) => id)
              .join(', ')})`,
          ];
    },
    async liveWorkers() {
      const flat = await redis.zrange(keys.workers, '0', '-1', 'WITHSCORES');
      const [seconds] = await redis.time();
      const oldest = Number(seconds) * 1000 - Number(system.settings['WORKER_LEASE_MS']);
      return new Set(flat.filter((_, at) => at % 2 === 0 && Number(flat[at + 1]) > oldest));
    },
    close: () => redis.disconnect(),
  };
}
