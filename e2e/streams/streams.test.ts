import { Songmill } from '@songmill/client/client';
import type { TestProcess } from '@songmill/shared/testing/processes';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { API_KEY, startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
let api: TestProcess;
let client: Songmill;
const SONGS = 40;

beforeEach(async () => {
  system = await startSystem({ env: { UPSTREAM_MAX_CONCURRENCY: '4' }, timeScale: 0.005 });
  // On a port that it keeps through restarts.
  api = system.apis[0]!;
  client = new Songmill({
    url: api.url,
    apiKey: API_KEY,
    pause: (ms, signal) => shortPause(Math.min(ms, 100), signal),
  });
});
afterEach(() => system.stop());

function shortPause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}

async function restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  const { port } = new URL(api.url);
  await api.kill(signal);
  api = await system.startApi({ API_PORT: port });
}

it('fault: streams through a process that is killed and started again tell every event once and in order', async () => {
  const seen = new Map<string, number[]>();
  const ends: string[] = [];
  const following = follow();

  async function follow(): Promise<void> {
    for await (const event of client.events.stream({}, { lastEventId: '0-0' })) {
      if (!event.type.startsWith('generation.')) continue;
      const { id, sequence, status } = event.data as { id: string; sequence: number; status: string };
      seen.set(id, [...(seen.get(id) ?? []), sequence]);
      if (status === 'succeeded' && ends.push(id) === SONGS) break;
    }
  }

  const ids: string[] = [];
  const own: Promise<number[]>[] = [];
  for (const [index, request] of Array.from({ length: SONGS }, () => song()).entries()) {
    const { id } = await client.generations.create(request, { maxRetries: 20 });
    ids.push(id);
    own.push(sequencesOf(id));
    if (index === 10) await restart('SIGKILL');
    if (index === 20) await restart('SIGTERM');
    if (index === 30) await restart('SIGKILL');
  }
  await following;
  const sequences = await Promise.all(own);

  expect(ends.toSorted()).toEqual(ids.toSorted());
  for (const [index, id] of ids.entries()) {
    const [all, one] = [seen.get(id)!, sequences[index]!];
    expect(all).toEqual(all.map((_, at) => at + 1));
    // Its own stream began with the state that there was.
    expect(one).toEqual(all.slice(one[0]! - 1));
  }
});

async function sequencesOf(id: string): Promise<number[]> {
  const sequences: number[] = [];
  for await (const event of client.generations.events(id)) sequences.push(event.data.sequence);
  return sequences;
}
