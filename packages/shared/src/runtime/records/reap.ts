import { loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('reap');

/** Closes what dead workers left open of settled and erased generations, as unknown, in pages. */
export async function reapDeadCalls(store: RecordStore, leaseMs: number, page = 100): Promise<void> {
  for (let from = 0; ; ) {
    const [lookedAt, left] = words(await script.run(store, [leaseMs, from, page])).map(Number) as [number, number];
    if (lookedAt < page) return;
    from += left;
  }
}
