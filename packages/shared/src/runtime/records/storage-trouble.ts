import type { Stop } from '../foundations/foundations.ts';
import { loadScript, type RecordStore } from './store.ts';

const script = loadScript('storage-trouble');

/** Several times the interval of looks, so that one that is late does not make old news new. */
const FORGOTTEN_MS = 60_000;

/** Keeps the reason for `queue.reason` of what waits. The event `storage.low` goes out once, however many workers see it. */
export async function noteStorageTrouble(store: RecordStore, { code, reason }: Stop): Promise<void> {
  await script.run(store, [code, reason, FORGOTTEN_MS]);
}
