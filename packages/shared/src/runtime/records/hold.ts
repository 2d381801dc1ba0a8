import { loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('hold');

/** A hold as operators see it. Times are Unix milliseconds. */
export interface Hold {
  readonly scope: string;
  readonly code: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly nextProbeMs: number;
}

/** Makes every hold due for its probe now; answers the scopes held. */
export async function probeHoldsNow(store: RecordStore): Promise<string[]> {
  return words(await script.run(store, []));
}

/** The hold of one scope (`account`, `model:<name>`), or null. */
export async function readHold(store: RecordStore, scope: string): Promise<Hold | null> {
  const [code, reason, since, next] = await store.redis.hmget(
    store.keys.hold(scope),
    'code',
    'reason',
    'since',
    'next_probe_at',
  );
  if (!since) return null;
  return { scope, code: code ?? '', reason: reason ?? '', sinceMs: Number(since), nextProbeMs: Number(next) };
}
