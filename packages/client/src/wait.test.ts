import type { Generation } from '@songmill/shared/contract/generation';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Songmill } from './client.ts';
import { NotFoundError, TimeoutError } from './errors.ts';
import { isSettled } from './settled.ts';
import {
  generation,
  json,
  problem,
  type ScriptedServer,
  silence,
  startScriptedServer,
} from './testing/scripted-server.ts';

let server: ScriptedServer;
let client: Songmill;
let pauses: number[];

beforeEach(async () => {
  server = await startScriptedServer();
  pauses = [];
  client = new Songmill({ url: server.url, apiKey: 'sgm_test', pause: async (ms) => void pauses.push(ms) });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  return server.close();
});

const record = (status: string, retryAfter?: string) =>
  json(generation('gen_1', status), 200, retryAfter === undefined ? {} : { 'retry-after': retryAfter });
const holds = () => server.received.map((request) => request.headers.prefer);

it.each(['succeeded', 'failed', 'canceled', 'needs_review'])('a wait ends on %s', async (status) => {
  server.script(record('scheduled'), record('queued'), record('processing'), record(status));
  await expect(client.generations.wait('gen_1')).resolves.toMatchObject({ status });
  expect(server.received).toHaveLength(4);
});

it('a status of a later version is not settled', async () => {
  server.script(record('mastering'), record('toString'), record('succeeded'));
  await expect(client.generations.wait('gen_1')).resolves.toMatchObject({ status: 'succeeded' });
  expect(['mastering', 'toString', ''].some(isSettled)).toBe(false);
});

it('the first poll asks for the present state, later ones are held by the server', async () => {
  server.script(record('queued'), record('queued'), record('succeeded'));
  await client.generations.wait('gen_1');
  expect(holds()).toEqual([undefined, 'wait=30', 'wait=30']);
});

it('a server that does not hold is asked no sooner than its Retry-After says', async () => {
  vi.spyOn(performance, 'now').mockReturnValue(0);
  server.script(record('queued', '7'), record('queued', '20'), record('succeeded'));
  await client.generations.wait('gen_1');
  expect(pauses).toEqual([20_000]);
});

it('a server that names no pause is not asked in a tight loop', async () => {
  vi.spyOn(performance, 'now').mockReturnValue(0);
  server.script(record('queued'), record('queued'), record('queued'), record('succeeded'));
  await client.generations.wait('gen_1');
  expect(pauses).toEqual([1000, 1000]);
});

it('onUpdate sees every answer, sooner for it, and never in less than Retry-After', async () => {
  server.script(record('queued', '9'), record('processing', '1'), record('succeeded'));
  const seen: string[] = [];
  await client.generations.wait('gen_1', { onUpdate: ({ status }) => seen.push(status) });
  expect(seen).toEqual(['queued', 'processing', 'succeeded']);
  expect(holds()).toEqual([undefined, 'wait=9', 'wait=2']);
});

it('a wait that is over names the song, whose fate is its own', async () => {
  server.script(record('queued'));
  server.otherwise = silence;
  const error = await client.generations.wait('gen_1', { timeoutMs: 300 }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ generationId: 'gen_1' });
  expect(String(error)).toContain('gen_1 was not settled within 300 ms');
});

it('an abort ends a held poll', async () => {
  server.script(record('queued'));
  server.otherwise = silence;
  const stop = new AbortController();
  const waiting = client.generations.wait('gen_1', { signal: stop.signal }).catch((thrown: unknown) => thrown);
  const held = await server.arrived(2);
  stop.abort();
  expect(await waiting).toBe(stop.signal.reason);
  await held.dropped;
});

it('a short absence of the server does not end a wait, an unknown id does', async () => {
  server.script(record('queued'), problem('queue_unavailable', 503), record('queued'), problem('not_found', 404));
  await expect(client.generations.wait('gen_1')).rejects.toBeInstanceOf(NotFoundError);
  expect(server.received).toHaveLength(4);
});

it('generate asks once, then waits for that song', async () => {
  server.script(json(generation('gen_7', 'queued'), 202, { 'retry-after': '5' }), record('succeeded'));
  const seen: Generation[] = [];
  const song = await client.generations.generate(
    { lyrics: 'la' },
    { idempotencyKey: 'mine', onUpdate: (update) => seen.push(update) },
  );
  expect(song.status).toBe('succeeded');
  expect(seen.map(({ id, status }) => `${id} ${status}`)).toEqual(['gen_7 queued', 'gen_1 succeeded']);
  expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /v1/generations',
    'GET /v1/generations/gen_7',
  ]);
  expect(server.received[0]?.headers['idempotency-key']).toBe('mine');
});

it('generate returns a replayed song that is settled without another call', async () => {
  server.script(json(generation('gen_7', 'failed'), 202, { 'idempotent-replayed': 'true' }));
  await expect(client.generations.generate({})).resolves.toMatchObject({ id: 'gen_7', status: 'failed' });
  expect(server.received).toHaveLength(1);
});

it('generate that runs out of time knows the id of what it made', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const made = Response.json(generation('gen_7', 'queued'), { status: 202 });
  const held = (signal: AbortSignal | null | undefined) =>
    new Promise<Response>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
      vi.advanceTimersByTime(5000);
    });
  const stub = new Songmill({ fetch: async (_url, init) => (init.method === 'POST' ? made : held(init.signal)) });
  const error = await stub.generations.generate({}, { timeoutMs: 5000 }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ generationId: 'gen_7' });
});
