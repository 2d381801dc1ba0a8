import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Pointer } from '@songmill/shared/runtime/queues';
import { findMissingDeliveries } from '@songmill/shared/runtime/records/deliver';
import { retainDeliveries } from '@songmill/shared/runtime/records/deliver-again';
import type { WorkerContext } from '../queue/context.ts';
import { every } from '../queue/every.ts';

const PAGE = 100;
const RETAIN_PAGE = 50;
/** An entry younger than this may be on its way to BullMQ right now. */
const YOUNG_MS = 1000;
/** Deliveries can be looked at, sent again and recovered for this long. */
const KEPT_DAYS = 30;
const DAY_MS = 86_400_000;

/** What is left to do when a process died between two steps, and what is old. One worker at a time, by lease. */
export function startDeliveryRepairs(
  context: Pick<WorkerContext, 'settings' | 'records' | 'logger' | 'workerId'>,
  add: (pointers: readonly Pointer[]) => Promise<void>,
): Part {
  const { settings, records, logger, workerId } = context;
  const everyMs = Math.min(Math.max(settings.WORKER_LEASE_MS / 3, 250), 10_000);
  const leaseKey = `${records.keys.root}lease:delivery-repairs`;
  const days = settings.RECORD_TTL_DAYS === 0 ? KEPT_DAYS : Math.min(KEPT_DAYS, settings.RECORD_TTL_DAYS);

  const readd = async () => {
    for (let from = 0; ; from += PAGE) {
      const { lookedAt, missing } = await findMissingDeliveries(records, { from, count: PAGE, olderThanMs: YOUNG_MS });
      await add(missing);
      if (missing.length > 0) logger.warn({ count: missing.length }, 'pointers of deliveries added again');
      if (lookedAt < PAGE) return;
    }
  };
  const retain = async (end: number) => {
    for (const project of await records.redis.smembers(records.keys.projects)) {
      let went = RETAIN_PAGE;
      while (went === RETAIN_PAGE && performance.now() < end) {
        went = await retainDeliveries(records, { project, ageMs: days * DAY_MS, most: RETAIN_PAGE });
      }
    }
  };
  const work = async () => {
    const holder = await records.redis.set(leaseKey, workerId, 'PX', Math.ceil(everyMs * 3), 'NX', 'GET');
    if (holder !== null && holder !== workerId) return;
    await records.redis.pexpire(leaseKey, Math.ceil(everyMs * 3));
    await readd();
    await retain(performance.now() + everyMs / 2);
  };
  return every(everyMs, work, (error) => logger.warn({ err: error }, 'repairs of deliveries'));
}
