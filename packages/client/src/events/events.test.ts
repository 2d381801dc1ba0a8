import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Songmill } from '../client.ts';
import { AuthenticationError, BadResponseError, ConnectionError, UnavailableError } from '../errors.ts';
import {
  generation,
  hangUp,
  json,
  problem,
  type Reply,
  type ScriptedServer,
  startScriptedServer,
} from '../testing/scripted-server.ts';

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
  return server.close();
});

const frame = (id: string, type: string, data: object = {}) =>
  `event: ${type}\nid: ${id}\ndata: ${JSON.stringify({ type, timestamp: '2026-01-31T12:00:00.000Z', data })}\n\n`;
const state = (sequence: number, status: string) =>
  frame(String(sequence), `generation.${status}`, generation('gen_1', status));

/** Says these frames; then the connection ends, is cut or stays. */
function stream(frames: string, then: 'ends' | 'is cut' | 'stays' = 'ends'): Reply {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write(`retry: 4000\n\n${frames}`, () => {
      if (then === 'ends') response.end();
      if (then === 'is cut') response.destroy();
    });
  };
}
const noMore: Reply = (response) => void response.writeHead(204).end();
const lastIds = () => server.received.map(({ headers }) => headers['last-event-id']);

async function all<Item>(items: AsyncIterable<Item>, most = Number.POSITIVE_INFINITY): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) if (found.push(item) >= most) break;
  return found;
}

it('a song is followed until it is settled', async () => {
  server.script(stream(state(1, 'queued') + state(2, 'processing') + state(3, 'succeeded')));
  const events = await all(client.generations.events('gen_1'));
  expect(events.map(({ id, type, data }) => [id, type, data.status])).toEqual([
    ['1', 'generation.queued', 'queued'],
    ['2', 'generation.processing', 'processing'],
    ['3', 'generation.succeeded', 'succeeded'],
  ]);
  expect(server.received.map(({ path, headers }) => [path, headers.accept])).toEqual([
    ['/v1/generations/gen_1/events', 'text/event-stream'],
  ]);
});

it('an end that a retry has followed is not the last', async () => {
  server.script(stream(state(3, 'failed') + state(4, 'queued'), 'is cut'), stream(state(5, 'canceled')));
  const events = await all(client.generations.events('gen_1', { lastEventId: '2' }));
  expect(events.map(({ id }) => id)).toEqual(['3', '4', '5']);
  expect(lastIds()).toEqual(['2', '4']);
});

it('a stream that breaks off, ends early or is refused for now goes on after the last id', async () => {
  server.script(
    stream(state(1, 'queued'), 'is cut'),
    problem('queue_unavailable', 503, { 'retry-after': '7' }),
    hangUp,
    stream(state(2, 'processing')),
    stream('', 'ends'),
    stream(state(3, 'succeeded')),
  );
  const events = await all(client.generations.events('gen_1'));
  expect(events.map(({ id }) => id)).toEqual(['1', '2', '3']);
  expect(lastIds()).toEqual([undefined, '1', '1', '1', '2', '2']);
  const [, refused, , ...ended] = pauses;
  expect(refused).toBeGreaterThanOrEqual(7000);
  for (const ms of ended) expect(ms >= 2000 && ms <= 4000).toBe(true);
});

it('a server that has no more to tell ends it', async () => {
  server.script(noMore);
  expect(await all(client.generations.events('gen_1', { lastEventId: '3' }))).toEqual([]);
});

it('what no repetition helps against is thrown', async () => {
  server.script(problem('unauthenticated', 401));
  await expect(all(client.events.stream())).rejects.toBeInstanceOf(AuthenticationError);
  server.script(json({ data: [] }));
  await expect(all(client.events.stream())).rejects.toBeInstanceOf(BadResponseError);
  server.script(stream('data: {"half\n\n'));
  await expect(all(client.events.stream())).rejects.toBeInstanceOf(BadResponseError);
  expect(server.received).toHaveLength(3);
});

it('failures in a row have a limit if one is given, and an event starts them anew', async () => {
  const busy = problem('queue_unavailable', 503);
  server.script(busy, busy, stream(frame('1-0', 'queue.paused'), 'is cut'), busy, busy);
  const seen: string[] = [];
  const following = (async () => {
    for await (const event of client.events.stream({}, { maxRetries: 2 })) seen.push(event.type);
  })();
  await expect(following).rejects.toBeInstanceOf(UnavailableError);
  expect([seen, server.received.length]).toEqual([['queue.paused'], 5]);
  server.script(hangUp);
  await expect(all(client.events.stream({}, { maxRetries: 0 }))).rejects.toBeInstanceOf(ConnectionError);
});

it('a connection that says nothing for three pings is left for another one', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  server.script(stream(state(1, 'queued'), 'stays'), stream(state(2, 'succeeded')));
  const events = client.generations.events('gen_1');
  expect((await events.next()).value).toMatchObject({ id: '1' });
  const next = events.next();
  await new Promise((resolve) => setImmediate(resolve));
  const { dropped } = await server.arrived(1);
  await vi.advanceTimersByTimeAsync(45_000);
  await dropped;
  expect((await next).value).toMatchObject({ id: '2' });
  expect(lastIds()).toEqual([undefined, '1']);
});

it('leaving the loop, and an abort, close the connection', async () => {
  server.script(stream(state(1, 'queued'), 'stays'), stream(state(1, 'queued'), 'stays'));
  expect(await all(client.generations.events('gen_1'), 1)).toHaveLength(1);
  await (await server.arrived(1)).dropped;
  const leaving = new AbortController();
  const events = client.generations.events('gen_1', { signal: leaving.signal });
  await events.next();
  const next = events.next();
  leaving.abort();
  await expect(next).rejects.toMatchObject({ name: 'AbortError' });
  await (await server.arrived(2)).dropped;
});

it('the events of a project come by filter, with their types, and a reset is told', async () => {
  const song = generation('gen_1', 'succeeded');
  server.script(
    stream(`id: 5-0\n\n${frame('5-1', 'generation.succeeded', song)}`, 'is cut'),
    stream(frame('9-0', 'reset') + frame('9-1', 'account.held', { scope: 'account' })),
  );
  const filters = { types: ['generation.succeeded', 'account.held'], project: 'p' } as const;
  const [first, second, third] = await all(client.events.stream(filters), 3);
  expect(first?.type === 'generation.succeeded' && first.data.status).toBe('succeeded');
  expect([second?.type, third?.type]).toEqual(['reset', 'account.held']);
  expect(lastIds()).toEqual([undefined, '5-1']);
  expect(server.received[0]!.query.toString()).toBe('types=generation.succeeded%2Caccount.held&project=p');
});

it('a place without an event counts', async () => {
  server.script(stream('id: 5-0\n\n', 'is cut'), stream(frame('5-1', 'queue.paused')));
  expect(await all(client.events.stream(), 1)).toMatchObject([{ id: '5-1' }]);
  expect(lastIds()).toEqual([undefined, '5-0']);
});

it('past events are listed page by page', async () => {
  const event = (id: string) => ({ id, object: 'event', type: 'queue.paused', timestamp: '', data: {} });
  server.script(
    json({ data: [event('2-0')], has_more: true, next_cursor: 'c' }),
    json({ data: [event('1-0')], has_more: false, next_cursor: null }),
  );
  const found = await all(client.events.list({ types: ['queue.paused'], limit: 1 }));
  expect(found.map(({ id }) => id)).toEqual(['2-0', '1-0']);
  expect(server.received[1]!.query.toString()).toBe('types=queue.paused&limit=1&after=c');
});
