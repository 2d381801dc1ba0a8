import { afterEach, beforeEach, expect, it } from 'vitest';
import { Songmill } from './client.ts';
import { BadResponseError, ConnectionError, NotFoundError, RateLimitError, UnavailableError } from './errors.ts';
import {
  generation,
  hangUp,
  json,
  problem,
  type Reply,
  type ScriptedServer,
  startScriptedServer,
} from './testing/scripted-server.ts';

let server: ScriptedServer;
let pauses: number[];
let client: Songmill;

beforeEach(async () => {
  server = await startScriptedServer();
  pauses = [];
  client = new Songmill({ url: server.url, apiKey: 'sgm_test', pause: async (ms) => void pauses.push(ms) });
});
afterEach(() => server.close());

const song = json(generation('gen_1', 'queued'), 202);
const keys = () => server.received.map((request) => request.headers['idempotency-key']);

const passing: [string, Reply][] = [
  ['a connection that closes', hangUp],
  ['408', problem('internal', 408)],
  ['429', problem('rate_limited', 429)],
  ['502', problem('internal', 502)],
  ['503', problem('queue_unavailable', 503)],
  ['504', problem('internal', 504)],
];

it.each(passing)('a create is tried again after %s, under one and the same key', async (_name, failure) => {
  server.script(failure, failure, song);
  const { data, tries, idempotencyKey } = await client.generations.create({ lyrics: 'la' }).withResponse();
  expect(data.id).toBe('gen_1');
  expect(tries).toBe(3);
  expect(keys()).toEqual([idempotencyKey, idempotencyKey, idempotencyKey]);
  expect(idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
  expect(new Set(server.received.map((request) => request.body))).toEqual(new Set(['{"lyrics":"la"}']));
});

it('every create has a key of its own, and a given key is used as given', async () => {
  server.otherwise = song;
  await client.generations.create({});
  await client.generations.create({});
  await client.generations.create({}, { idempotencyKey: 'mine' });
  expect(new Set(keys()).size).toBe(3);
  expect(keys()[2]).toBe('mine');
});

it('two tries follow a first one, then the last error is thrown with the key to repeat it by', async () => {
  server.otherwise = problem('queue_unavailable', 503, { 'retry-after': '4' });
  const error = await client.generations.create({}, { idempotencyKey: 'mine' }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UnavailableError);
  expect(error).toMatchObject({ status: 503, idempotencyKey: 'mine', retryAfterMs: 4000 });
  expect(server.received).toHaveLength(3);
  expect(pauses).toHaveLength(2);
  for (const ms of pauses) expect(ms).toBeGreaterThanOrEqual(4000);
});

it('maxRetries is a choice of the client and of every call', async () => {
  server.otherwise = hangUp;
  const patient = new Songmill({ url: server.url, maxRetries: 0, pause: async () => {} });
  await expect(patient.generations.retrieve('gen_1')).rejects.toBeInstanceOf(ConnectionError);
  expect(server.received).toHaveLength(1);
  await expect(patient.generations.retrieve('gen_1', { maxRetries: 4 })).rejects.toBeInstanceOf(ConnectionError);
  expect(server.received).toHaveLength(6);
});

it.each([400, 401, 403, 404, 409, 410, 422, 500])('%i is final', async (status) => {
  server.otherwise = problem('internal', status);
  await expect(client.generations.create({})).rejects.toMatchObject({ status });
  expect(server.received).toHaveLength(1);
});

it('a cancel carries no key and is never repeated', async () => {
  server.otherwise = hangUp;
  await expect(client.generations.cancel('gen_1')).rejects.toBeInstanceOf(ConnectionError);
  expect(keys()).toEqual([undefined]);
});

it('retry and resolve may spend, so they carry a key and are repeated', async () => {
  server.script(hangUp, song, hangUp, song);
  await client.generations.retry('gen_1');
  await client.generations.resolve('gen_1', { charged: false, action: 'retry' });
  const [a, b, c, d] = keys();
  expect(a).toBeTruthy();
  expect([b, d]).toEqual([a, c]);
  expect(c).not.toBe(a);
  expect(server.received[3]?.body).toBe('{"charged":false,"action":"retry"}');
});

it('a server that asks for a longer pause than a minute gets no further call', async () => {
  server.otherwise = problem('rate_limited', 429, { 'retry-after': '3600' });
  await expect(client.generations.retrieve('gen_1')).rejects.toBeInstanceOf(RateLimitError);
  expect(server.received).toHaveLength(1);
});

it('a pause that would outlast the time limit is not begun', async () => {
  server.otherwise = problem('queue_unavailable', 503, { 'retry-after': '50' });
  const call = client.generations.retrieve('gen_1', { timeoutMs: 20_000 });
  await expect(call).rejects.toBeInstanceOf(UnavailableError);
  expect(pauses).toEqual([]);
});

const unanswered = passing.filter(([name]) => name !== '429' && name !== '503');

it.each(unanswered)('what a try that ended with %s may have deleted is not missed', async (_name, failure) => {
  server.script(failure, problem('not_found', 404));
  await expect(client.generations.delete('gen_1')).resolves.toBeNull();
});

it('what was refused and is then gone was deleted by somebody else', async () => {
  server.script(problem('queue_unavailable', 503), problem('not_found', 404));
  await expect(client.generations.delete('gen_1')).rejects.toBeInstanceOf(NotFoundError);
});

it('an answer that breaks off in the middle is fetched again', async () => {
  server.script((response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
    response.write('{"id":', () => response.destroy());
  }, song);
  await expect(client.generations.retrieve('gen_1')).resolves.toMatchObject({ id: 'gen_1' });
});

it('a success that is no JSON is named as such and not repeated', async () => {
  server.otherwise = (response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<h1>hello</h1>');
  };
  const error = await client.generations.retrieve('gen_1').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BadResponseError);
  expect(String(error)).toContain('text/html');
  expect(server.received).toHaveLength(1);
});
