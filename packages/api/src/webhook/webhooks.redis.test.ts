import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebhookDelivery, WebhookEndpoint } from '@songmill/shared/contract/webhook';
import { endDelivery, feedDeliveries } from '@songmill/shared/runtime/records/deliver';
import { type ApiFixture, ASK, generationOf, KEY, problemOf, startFixture } from '../testing/api-fixture.ts';

let fixture: ApiFixture;
/** Keys of two projects: what one owns the other must not see. */
let shop: string;
let rival: string;

const HOOK = 'https://hooks.example.com/songs?tenant=1';
const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

beforeAll(async () => {
  fixture = await startFixture();
  const key = async (project: string) => {
    const body = { name: project, project, scopes: ['generate'] };
    return ((await (await fixture.post('/v1/api-keys', body)).json()) as { key: string }).key;
  };
  [shop, rival] = [await key('shop'), await key('rival')];
});
afterAll(() => fixture.stop());

async function send<T>(method: string, path: string, body?: object, key = shop): Promise<{ status: number; body: T }> {
  const response = await fixture.call(path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
}
const create = (body: object, key = shop) => send<WebhookEndpoint>('POST', '/v1/webhook-endpoints', body, key);

/** Takes what is owed, and answers for the receiver. */
async function settleOwed(outcome: 'succeeded' | 'failed'): Promise<number> {
  const { pointers } = await feedDeliveries(fixture.store, { most: 100, windowSize: 100, aheadMs: 0 });
  for (const { id, run } of pointers) {
    await endDelivery(fixture.store, {
      ...{ id, number: run, outcome, statusCode: outcome === 'failed' ? 500 : 200, error: null, answer: 'secret talk' },
      ...{ durationMs: 5, throttleMs: 0, startedMs: Date.now(), againMs: null, pauseMs: 1, aheadMs: 0 },
    });
  }
  return pointers.length;
}

describe('webhook endpoints', () => {
  it('show their secret once, and fill in what is not said', async () => {
    const { status, body } = await create({ url: HOOK });
    expect(status).toBe(201);
    expect(body).toMatchObject({ object: 'webhook_endpoint', project: 'shop', url: HOOK, enabled: true });
    expect(body.events).toContain('generation.succeeded');
    expect(body.events).not.toContain('generation.queued');
    expect(body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const read = await send<WebhookEndpoint>('GET', `/v1/webhook-endpoints/${body.id}`);
    const { secret: _secret, ...rest } = body;
    expect(read).toEqual({ status: 200, body: rest });
    const list = await fixture.call('/v1/webhook-endpoints', as(shop));
    expect(await list.text()).not.toContain('whsec_');
  });

  it('are made once for one idempotency key, whose replay shows no secret', async () => {
    const ask = (description: string) =>
      fixture.call('/v1/webhook-endpoints', {
        method: 'POST',
        body: JSON.stringify({ url: HOOK, description }),
        headers: { ...as(shop).headers, 'content-type': 'application/json', 'idempotency-key': 'endpoint-1' },
      });
    const [first, second, third] = [await ask('a'), await ask('a'), await ask('b')];
    const [made, again] = [(await first.json()) as WebhookEndpoint, (await second.json()) as WebhookEndpoint];
    expect(again.id).toBe(made.id);
    expect(again.secret).toBeUndefined();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect((await problemOf(third)).code).toBe('idempotency_key_reused');
  });

  it.each([
    ['http://hooks.example.com/x', 'url_blocked'],
    ['https://127.0.0.1/x', 'url_blocked'],
    ['https://localhost/x', 'url_blocked'],
    ['https://169.254.169.254/latest', 'url_blocked'],
    ['https://user:pass@hooks.example.com/', 'url_invalid'],
    ['no url at all', 'url_invalid'],
  ])('refuse %s', async (url, code) => {
    const { status, body } = await create({ url });
    expect(status).toBe(422);
    expect(body).toMatchObject({ errors: [{ pointer: '/url', code }] });
    const song = await fixture.post('/v1/generations', { ...ASK, webhook: { url }, lyrics: '' });
    expect(song.status).toBe(422);
    expect((await problemOf(song)).errors).toContainEqual(expect.objectContaining({ pointer: '/webhook/url', code }));
  });

  it('are told of the account and the queues only when their key may operate', async () => {
    const refused = await create({ url: HOOK, events: ['generation.failed', 'account.held'] });
    expect(refused.status).toBe(422);
    expect(refused.body).toMatchObject({ errors: [{ pointer: '/events/1', code: 'operators_only' }] });
    const made = await create({ url: HOOK, events: ['account.held'] }, KEY);
    expect(made.status).toBe(201);
    await send('DELETE', `/v1/webhook-endpoints/${made.body.id}`, undefined, KEY);
  });

  it('that are told of the account are not led elsewhere by a key that may not operate', async () => {
    const made = await create({ url: HOOK, events: ['account.held', 'generation.failed'] }, KEY);
    const path = `/v1/webhook-endpoints/${made.body.id}`;
    const scopes = ['generate'];
    const own = (await (await fixture.post('/v1/api-keys', { name: 'own', project: 'default', scopes })).json()) as {
      key: string;
    };
    const led = await send('PATCH', path, { url: 'https://elsewhere.example.com/' }, own.key);
    expect(led).toMatchObject({ status: 422, body: { errors: [{ pointer: '/url', code: 'operators_only' }] } });
    expect((await send('PATCH', path, { url: HOOK, description: 'same' }, own.key)).status).toBe(200);
    const url = 'https://elsewhere.example.com/';
    expect((await send('PATCH', path, { url, events: ['generation.failed'] }, own.key)).status).toBe(200);
    expect((await send('PATCH', path, { url: HOOK, events: ['account.held'] }, KEY)).status).toBe(200);
    await send('DELETE', path, undefined, KEY);
  });

  it('rotate their secret once for one idempotency key, whose replay shows no secret', async () => {
    const { body: made } = await create({ url: HOOK });
    const rotate = async (key: string) => {
      const response = await fixture.call(`/v1/webhook-endpoints/${made.id}/rotate-secret`, {
        method: 'POST',
        headers: { ...as(shop).headers, 'idempotency-key': key },
      });
      return { replayed: response.headers.get('idempotent-replayed'), ...((await response.json()) as WebhookEndpoint) };
    };
    const [first, again] = [await rotate('rotate-1'), await rotate('rotate-1')];
    expect(first).toMatchObject({ id: made.id, replayed: null, secret: expect.stringMatching(/^whsec_/) as string });
    expect(again).toMatchObject({ id: made.id, replayed: 'true' });
    expect(again.secret).toBeUndefined();
    await send('DELETE', `/v1/webhook-endpoints/${made.id}`);
  });

  it('change, rotate their secret and go, and are nobody else’s', async () => {
    const { body: made } = await create({ url: HOOK });
    const path = `/v1/webhook-endpoints/${made.id}`;
    const changed = await send<WebhookEndpoint>('PATCH', path, { enabled: false, description: 'old' });
    expect(changed).toMatchObject({ status: 200, body: { enabled: false, disabled_reason: 'by_owner', url: HOOK } });
    expect((await send('POST', `${path}/test`)).status).toBe(409);
    const enabled = await send<WebhookEndpoint>('PATCH', path, { enabled: true, events: ['generation.queued'] });
    expect(enabled.body).toMatchObject({ enabled: true, disabled_reason: null, events: ['generation.queued'] });
    const rotated = await send<WebhookEndpoint>('POST', `${path}/rotate-secret`, { overlap_hours: 1 });
    expect(rotated.body.secret).toMatch(/^whsec_/);
    expect(rotated.body.secret).not.toBe(made.secret);
    for (const [method, at] of [
      ['GET', path],
      ['PATCH', path],
      ['DELETE', path],
      ['POST', `${path}/test`],
      ['POST', `${path}/rotate-secret`],
      ['POST', `${path}/recover`],
    ] as const) {
      expect((await send(method, at, method === 'PATCH' ? {} : undefined, rival)).status, `${method} ${at}`).toBe(404);
    }
    expect((await send('DELETE', path)).status).toBe(204);
    expect((await send('GET', path)).status).toBe(404);
    expect((await send('DELETE', path)).status).toBe(404);
  });
});

describe('deliveries', () => {
  it('are found by each of their ids and by status, and only by their project', async () => {
    const { body: endpoint } = await create({ url: HOOK, events: ['generation.queued'] });
    const ask = await fixture.call('/v1/generations', {
      method: 'POST',
      body: JSON.stringify({ ...ASK, webhook: { url: 'https://other.example.com/', events: ['generation.queued'] } }),
      headers: { ...as(shop).headers, 'content-type': 'application/json' },
    });
    const { id, webhook } = await generationOf(ask);
    expect(webhook).toEqual({ url: 'https://other.example.com/', events: ['generation.queued'] });
    const list = async (query: string, key = shop) =>
      (await send<{ data: WebhookDelivery[] }>('GET', `/v1/webhook-deliveries?${query}`, undefined, key)).body.data;
    const both = await list(`generation_id=${id}`);
    expect(both.map(({ url }) => url).toSorted()).toEqual([HOOK, 'https://other.example.com/'].toSorted());
    expect(both).toMatchObject([{ status: 'pending', generation_id: id, attempts: [] }, { status: 'pending' }]);
    const [, one] = both as [WebhookDelivery, WebhookDelivery];
    expect(await list(`event_id=${one.event_id}`)).toEqual(both);
    expect(await list(`endpoint_id=${endpoint.id}`)).toHaveLength(1);
    expect(await list(`generation_id=${id}`, rival)).toEqual([]);
    expect(await list(`event_id=${one.event_id}`, rival)).toEqual([]);
    expect((await send('GET', `/v1/webhook-deliveries/${one.id}`, undefined, rival)).status).toBe(404);
    expect((await send('POST', `/v1/webhook-deliveries/${one.id}/redeliver`, undefined, rival)).status).toBe(404);

    expect(await settleOwed('failed')).toBe(2);
    expect(await list(`generation_id=${id}&status=pending`)).toEqual([]);
    const failed = await list(`status=failed&limit=100`);
    expect(failed.map((each) => each.id)).toEqual(expect.arrayContaining(both.map((each) => each.id)));
    const read = await send<WebhookDelivery>('GET', `/v1/webhook-deliveries/${one.id}`);
    expect(read.body).toMatchObject({ attempts: [{ status_code: 500, duration_ms: 5 }], last_answer: 'secret talk' });
    // Whoever operates sees that it failed, not what the receiver said.
    const seen = await send<WebhookDelivery>('GET', `/v1/webhook-deliveries/${one.id}`, undefined, KEY);
    expect(seen.body).toMatchObject({ id: one.id, last_answer: null });

    const again = await send<WebhookDelivery>('POST', `/v1/webhook-deliveries/${one.id}/redeliver`);
    expect(again).toMatchObject({ status: 202, body: { status: 'pending' } });
    await settleOwed('succeeded');
    const since = new Date(Date.now() - 60_000).toISOString();
    const recover = `/v1/webhook-endpoints/${endpoint.id}/recover`;
    const lost = await send('POST', recover, { since, dry_run: true });
    expect(lost).toMatchObject({ status: 202, body: { matched: expect.any(Number) as number } });
    expect((await send('POST', recover, { since, until: '2000-01-01T00:00:00Z' })).status).toBe(422);

    // A deleted generation takes what was to be told of it along.
    await send('POST', `/v1/generations/${id}/cancel`);
    expect((await send('DELETE', `/v1/generations/${id}`)).status).toBe(204);
    expect(await list(`generation_id=${id}`)).toEqual([]);
    expect(await fixture.store.redis.keys(`${fixture.store.keys.root}e:*`)).toEqual([]);
    await send('DELETE', `/v1/webhook-endpoints/${endpoint.id}`);
  });

  it('are listed a page at a time', async () => {
    const { body: endpoint } = await create({ url: HOOK, events: ['generation.queued'] });
    for (let n = 0; n < 5; n++) {
      const ping = await send<WebhookDelivery>('POST', `/v1/webhook-endpoints/${endpoint.id}/test`);
      expect(ping).toMatchObject({ status: 202, body: { type: 'ping', endpoint_id: endpoint.id, status: 'pending' } });
    }
    interface Page {
      readonly data: WebhookDelivery[];
      readonly next_cursor: string | null;
    }
    const seen: string[] = [];
    const path = `/v1/webhook-deliveries?endpoint_id=${endpoint.id}&limit=2`;
    let page = (await send<Page>('GET', path)).body;
    for (;;) {
      seen.push(...page.data.map(({ id }) => id));
      if (page.next_cursor === null) break;
      page = (await send<Page>('GET', `${path}&after=${page.next_cursor}`)).body;
    }
    expect(new Set(seen).size).toBe(5);
    expect(seen).toHaveLength(5);
    expect((await send('GET', '/v1/webhook-deliveries?status=lost')).status).toBe(422);
    await send('DELETE', `/v1/webhook-endpoints/${endpoint.id}`);
  });
});

describe('the secret of a project', () => {
  it('is the same until it is rotated, and each project has its own', async () => {
    const read = async (key: string) =>
      (await send<{ secret: string }>('GET', '/v1/webhook-secret', undefined, key)).body.secret;
    const first = await read(shop);
    expect(first).toMatch(/^whsec_/);
    expect(await read(shop)).toBe(first);
    expect(await read(rival)).not.toBe(first);
    const rotated = await send<{ secret: string }>('POST', '/v1/webhook-secret/rotate', { overlap_hours: 24 });
    expect(rotated.status).toBe(200);
    expect(await read(shop)).toBe(rotated.body.secret);
    expect(rotated.body.secret).not.toBe(first);
    expect(fixture.logs.join('\n')).not.toContain('whsec_');
  });
});

describe('an action on an endpoint, a delivery or the secret', () => {
  it('takes each Idempotency-Key once, for a day, whatever came between', async () => {
    const { redis, keys } = fixture.store;
    const known = await redis.keys(`${keys.root}i:*`);
    const { body: made } = await create({ url: HOOK });
    const ask = async (path: string, key: string, body: object = {}) => {
      const headers = { ...as(shop).headers, 'content-type': 'application/json', 'idempotency-key': key };
      const response = await fixture.call(path, { method: 'POST', headers, body: JSON.stringify(body) });
      const text = await response.text();
      return { status: response.status, replayed: response.headers.get('idempotent-replayed'), text };
    };
    const path = `/v1/webhook-endpoints/${made.id}`;
    const ping = await ask(`${path}/test`, 'first');
    const delivery = JSON.parse(ping.text) as WebhookDelivery;
    const state = async () => {
      const wanted = [`ep:${made.id}`, 'ws:shop', `d:${delivery.id}`, `de:${made.id}:pending`];
      return Promise.all(wanted.map((name) => redis.dump(`${keys.root}${name}`)));
    };
    const actions = [`${path}/rotate-secret`, `${path}/test`, '/v1/webhook-secret/rotate'];
    for (const at of [...actions, `/v1/webhook-deliveries/${delivery.id}/redeliver`]) {
      const [first, other] = [await ask(at, 'A'), await ask(at, 'B')];
      expect([first.replayed, other.replayed], at).toEqual([null, null]);
      const before = await state();
      const again = await ask(at, 'A');
      expect(again, at).toMatchObject({ status: first.status, replayed: 'true' });
      expect((JSON.parse(again.text) as { id?: string }).id, at).toBe((JSON.parse(first.text) as { id?: string }).id);
      expect(await state(), at).toEqual(before);
      if (at.startsWith(path)) expect(again.text).not.toContain('whsec_');
      if (!at.includes('rotate')) continue;
      const changed = await ask(at, 'A', { overlap_hours: 1 });
      expect([changed.status, (JSON.parse(changed.text) as { code: string }).code], at).toEqual([
        422,
        'idempotency_key_reused',
      ]);
      expect(await state(), at).toEqual(before);
    }
    // The same action on another one is another request, too.
    const { body: second } = await create({ url: HOOK });
    expect((await ask(`/v1/webhook-endpoints/${second.id}/test`, 'A')).status).toBe(422);
    // A replay is answered even when the action would be refused by now; a refused one does not use its key up.
    await send('PATCH', path, { enabled: false });
    expect(await ask(`${path}/test`, 'A')).toMatchObject({ status: 202, replayed: 'true' });
    expect(await ask(`${path}/test`, 'C')).toMatchObject({ status: 409 });
    await send('PATCH', path, { enabled: true });
    expect(await ask(`${path}/test`, 'C')).toMatchObject({ status: 202, replayed: null });
    const kept = (await redis.keys(`${keys.root}i:*`)).filter((name) => !known.includes(name));
    expect(kept).toHaveLength(10);
    const lives = await Promise.all(kept.map((name) => redis.ttl(name)));
    expect(lives.filter((seconds) => seconds < 86_000 || seconds > 86_400)).toEqual([]);
    for (const { id } of [made, second]) await send('DELETE', `/v1/webhook-endpoints/${id}`);
  });
});
