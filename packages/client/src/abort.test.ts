import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Songmill } from './client.ts';
import { type Pause, pause } from './clock.ts';
import { isSongmillError, TimeoutError } from './errors.ts';
import { hangUp, json, type ScriptedServer, silence, startScriptedServer } from './testing/scripted-server.ts';

let server: ScriptedServer;
let client: Songmill;

beforeEach(async () => {
  server = await startScriptedServer();
  client = new Songmill({ url: server.url, apiKey: 'sgm_test' });
});
afterEach(() => server.close());

const caught = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).catch((thrown: unknown) => thrown);

it('an aborted call lets go of its connection and passes the AbortError through', async () => {
  server.otherwise = silence;
  const stop = new AbortController();
  const call = caught(client.generations.retrieve('gen_1', { signal: stop.signal }));
  const request = await server.arrived(1);
  stop.abort();
  const error = await call;
  expect(error).toMatchObject({ name: 'AbortError' });
  expect(isSongmillError(error)).toBe(false);
  await request.dropped;
  expect(server.received).toHaveLength(1);
});

it('the reason given to an abort is what the call rejects with', async () => {
  server.otherwise = silence;
  const stop = new AbortController();
  const call = caught(client.generations.list({}, { signal: stop.signal }));
  await server.arrived(1);
  const reason = new Error('the user left');
  stop.abort(reason);
  expect(await call).toBe(reason);
});

it('a signal that was aborted before sends nothing', async () => {
  server.otherwise = json({});
  const signal = AbortSignal.abort();
  expect(await caught(client.generations.create({}, { signal }))).toMatchObject({ name: 'AbortError' });
  expect(server.received).toHaveLength(0);
});

it('an abort ends the pause between two tries', async () => {
  server.otherwise = hangUp;
  const stop = new AbortController();
  const abortWhilePausing: Pause = (_ms, signal) => {
    const paused = pause(3_600_000, signal);
    stop.abort();
    return paused;
  };
  const pausing = new Songmill({ url: server.url, pause: abortWhilePausing });
  expect(await caught(pausing.generations.retrieve('gen_1', { signal: stop.signal }))).toBe(stop.signal.reason);
  expect(server.received).toHaveLength(1);
});

it('a call without an answer ends with a TimeoutError that has the key, and is not repeated', async () => {
  server.otherwise = silence;
  const error = await caught(client.generations.create({}, { timeoutMs: 300, idempotencyKey: 'mine' }));
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ name: 'TimeoutError', idempotencyKey: 'mine' });
  expect(server.received.length).toBeLessThanOrEqual(1);
});

it('the time limit also covers a body that stops coming', async () => {
  server.otherwise = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"id":');
  };
  const error = await caught(client.generations.retrieve('gen_1', { timeoutMs: 300 }));
  expect(error).toBeInstanceOf(TimeoutError);
});

it('a call that the server may hold has that much more time', async () => {
  const limits: string[] = [];
  server.otherwise = silence;
  const impatient = new Songmill({ url: server.url, timeoutMs: 1 });
  for (const wait of [undefined, 0.2, 0]) {
    limits.push(String(await caught(impatient.generations.retrieve('gen_1', { wait }))));
  }
  expect(limits[0]).toContain('within 1 ms');
  expect(limits[1]).toContain('within 201 ms');
  expect(limits[2]).toContain('within 1 ms');
});

it('a pause leaves no listener on the signal it was given', async () => {
  const { signal } = new AbortController();
  const added = vi.spyOn(signal, 'addEventListener');
  const removed = vi.spyOn(signal, 'removeEventListener');
  await pause(0, signal);
  expect(added).toHaveBeenCalledTimes(1);
  expect(removed.mock.calls[0]?.[1]).toBe(added.mock.calls[0]?.[1]);
});
