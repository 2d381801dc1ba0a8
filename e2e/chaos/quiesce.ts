import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { OwnChaosSystem } from './cluster.ts';
import type { RedisView } from './redis-view.ts';
import type { ChaosSystem } from './types.ts';

/** The system did not come to rest: something waits, runs or is owed for ever. */
export class NotAtRest extends Error {
  override readonly name = 'NotAtRest';
}

/** Everything that a fault may have left broken: wires healed, the frozen woken, the dead started. */
export async function mendAll(system: Pick<ChaosSystem, 'apis' | 'workers'>): Promise<void> {
  for (const each of [...system.apis, ...system.workers]) {
    await each.proxy.heal();
    await each.kill('SIGCONT');
    await each.start();
  }
}

/**
 * Waits, by Redis and the spools alone, until nothing waits, runs or is owed.
 * @throws NotAtRest naming what is left when the limit is over
 */
export async function quiesce(system: OwnChaosSystem, view: RedisView, { limitMs = 90_000 } = {}): Promise<void> {
  await mendAll(system);
  const limit = performance.now() + limitMs;
  for (;;) {
    const owed = [...(await view.owed()), ...(await orphanSpools(system, view))];
    if (owed.length === 0) return;
    if (performance.now() > limit) throw new NotAtRest(`not at rest after ${limitMs} ms: ${owed.join(', ')}`);
    await delay(250);
  }
}

/** Folders of dead workers that nobody has taken over yet. */
async function orphanSpools(system: OwnChaosSystem, view: RedisView): Promise<string[]> {
  const entries = await readdir(system.settings['SPOOL_DIR']!, { withFileTypes: true });
  const names = entries.filter((each) => each.isDirectory()).map(({ name }) => name);
  const live = await view.liveWorkers();
  const orphans = names.filter((name) => !live.has(name));
  return orphans.length === 0 ? [] : [`${orphans.length} spools of dead workers (${orphans[0]})`];
}
