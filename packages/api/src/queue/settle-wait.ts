import type { ServerResponse } from 'node:http';
import { isSettled } from '@songmill/shared/contract/words';
import { readGeneration } from '@songmill/shared/runtime/records/read';
import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import { redisTrouble } from '@songmill/shared/runtime/redis-trouble';
import type { ApiContext } from '../context.ts';
import { ClientGone } from '../errors.ts';
import type { HubSignal } from './event-hub.ts';

type Wake = HubSignal | 'time' | 'gone';

/**
 * Waits until the generation settles, the time is over or this process stops, and answers the record
 * as it is then. Costs Redis one read at the start and one at the end, however long it lasts.
 *
 * @param res the answer that waits; when its caller leaves, the wait ends
 * @throws ClientGone
 */
export async function waitUntilSettled(
  { store, hub }: Pick<ApiContext, 'store' | 'hub'>,
  id: string,
  seconds: number,
  res: ServerResponse,
): Promise<GenerationRecord | null> {
  const inbox = openInbox();
  // Listening begins before the first read, so that nothing can settle unnoticed in between.
  const unlisten = hub.listen(id, inbox.put);
  const timer = setTimeout(() => inbox.put('time'), seconds * 1000);
  const onClose = (): void => inbox.put('gone');
  res.on('close', onClose);
  try {
    if (res.destroyed) throw new ClientGone('the caller left');
    let record = await readGeneration(store, id);
    while (record !== null && !isSettled(record.status)) {
      const wake = await inbox.take();
      if (wake === 'gone') throw new ClientGone('the caller left while waiting');
      if (wake === 'look') record = await readIfPossible(store, id, record);
      else return await readGeneration(store, id);
    }
    return record;
  } finally {
    unlisten();
    clearTimeout(timer);
    res.off('close', onClose);
  }
}

/** After a lost connection Redis may go away again at once; the wait then just goes on. */
async function readIfPossible(
  store: ApiContext['store'],
  id: string,
  known: GenerationRecord,
): Promise<GenerationRecord | null> {
  try {
    return await readGeneration(store, id);
  } catch (error) {
    if (redisTrouble(error) !== null) return known;
    throw error;
  }
}

/** A queue of one reader: signals that come while nobody looks are kept. */
function openInbox(): { put: (wake: Wake) => void; take: () => Promise<Wake> } {
  const kept: Wake[] = [];
  let waiting: ((wake: Wake) => void) | null = null;
  return {
    put(wake) {
      if (waiting === null) kept.push(wake);
      else {
        waiting(wake);
        waiting = null;
      }
    },
    take() {
      const first = kept.shift();
      if (first !== undefined) return Promise.resolve(first);
      return new Promise((resolve) => {
        waiting = resolve;
      });
    },
  };
}
