import type { Event } from '@songmill/shared/contract/event';
import type { WebhookDelivery, WebhookEndpoint } from '@songmill/shared/contract/webhook';
import { type Received, type Receiver, startReceiver } from '@songmill/worker/webhook/testing/receiver';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { API_KEY, startSystem, type SystemOptions, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
let receiver: Receiver;

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await system.stop();
  await receiver.stop();
});

const ALL = (['queued', 'processing', 'succeeded', 'failed', 'canceled'] as const).map(
  (status) => `generation.${status}` as const,
);
const idOf = ({ headers }: Received) => String(headers['webhook-id']);
const eventOf = ({ body }: Received) => JSON.parse(body) as Event;

async function start(options: SystemOptions = {}): Promise<void> {
  system = await startSystem({
    ...options,
    env: {
      ...{
        WEBHOOK_ALLOW_PRIVATE: 'true',
        WEBHOOK_SCHEDULE_MS: Array(40).fill(200).join(','),
        WEBHOOK_TIMEOUT_MS: '1000',
      },
      ...options.env,
    },
  });
}

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${system.apis[0]!.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

const endpoint = (path: string, events: readonly string[] = ALL) =>
  call<WebhookEndpoint>('POST', '/v1/webhook-endpoints', { url: `${receiver.url}${path}`, events });
const secretOfProject = async () => (await call<{ secret: string }>('GET', '/v1/webhook-secret')).secret;

/** Resolves with every delivery once none is pending. */
async function settledDeliveries(): Promise<WebhookDelivery[]> {
  for (;;) {
    const { data } = await call<{ data: WebhookDelivery[] }>('GET', '/v1/webhook-deliveries?limit=100');
    if (data.length > 0 && data.every(({ status }) => status !== 'pending')) return data;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function verify(one: Received, secret: string): void {
  const headers = Object.fromEntries(Object.entries(one.headers).map(([name, value]) => [name, String(value)]));
  expect(new Webhook(secret).verify(one.body, headers)).toEqual(JSON.parse(one.body));
  expect(() => new SvixWebhook(secret).verify(one.body, headers)).not.toThrow();
}

describe('webhooks of the whole system', () => {
  it('a per-request URL and a registered endpoint both get every event they asked for, and both packages verify them', async () => {
    await start({ workers: 2, apis: 2 });
    const { secret } = await endpoint('/endpoint');
    const webhook = { url: `${receiver.url}/own`, events: ALL };
    const made = await Promise.all(
      Array.from({ length: 10 }, () => system.client.generations.create(song('', { webhook }))),
    );
    const [canceled, ...others] = made;
    const outcome = await system.client.generations.cancel(canceled!.id).catch(() => null);
    await Promise.all(others.map(({ id }) => system.client.generations.wait(id, { timeoutMs: 60_000 })));
    const deliveries = await settledDeliveries();
    expect(new Set(deliveries.map(({ status }) => status))).toEqual(new Set(['succeeded']));
    const project = await secretOfProject();
    for (const one of receiver.received) verify(one, one.path === '/own' ? project : secret!);
    for (const path of ['/own', '/endpoint']) {
      for (const { id } of others) {
        const mine = receiver.received.filter((one) => one.path === path && eventOf(one).data['id'] === id);
        const types = new Set(mine.map((one) => eventOf(one).type));
        expect(types).toEqual(new Set(['generation.queued', 'generation.processing', 'generation.succeeded']));
        expect(new Set(mine.map(idOf)).size).toBe(types.size);
        const last = mine.find((one) => eventOf(one).type === 'generation.succeeded')!;
        const { queue: _queue, ...record } = (await system.client.generations.retrieve(id)) as unknown as Event['data'];
        expect(eventOf(last).data).toMatchObject(record);
      }
      if (outcome === null) continue;
      expect(receiver.received.some((one) => one.path === path && eventOf(one).type === 'generation.canceled')).toBe(
        true,
      );
    }
  });

  it('fault: a sender killed before it could write down the answer; another one sends the same bytes under the same id', async () => {
    await start({ workers: 1 });
    const killed: Promise<void>[] = [];
    receiver.answer((_request, response) => {
      // The first one is received whole, and its sender dies before the answer can count.
      if (killed.length === 0) killed.push(system.workers[0]!.kill('SIGKILL').then(() => void response.destroy()));
      else response.writeHead(204).end();
    });
    const webhook = { url: `${receiver.url}/own`, events: ['generation.succeeded' as const] };
    const { id } = await system.client.generations.create(song('', { webhook }));
    const [first] = await receiver.until(1);
    await Promise.all(killed);
    await system.startWorker();
    const [, second] = await receiver.until(2);
    await settledDeliveries();
    expect(idOf(second!)).toBe(idOf(first!));
    expect(second!.body).toBe(first!.body);
    expect(eventOf(second!).data).toMatchObject({ id, status: 'succeeded' });
    verify(second!, await secretOfProject());
  });

  it('fault: Redis killed while a receiver fails loses no event, and every event has one id', async () => {
    await start({ workers: 2, redis: { appendfsync: 'always' } });
    await endpoint('/endpoint');
    let down = true;
    receiver.answer((_request, response) => response.writeHead(down ? 500 : 204).end());
    const made = await Promise.all(Array.from({ length: 8 }, () => system.client.generations.create(song())));
    await receiver.until(5);
    await system.redis.restart();
    down = false;
    await Promise.all(made.map(({ id }) => untilSettled(id)));
    const deliveries = await settledDeliveries();
    expect(deliveries.map(({ status }) => status)).toEqual(deliveries.map(() => 'succeeded'));
    for (const { id } of made) {
      const mine = receiver.received.filter((one) => eventOf(one).data['id'] === id);
      for (const type of ['generation.queued', 'generation.succeeded']) {
        const told = mine.filter((one) => eventOf(one).type === type);
        expect(told.length).toBeGreaterThan(0);
        expect(new Set(told.map((one) => `${idOf(one)} ${one.body}`)).size).toBe(1);
      }
    }
  });

  it('fault: a receiver that never answers holds up nobody else', async () => {
    await start({ workers: 1 });
    await endpoint('/dead');
    await endpoint('/alive');
    const held: (() => void)[] = [];
    receiver.answer((request, response) => {
      if (request.url === '/alive') response.writeHead(204).end();
      else held.push(() => response.destroy());
    });
    const made = await Promise.all(Array.from({ length: 30 }, () => system.client.generations.create(song())));
    await receiver.until(90, '/alive');
    const dead = receiver.received.filter(({ path }) => path === '/dead');
    expect(dead.length).toBeGreaterThan(0);
    expect(made).toHaveLength(30);
    for (const hangUp of held) hangUp();
  });
});

async function untilSettled(id: string): Promise<void> {
  for (;;) {
    const settled = await system.client.generations.wait(id, { timeoutMs: 60_000 }).catch(() => null);
    if (settled !== null) return;
  }
}
