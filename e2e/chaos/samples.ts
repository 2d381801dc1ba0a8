import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { OwnChaosSystem } from './cluster.ts';
import { noteSample } from './history.ts';

const EVERY_MS = 2000;

/** Notes what each process uses, until it is stopped. Without /proc there is nothing to note. */
export function startSampling(system: OwnChaosSystem): { stop(): Promise<void> } {
  const ending = new AbortController();
  const sampling = (async () => {
    while (!ending.signal.aborted) {
      for (const { name, process } of [...system.apis, ...system.workers]) {
        if (process !== null) await sample(system, name, process.pid);
      }
      await delay(EVERY_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      ending.abort();
      await sampling;
    },
  };
}

async function sample(system: OwnChaosSystem, name: string, pid: number): Promise<void> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const rss = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
    const fds = (await readdir(`/proc/${pid}/fd`)).length;
    noteSample(system, { at: new Date().toISOString(), name, rss, fds, loop_ms: null });
  } catch {
    // It ended meanwhile, or this is no Linux.
  }
}
