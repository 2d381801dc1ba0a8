import { newId } from '@songmill/shared/runtime/ids';
import { parseConfig } from '@songmill/shared/runtime/config';
import { listDeliveries } from '@songmill/shared/runtime/records/delivery-list';
import { saveEndpoint } from '@songmill/shared/runtime/records/endpoints';
import { newSecret } from '@songmill/shared/runtime/records/webhook-secret';
import type { WebhookDelivery } from '@songmill/shared/contract/webhook';
import { openTestRecords, requestOf, type TestRecords } from '@songmill/shared/testing/records';
import { pino } from 'pino';
import { type Deliveries, startDeliveries } from '../deliveries.ts';
import type { ReachCrashPoint } from '../../queue/crash-points.ts';

/** What sends webhooks, without the rest of a worker, on a prefix of its own. */
export interface Post {
  readonly records: TestRecords;
  /** Of the sender that was started last. */
  readonly deliveries: Deliveries;
  /** Starts another sender beside the others; they end with the post. */
  start(crashPoint?: ReachCrashPoint): Promise<Deliveries>;
  /** Moves the clock of deliveries ahead. */
  ahead(ms: number): void;
  endpoint(url: string, events: readonly string[], project?: string): Promise<{ id: string; secret: string }>;
  /** A waiting generation that tells this URL what becomes of it. */
  generation(webhook?: { url: string; events: `generation.${string}`[] }): Promise<string>;
  /** Deliveries of a generation or an endpoint, oldest first. */
  deliveriesOf(subject: string): Promise<WebhookDelivery[]>;
  /** Resolves once every delivery is settled. */
  quiet(): Promise<void>;
  stop(): Promise<void>;
}

export async function openPost(
  redisUrl: string,
  prefix: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Post> {
  const settings = parseConfig({
    ...{ REDIS_URL: redisUrl, REDIS_PREFIX: prefix, WORKER_LEASE_MS: '3000', WEBHOOK_ALLOW_PRIVATE: 'true' },
    ...{ WEBHOOK_SCHEDULE_MS: '20,20,20', WEBHOOK_TIMEOUT_MS: '2000', ...env },
  });
  const records = openTestRecords(redisUrl, prefix);
  const logger = pino({ level: 'silent' });
  const started: Deliveries[] = [];
  let aheadMs = 0;
  const start = async (crashPoint: ReachCrashPoint = () => undefined) => {
    const context = { settings, logger, records: records.store, workerId: newId('wrk'), crashPoint };
    const one = await startDeliveries(context, () => aheadMs);
    started.push(one);
    return one;
  };
  await start();
  const { redis, keys } = records.store;
  return {
    records,
    get deliveries() {
      return started.at(-1)!;
    },
    start,
    ahead(ms) {
      aheadMs += ms;
    },
    async endpoint(url, events, project = 'p') {
      const [id, secret] = [newId('whe'), newSecret()];
      await saveEndpoint(records.store, { id, project, secret, url, events, description: '', enabled: true });
      return { id, secret };
    },
    async generation(webhook) {
      const request = webhook ? requestOf({ webhook } as Parameters<typeof requestOf>[0]) : requestOf();
      return records.accepted({ request });
    },
    async deliveriesOf(subject) {
      const all = { project: null, statuses: null, endpointId: null, eventId: null, limit: 100, after: null };
      return (await listDeliveries(records.store, { ...all, subject })).deliveries.toReversed();
    },
    async quiet() {
      for (;;) {
        const projects = await redis.smembers(keys.projects);
        const left = await Promise.all(projects.map((project) => redis.zcard(`${keys.root}dl:${project}:pending`)));
        if (left.every((count) => count === 0)) return;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async stop() {
      await Promise.all(started.map((each) => each.stop()));
      records.close();
    },
  };
}
