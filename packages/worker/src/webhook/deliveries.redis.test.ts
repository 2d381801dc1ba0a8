import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import type { Event } from '@songmill/shared/contract/event';
import { readEndpoint, saveEndpoint } from '@songmill/shared/runtime/records/endpoints';
import { newSecret, readSecret, rotateSecret } from '@songmill/shared/runtime/records/webhook-secret';
import { redeliver, recoverDeliveries } from '@songmill/shared/runtime/records/deliver-again';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { openPost, type Post } from './testing/post.ts';
import { type Received, type Receiver, startReceiver } from './testing/receiver.ts';

let server: TestRedis;
let receiver: Receiver;
let post: Post;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  opened += 1;
  receiver = await startReceiver();
  post = await openPost(server.url, `d${opened}`);
});
afterEach(async () => {
  await post.stop();
  await receiver.stop();
});

const SETTLED = ['generation.succeeded', 'generation.failed', 'generation.canceled'] as const;
const ALL = ['generation.queued', 'generation.processing', ...SETTLED] as const;

const eventOf = ({ body }: Received) => JSON.parse(body) as Event;
const typesOf = (list: readonly Received[]) => list.map((each) => eventOf(each).type);
const idOf = ({ headers }: Received) => headers['webhook-id'];

/** What both libraries make of it. */
function verify({ body, headers }: Received, secret: string): void {
  const text = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  expect(new Webhook(secret).verify(body, text)).toEqual(JSON.parse(body));
  expect(() => new SvixWebhook(secret).verify(body, text)).not.toThrow();
}

describe('what is told', () => {
  it("an endpoint and the request's own URL both get every event they asked for, in the order they happened", async () => {
    const { secret } = await post.endpoint(`${receiver.url}/endpoint`, ALL);
    await post.endpoint(`${receiver.url}/other`, ALL, 'another project');
    const id = await post.generation({ url: `${receiver.url}/own`, events: [...SETTLED] });
    await receiver.until(1, '/endpoint');
    const token = await post.records.claimed(id);
    await receiver.until(2, '/endpoint');
    await post.records.publish(id, token);
    const told = await receiver.until(3, '/endpoint');
    const [own] = await receiver.until(1, '/own');
    await post.quiet();
    expect(typesOf(told)).toEqual(['generation.queued', 'generation.processing', 'generation.succeeded']);
    expect(new Set(told.map(idOf)).size).toBe(3);
    expect(receiver.received).toHaveLength(4);
    // One event, one id, the same bytes, whichever URL.
    expect(own!.body).toBe(told[2]!.body);
    expect(idOf(own!)).toBe(idOf(told[2]!));
    for (const each of told) verify(each, secret);
    verify(own!, await readSecret(post.records.store, 'p'));
    expect(() => verify(own!, secret)).toThrow(/signature/i);
  });

  it('data is the record as it was at the event, whatever it is when it is sent', async () => {
    await post.deliveries.stop();
    await post.endpoint(receiver.url, ALL);
    const id = await post.generation();
    const token = await post.records.claimed(id);
    await post.records.release(id, token, 'rate_limited');
    await post.records.publish(id, await post.records.claimed(id));
    await post.start();
    const told = (await receiver.until(5)).map(eventOf).toSorted((a, b) => sequenceOf(a) - sequenceOf(b));
    expect(told.map(({ type }) => type.replace('generation.', ''))).toEqual([
      ...['queued', 'processing', 'queued', 'processing', 'succeeded'],
    ]);
    const [first, second, third, , last] = told.map(({ data }) => data);
    expect(first).toMatchObject({ id, status: 'queued', sequence: 1, attempts: [], started_at: null, result: null });
    expect(second).toMatchObject({ status: 'processing', attempts: [{ number: 1, outcome: null }] });
    expect(third).toMatchObject({ status: 'queued', sequence: 3, attempts: [{ outcome: 'rate_limited' }] });
    expect(last).toMatchObject({ status: 'succeeded', sequence: 5, attempts_total: 2, result: { kind: 'song' } });
    expect(last!['finished_at']).toBe(told[4]!.timestamp);
    await post.quiet();
  });

  it('nobody is told of what was not asked for, and nothing is kept then', async () => {
    await post.endpoint(receiver.url, ['generation.failed']);
    const id = await post.generation({ url: receiver.url, events: ['generation.canceled'] });
    await post.records.publish(id, await post.records.claimed(id));
    const { redis, keys } = post.records.store;
    expect(await redis.keys(`${keys.root}[ed]:*`)).toEqual([]);
    expect(await post.deliveriesOf(id)).toEqual([]);
  });

  it('both secrets sign while one is rotated, and the old one no more when its time is over', async () => {
    const { id, secret } = await post.endpoint(receiver.url, ['generation.queued']);
    const fresh = newSecret();
    await rotateSecret(post.records.store, {
      fresh,
      owner: { endpoint: id, project: 'p' },
      overlapMs: 3_600_000,
    });
    await post.generation();
    const [during] = await receiver.until(1);
    expect(during!.headers['webhook-signature']).toMatch(/^v1,\S{44} v1,\S{44}$/);
    for (const each of [secret, fresh]) verify(during!, each);
    post.ahead(3_600_001);
    await post.generation();
    const [, after] = await receiver.until(2);
    expect(after!.headers['webhook-signature']).toMatch(/^v1,\S{44}$/);
    await post.quiet();
  });
});

function sequenceOf({ data }: Event): number {
  return Number(data['sequence']);
}

describe('what a receiver answers', () => {
  const told = { events: ['generation.queued'] as `generation.${string}`[] };
  const statusesOf = async (subject: string) => (await post.deliveriesOf(subject)).map(({ status }) => status);

  it.each([200, 201, 204, 299])('%d is success, whatever its body', async (code) => {
    receiver.answer((_request, response) => response.writeHead(code).end(code === 204 ? undefined : 'no'));
    const id = await post.generation({ url: receiver.url, ...told });
    await post.quiet();
    expect(await post.deliveriesOf(id)).toMatchObject([
      { status: 'succeeded', attempts: [{ status_code: code, error: null }], next_attempt_at: null },
    ]);
  });

  it('fault: another answer is tried again by the schedule, with the same id and bytes and a fresh signature, until it fails', async () => {
    receiver.answer((_request, response) => response.writeHead(500).end('down for '.repeat(500)));
    const id = await post.generation({ url: receiver.url, ...told });
    await post.quiet();
    const attempts = receiver.received;
    expect(attempts).toHaveLength(4);
    expect(new Set(attempts.map(idOf)).size).toBe(1);
    expect(new Set(attempts.map(({ body }) => body)).size).toBe(1);
    for (const each of attempts) verify(each, await readSecret(post.records.store, 'p'));
    const [delivery] = await post.deliveriesOf(id);
    expect(delivery).toMatchObject({ status: 'failed', event_id: idOf(attempts[0]!), generation_id: id });
    expect(delivery!.attempts).toHaveLength(4);
    expect(delivery!.last_answer).toHaveLength(1000);
  });

  it('fault: a redirect is a failure and is not followed', async () => {
    receiver.answer((request, response) => {
      if (request.url === '/away') response.writeHead(200).end();
      else response.writeHead(307, { location: '/away' }).end();
    });
    const id = await post.generation({ url: `${receiver.url}/here`, ...told });
    await post.quiet();
    expect(new Set(receiver.received.map(({ path }) => path))).toEqual(new Set(['/here']));
    expect(await post.deliveriesOf(id)).toMatchObject([
      { status: 'failed', attempts: [{ status_code: 307, error: 'redirect' }, {}, {}, {}] },
    ]);
  });

  it('fault: an answer that breaks off, or never comes, is a failure of a coarse class', async () => {
    receiver.answer((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    const cut = await post.generation({ url: receiver.url, ...told });
    await post.quiet();
    receiver.answer((request) => request.socket.destroy());
    const reset = await post.generation({ url: receiver.url, ...told });
    await post.quiet();
    expect((await post.deliveriesOf(cut))[0]!.attempts.map(({ error }) => error)).toEqual(['cut', 'cut', 'cut', 'cut']);
    expect((await post.deliveriesOf(reset))[0]!.attempts[0]).toMatchObject({ status_code: null, error: 'connect' });
  });

  it('no more than 64 KiB of an endless answer is read', async () => {
    receiver.answer((_request, response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
      };
      response.on('drain', more);
      more();
    });
    const id = await post.generation({ url: receiver.url, ...told });
    await post.quiet();
    expect(await statusesOf(id)).toEqual(['succeeded']);
  });

  it('fault: 410 ends what waits for the URL of a request, and only that', async () => {
    receiver.answer((request, response) => response.writeHead(request.url === '/gone' ? 410 : 204).end());
    await post.deliveries.stop();
    const ids = [];
    for (let n = 0; n < 8; n++) ids.push(await post.generation({ url: `${receiver.url}/gone`, ...told }));
    const other = await post.generation({ url: `${receiver.url}/here`, ...told });
    await post.start();
    await post.quiet();
    const statuses = (await Promise.all(ids.map(statusesOf))).flat();
    expect(statuses.filter((status) => status === 'canceled').length).toBeGreaterThanOrEqual(4);
    expect(statuses.every((status) => status === 'canceled' || status === 'failed')).toBe(true);
    expect(await statusesOf(other)).toEqual(['succeeded']);
    // What is owed afterwards is sent: the URL may have come back.
    receiver.answer((_request, response) => response.writeHead(204).end());
    const later = await post.generation({ url: `${receiver.url}/gone`, ...told });
    await post.quiet();
    expect(await statusesOf(later)).toEqual(['succeeded']);
  });

  it('fault: 410 disables an endpoint, which is told to others, and enabling it begins anew', async () => {
    const { id } = await post.endpoint(`${receiver.url}/gone`, ['generation.queued']);
    await post.endpoint(`${receiver.url}/watch`, ['endpoint.disabled']);
    receiver.answer((request, response) => response.writeHead(request.url === '/gone' ? 410 : 204).end());
    await post.generation();
    const [told2] = await receiver.until(1, '/watch');
    expect(eventOf(told2!)).toMatchObject({ type: 'endpoint.disabled', data: { id, disabled_reason: 'gone' } });
    expect(told2!.body).not.toContain('whsec_');
    expect(await readEndpoint(post.records.store, id)).toMatchObject({ enabled: false, disabled_reason: 'gone' });
    await post.generation();
    await post.quiet();
    expect(receiver.received.filter(({ path }) => path === '/gone')).toHaveLength(1);
    const known = (await readEndpoint(post.records.store, id))!;
    await saveEndpoint(post.records.store, { ...known, secret: null, enabled: true });
    receiver.answer((_request, response) => response.writeHead(204).end());
    await post.generation();
    await receiver.until(2, '/gone');
    await post.quiet();
    expect(await readEndpoint(post.records.store, id)).toMatchObject({ enabled: true, disabled_reason: null });
  });

  it('fault: five days of nothing but failures disable an endpoint; one success in between does not', async () => {
    const DAY = 86_400_000;
    const { id } = await post.endpoint(receiver.url, ['generation.queued']);
    const failing = (yes: boolean) =>
      receiver.answer((_request, response) => response.writeHead(yes ? 500 : 204).end());
    const story = async (days: readonly number[]) => {
      for (const day of days) {
        post.ahead(day * DAY);
        await post.generation();
        await post.quiet();
      }
    };
    failing(true);
    await story([0, 2, 2]);
    failing(false);
    await story([0.5]);
    failing(true);
    await story([0.5, 2, 2, 0.9]);
    expect(await readEndpoint(post.records.store, id)).toMatchObject({ enabled: true });
    await story([0.2]);
    expect(await readEndpoint(post.records.store, id)).toMatchObject({ enabled: false, disabled_reason: 'failing' });
  });

  it('fault: Retry-After makes everything else for the same receiver wait, and counts as one attempt', async () => {
    let busy = true;
    receiver.answer((_request, response) =>
      busy ? response.writeHead(429, { 'retry-after': '3600' }).end() : response.writeHead(204).end(),
    );
    const first = await post.generation({ url: receiver.url, ...told });
    await receiver.until(1);
    await untilTrue(async () => (await post.deliveriesOf(first))[0]!.attempts.length === 1);
    const second = await post.generation({ url: receiver.url, ...told });
    const third = await post.generation({ url: `${receiver.url}/path`, ...told });
    busy = false;
    await untilTrue(async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return true;
    });
    expect(receiver.received).toHaveLength(1);
    post.ahead(3_600_000 * 1.2);
    await post.quiet();
    for (const id of [first, second, third]) expect(await statusesOf(id)).toEqual(['succeeded']);
  });

  it('fault: what failed in a span of time is sent again, after saying how many', async () => {
    const { id } = await post.endpoint(receiver.url, ['generation.queued']);
    receiver.answer((_request, response) => response.writeHead(500).end());
    const since = Date.now() - 1000;
    for (let n = 0; n < 3; n++) await post.generation();
    await post.quiet();
    const span = { endpoint: id, sinceMs: since, untilMs: Date.now() + 1000 };
    expect(await recoverDeliveries(post.records.store, { ...span, dryRun: true })).toBe(3);
    expect(await recoverDeliveries(post.records.store, { ...span, sinceMs: span.untilMs, dryRun: false })).toBe(0);
    const before = receiver.received.length;
    receiver.answer((_request, response) => response.writeHead(204).end());
    expect(await recoverDeliveries(post.records.store, { ...span, dryRun: false })).toBe(3);
    await receiver.until(before + 3);
    await post.quiet();
    expect(await recoverDeliveries(post.records.store, { ...span, dryRun: true })).toBe(0);
    expect(new Set(receiver.received.map(idOf)).size).toBe(3);
  });

  it('fault: one that failed can be sent again, from the first step of the schedule', async () => {
    receiver.answer((_request, response) => response.writeHead(500).end());
    const id = await post.generation({ url: receiver.url, ...told });
    await post.quiet();
    const [delivery] = await post.deliveriesOf(id);
    expect(await redeliver(post.records.store, { id: delivery!.id })).toBe('again');
    await receiver.until(8);
    await post.quiet();
    expect((await post.deliveriesOf(id))[0]!.attempts).toHaveLength(8);
  });
});

describe('what may be lost on the way', () => {
  it('fault: a sender that dies between the answer and the record sends the same id and bytes again', async () => {
    await post.deliveries.stop();
    let died = false;
    await post.start(() => {
      if (died) return;
      died = true;
      throw new Error('died here');
    });
    const id = await post.generation({ url: receiver.url, events: ['generation.queued'] });
    const twice = await receiver.until(2);
    await post.quiet();
    expect(idOf(twice[0]!)).toBe(idOf(twice[1]!));
    expect(twice[0]!.body).toBe(twice[1]!.body);
    expect((await post.deliveriesOf(id))[0]!.attempts).toHaveLength(1);
  });

  it('fault: a sender that leaves waits a little for a slow receiver, then leaves the attempt to another one', async () => {
    const held: (() => void)[] = [];
    receiver.answer((_request, response) => {
      held.push(() => response.destroy());
    });
    const slow = await openPost(server.url, `slow${opened}`, { WEBHOOK_TIMEOUT_MS: '60000' });
    const id = await slow.generation({ url: receiver.url, events: ['generation.queued'] });
    await receiver.until(1);
    await slow.deliveries.drain();
    await slow.deliveries.stop();
    expect((await slow.deliveriesOf(id))[0]).toMatchObject({ status: 'pending', attempts: [] });
    receiver.answer((_request, response) => response.writeHead(204).end());
    await slow.start();
    const [first, second] = await receiver.until(2);
    await slow.quiet();
    expect(idOf(second!)).toBe(idOf(first!));
    expect((await slow.deliveriesOf(id))[0]).toMatchObject({ status: 'succeeded', attempts: [{ error: null }] });
    await slow.stop();
    for (const hangUp of held) hangUp();
  });

  it('fault: what BullMQ forgot is found and sent', async () => {
    await post.deliveries.stop();
    await post.generation({ url: receiver.url, events: ['generation.queued'] });
    const { redis, keys } = post.records.store;
    const { feedDeliveries } = await import('@songmill/shared/runtime/records/deliver');
    const { pointers } = await feedDeliveries(post.records.store, { most: 10, windowSize: 10, aheadMs: -2000 });
    expect(pointers).toEqual([]);
    expect((await feedDeliveries(post.records.store, { most: 10, windowSize: 10, aheadMs: 0 })).pointers).toHaveLength(
      1,
    );
    expect(await redis.zcard(`${keys.root}deliver-window`)).toBe(1);
    await post.start();
    await receiver.until(1);
    await post.quiet();
    expect(receiver.received).toHaveLength(1);
  });

  it('an address that is not public is never asked, and the owner learns only that it was blocked', async () => {
    const strict = await openPost(server.url, `strict${opened}`, { WEBHOOK_ALLOW_PRIVATE: 'false' });
    const id = await strict.generation({ url: receiver.url, events: ['generation.queued'] });
    await strict.quiet();
    expect((await strict.deliveriesOf(id))[0]).toMatchObject({
      status: 'failed',
      attempts: [{ status_code: null, error: 'blocked' }, {}, {}, {}],
    });
    expect(receiver.received).toEqual([]);
    await strict.stop();
  });
});

async function untilTrue(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 5));
}
