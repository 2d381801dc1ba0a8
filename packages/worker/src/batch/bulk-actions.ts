import type { Queue } from 'bullmq';
import type { Logger } from '@songmill/shared/runtime/logger';
import type { Pointer } from '@songmill/shared/runtime/queues';
import { openBulkActions, stepBulkAction, type StoredBulkAction } from '@songmill/shared/runtime/records/bulk-actions';
import { targetPage } from '@songmill/shared/runtime/records/bulk-targets';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import type { Settings } from '@songmill/shared/runtime/settings';
import { every, type Loop } from '../queue/every.ts';
import { actOn, type PageResult } from './act-on.ts';

const EVERY_MS = 250;
const LEASE_MS = 10_000;

export interface BulkContext {
  readonly settings: Pick<Settings, 'RECORD_TTL_DAYS'>;
  readonly records: RecordStore;
  readonly queue: Queue<Pointer>;
  readonly workerId: string;
  readonly logger: Logger;
  readonly wakeFeeder: () => void;
}

/**
 * Carries out what was asked for on many records: a page of each action in turn, so that a long one
 * keeps no other waiting. One worker at a time, by lease; another one goes on from the cursor.
 */
export function startBulkActions(context: BulkContext): Loop {
  const { records, workerId, logger } = context;
  const stopping = new AbortController();
  const work = async () => {
    while (!stopping.signal.aborted && (await holdsLease(records, workerId))) {
      const open = await openBulkActions(records);
      if (open.length === 0) return;
      let moved = false;
      for (const action of open) moved = (await runPage(context, action)) || moved;
      // What waits for a batch to come in is looked at again in a moment.
      if (!moved) return;
    }
  };
  const loop = every(EVERY_MS, work, (error) => logger.warn({ err: error }, 'bulk actions'));
  return {
    wake: loop.wake,
    async stop() {
      stopping.abort();
      await loop.stop();
    },
  };
}

/**
 * The cursor moves after the page was done: a worker that dies between the two leaves a page to be done
 * again, which changes nothing, because each step carries the action's id as its operation.
 *
 * @returns false when there was nothing to go on with
 */
async function runPage(context: BulkContext, action: StoredBulkAction): Promise<boolean> {
  const { records, logger } = context;
  const page = await targetPage(records, action, action.cursor);
  if (page.next === action.cursor) return false;
  const result: PageResult = await actOn(context, action, page);
  const step = { id: action.id, from: action.cursor, to: page.next, ...result };
  const stepped = await stepBulkAction(records, step);
  if (!stepped || page.next !== null) return true;
  const { id, done, failed } = action;
  logger.info({ id, action: action.action, done: done + result.done, failed: failed + result.failed }, 'bulk action');
  return true;
}

async function holdsLease({ redis, keys }: RecordStore, workerId: string): Promise<boolean> {
  const key = `${keys.root}lease:bulk-actions`;
  const holder = await redis.set(key, workerId, 'PX', LEASE_MS, 'NX', 'GET');
  if (holder !== null && holder !== workerId) return false;
  await redis.pexpire(key, LEASE_MS);
  return true;
}
