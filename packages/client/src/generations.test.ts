import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Songmill } from './client.ts';
import { ConflictError } from './errors.ts';
import { generation, json, problem, type ScriptedServer, startScriptedServer } from './testing/scripted-server.ts';

let server: ScriptedServer;
let client: Songmill;

beforeEach(async () => {
  server = await startScriptedServer();
  client = new Songmill({ url: `${server.url}/under/`, apiKey: 'sgm_test', maxRetries: 0 });
});
afterEach(() => server.close());

const last = () => {
  const request = server.received.at(-1);
  if (!request) throw new Error('no request has come in');
  return request;
};

it('every call goes to the route of the contract, with the key', async () => {
  server.otherwise = json(generation('gen_1', 'canceled'));
  const { generations } = client;
  const calls: [string, () => PromiseLike<unknown>][] = [
    ['POST /under/v1/generations', () => generations.create({ lyrics: 'la' })],
    ['GET /under/v1/generations/gen_1', () => generations.retrieve('gen_1')],
    ['GET /under/v1/generations/a%2Fb', () => generations.retrieve('a/b')],
    ['POST /under/v1/generations/gen_1/cancel', () => generations.cancel('gen_1')],
    ['POST /under/v1/generations/gen_1/retry', () => generations.retry('gen_1')],
    ['POST /under/v1/generations/gen_1/resolve', () => generations.resolve('gen_1', { charged: true, action: 'fail' })],
    ['DELETE /under/v1/generations/gen_1', () => generations.delete('gen_1')],
    ['GET /under/v1/generations/gen_1/audio', async () => (await generations.audio('gen_1')).text()],
    ['POST /under/v1/api-keys', () => client.apiKeys.create({ name: 'ci' })],
    ['DELETE /under/v1/api-keys/key_1', () => client.apiKeys.delete('key_1')],
  ];
  for (const [route, call] of calls) {
    await call();
    expect(`${last().method} ${last().path}`).toBe(route);
    expect(last().headers.authorization).toBe('Bearer sgm_test');
  }
});

it('health is asked without the key, and not being ready is an answer', async () => {
  server.script(json({ status: 'ok' }), json({ status: 'unavailable', redis: 'down' }, 503));
  expect(await client.health.live()).toEqual({ status: 'ok' });
  const { status, data } = await client.health.ready().withResponse();
  expect([status, data]).toEqual([503, { status: 'unavailable', redis: 'down' }]);
  expect(server.received.map((request) => request.path)).toEqual(['/under/livez', '/under/readyz']);
  expect(server.received.map((request) => request.headers.authorization)).toEqual([undefined, undefined]);
});

it('withResponse tells the status, the request id and whether the answer is a replay', async () => {
  server.script(json(generation('gen_1', 'queued'), 202, { 'idempotent-replayed': 'true' }));
  const answer = await client.generations.create({}, { idempotencyKey: 'mine' }).withResponse();
  expect(answer).toMatchObject({ status: 202, requestId: 'req_1', replayed: true, idempotencyKey: 'mine', tries: 1 });
  expect(answer.headers.get('content-type')).toBe('application/json');
  server.script(json(generation('gen_1', 'queued')));
  const second = await client.generations.retrieve('gen_1').withResponse();
  expect(second).toMatchObject({ replayed: false, idempotencyKey: null });
});

it('a failure reaches every way of looking at a call, and only those', async () => {
  server.otherwise = problem('conflict', 409);
  const call = client.generations.cancel('gen_1');
  await expect(call.withResponse()).rejects.toBeInstanceOf(ConflictError);
  await expect(call).rejects.toBeInstanceOf(ConflictError);
  await expect(Promise.all([call, client.health.live()])).rejects.toBeInstanceOf(ConflictError);
  let finished = 0;
  const count = () => void finished++;
  await expect(call.finally(count)).rejects.toBeInstanceOf(ConflictError);
  expect(await call.catch((error: ConflictError) => error.status)).toBe(409);
  expect(finished).toBe(1);
  expect(server.received.filter(({ method }) => method === 'POST')).toHaveLength(1);
});

it('wait becomes Prefer: wait, in whole seconds', async () => {
  server.otherwise = json(generation('gen_1', 'succeeded'));
  await client.generations.create({}, { wait: 30 });
  expect(last().headers.prefer).toBe('wait=30');
  await client.generations.retrieve('gen_1', { wait: 1.2 });
  expect(last().headers.prefer).toBe('wait=2');
  await client.generations.retrieve('gen_1');
  expect(last().headers.prefer).toBeUndefined();
});

it('an unchanged record is null, and only when that was asked for', async () => {
  server.otherwise = (response) => void response.writeHead(304, { etag: '"7"' }).end();
  expect(await client.generations.retrieve('gen_1', { ifNoneMatch: '"7"' })).toBeNull();
  expect(last().headers['if-none-match']).toBe('"7"');
  await expect(client.generations.retrieve('gen_1')).rejects.toMatchObject({ status: 304 });
});

it('deleting answers null', async () => {
  server.otherwise = (response) => void response.writeHead(204).end();
  expect(await client.generations.delete('gen_1')).toBeNull();
});

describe('a list', () => {
  const page = (ids: string[], next: string | null) =>
    json({ data: ids.map((id) => generation(id, 'queued')), has_more: next !== null, next_cursor: next });

  it('is a page when awaited', async () => {
    server.script(page(['gen_1', 'gen_2'], 'c1'));
    const first = await client.generations.list();
    expect(first.data.map(({ id }) => id)).toEqual(['gen_1', 'gen_2']);
    expect(first).toMatchObject({ has_more: true, next_cursor: 'c1' });
    expect(last().query.toString()).toBe('');
  });

  it('is every item of every page when iterated, empty pages included, with the same filters', async () => {
    server.script(page(['gen_1'], 'c1'), page([], 'c2'), page(['gen_2', 'gen_3'], null));
    const ids: string[] = [];
    for await (const { id } of client.generations.list({ status: ['failed', 'canceled'], limit: 1 })) ids.push(id);
    expect(ids).toEqual(['gen_1', 'gen_2', 'gen_3']);
    expect(server.received.map((request) => request.query.get('after'))).toEqual([null, 'c1', 'c2']);
    for (const { query } of server.received) {
      expect([query.get('status'), query.get('limit')]).toEqual(['failed,canceled', '1']);
    }
  });

  it('fetches no page that nobody reaches', async () => {
    server.otherwise = page(['gen_1', 'gen_2'], 'c1');
    for await (const { id } of client.generations.list()) if (id === 'gen_2') break;
    expect(server.received).toHaveLength(1);
  });

  it('goes on from a page, and from a cursor', async () => {
    server.script(page(['gen_2'], 'c2'), page(['gen_3'], null));
    const first = await client.generations.list({ after: 'c1', batch_id: 'bat_1' });
    const second = await first.next();
    expect(second?.data[0]?.id).toBe('gen_3');
    expect(await second?.next()).toBeNull();
    expect(server.received.map(({ query }) => query.toString())).toEqual([
      'batch_id=bat_1&after=c1',
      'batch_id=bat_1&after=c2',
    ]);
  });

  it('takes times as dates too', async () => {
    server.otherwise = page([], null);
    await client.generations.list({ created_after: new Date(0), created_before: '2026-01-31T00:00:00Z' });
    expect(last().query.get('created_after')).toBe('1970-01-01T00:00:00.000Z');
    expect(last().query.get('created_before')).toBe('2026-01-31T00:00:00Z');
  });

  it('of keys is iterated in the same way', async () => {
    server.script(page(['key_1'], 'c1'), page(['key_2'], null));
    const ids: string[] = [];
    for await (const { id } of client.apiKeys.list()) ids.push(id);
    expect(ids).toEqual(['key_1', 'key_2']);
  });
});
