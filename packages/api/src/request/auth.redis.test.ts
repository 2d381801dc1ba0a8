import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, problemOf, startFixture } from '../testing/api-fixture.ts';

interface NewKey {
  readonly id: string;
  readonly key: string;
}

describe('keys and scopes', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  async function newKey(body: Record<string, unknown>): Promise<NewKey> {
    const response = await fixture.post('/v1/api-keys', { name: 'a key', ...body });
    const text = await response.text();
    expect(response.status, text).toBe(201);
    return JSON.parse(text) as NewKey;
  }

  const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
  const status = async (path: string, init: RequestInit) => (await fixture.call(path, init)).status;

  it.each([
    ['missing', ''],
    ['wrong', 'Bearer nope'],
    ['of another scheme', 'Basic dXNlcjpwYXNz'],
    ['shaped like ours', `Bearer sgm_${'a'.repeat(32)}`],
  ])('a key that is %s is refused with a challenge', async (_name, authorization) => {
    const response = await fixture.call('/v1/generations', { headers: { authorization } });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect((await problemOf(response)).code).toBe('unauthenticated');
  });

  it('below /v1 nobody without a key learns what there is', async () => {
    const nobody = { headers: { authorization: '' } };
    expect(await status('/v1/nothing', nobody)).toBe(401);
    expect(await status('/v1/generations', { ...nobody, method: 'PATCH' })).toBe(401);
    expect(await status('/v1/nothing', {})).toBe(404);
  });

  it('the key is judged before the body is', async () => {
    const response = await fixture.call('/v1/generations', {
      method: 'POST',
      body: 'x',
      headers: { authorization: '' },
    });
    expect(response.status).toBe(401);
  });

  it('a key is shown once, kept as a hash and named by its last characters', async () => {
    const made = await newKey({ name: 'once' });
    expect(made.key).toMatch(/^sgm_[0-9A-Za-z]{32}$/);
    const list = await (await fixture.call('/v1/api-keys?limit=100')).text();
    expect(list).toContain(made.id);
    expect(list).toContain(`"last4":"${made.key.slice(-4)}"`);
    expect(list).not.toContain(made.key);
    const { redis } = fixture.store;
    for (const key of await redis.keys('*')) {
      if ((await redis.type(key)) === 'hash') expect(JSON.stringify(await redis.hgetall(key))).not.toContain(made.key);
    }
  });

  it('a revoked key is refused from the next request on, and on every API', async () => {
    const other = await fixture.another();
    const made = await newKey({});
    expect(await status('/v1/generations', as(made.key))).toBe(200);
    expect((await fetch(`${other.url}/v1/generations`, as(made.key))).status).toBe(200);
    expect(await status(`/v1/api-keys/${made.id}`, { method: 'DELETE' })).toBe(204);
    expect(await status('/v1/generations', as(made.key))).toBe(401);
    expect((await fetch(`${other.url}/v1/generations`, as(made.key))).status).toBe(401);
    expect(await status(`/v1/api-keys/${made.id}`, { method: 'DELETE' })).toBe(404);
  });

  it('an expired key is refused', async () => {
    const past = await newKey({ expires_at: '2020-01-01T00:00:00Z' });
    expect(await status('/v1/generations', as(past.key))).toBe(401);
    const future = await newKey({ expires_at: '2999-01-01T00:00:00Z' });
    expect(await status('/v1/generations', as(future.key))).toBe(200);
  });

  it('a key without the scope gets 403 with the scope that is missing', async () => {
    const reader = await newKey({ scopes: ['read'] });
    expect(await status('/v1/generations', as(reader.key))).toBe(200);
    const refused = await fixture.call('/v1/generations', { ...as(reader.key), method: 'POST', body: '{}' });
    expect(refused.status).toBe(403);
    expect(await problemOf(refused)).toMatchObject({ code: 'forbidden', required_scope: 'generate' });
    const admin = await newKey({ scopes: ['admin'] });
    expect(await status('/v1/api-keys', as(admin.key))).toBe(200);
    expect(await status('/v1/generations', as(admin.key))).toBe(403);
    const generate = await newKey({ scopes: ['generate'] });
    expect(await status('/v1/api-keys', as(generate.key))).toBe(403);
  });

  it('another project’s generation is not there, whatever is done to it', async () => {
    const { id } = await generationOf(await fixture.post('/v1/generations', ASK));
    const stranger = await newKey({ project: 'stranger', scopes: ['generate'] });
    const init = as(stranger.key);
    const never = `/v1/generations/gen_${'0'.repeat(32)}`;
    for (const [method, path] of [
      ['GET', ''],
      ['HEAD', ''],
      ['DELETE', ''],
      ['GET', '/audio'],
      ['POST', '/cancel'],
      ['POST', '/retry'],
    ] as const) {
      const theirs = await fixture.call(`/v1/generations/${id}${path}`, { ...init, method });
      const nobodys = await fixture.call(`${never}${path}`, { ...init, method });
      expect(theirs.status, `${method} ${path}`).toBe(404);
      expect(nobodys.status).toBe(404);
      if (method !== 'HEAD') expect((await problemOf(theirs)).detail).toBe((await problemOf(nobodys)).detail);
    }
    const listed = await fixture.call('/v1/generations', init);
    expect(await listed.text()).not.toContain(id);
  });

  it('operate reads every project and changes none but its own', async () => {
    const other = await newKey({ project: 'seen', scopes: ['generate'] });
    const asked = await fixture.post('/v1/generations', ASK, { authorization: `Bearer ${other.key}` });
    const { id } = await generationOf(asked);
    const operator = await newKey({ project: 'ops', scopes: ['operate', 'generate'] });
    const init = as(operator.key);
    expect(await status(`/v1/generations/${id}`, init)).toBe(200);
    expect(await (await fixture.call('/v1/generations?project=seen', init)).text()).toContain(id);
    expect(await (await fixture.call('/v1/generations?project=ops', init)).text()).not.toContain(id);
    expect(await status(`/v1/generations/${id}/cancel`, { ...init, method: 'POST' })).toBe(404);
    const refused = await fixture.call('/v1/generations?project=seen', as(other.key));
    expect(refused.status).toBe(422);
    expect((await problemOf(refused)).errors).toMatchObject([{ parameter: 'project' }]);
  });

  it('a replay makes no second key and shows none', async () => {
    const send = () => fixture.post('/v1/api-keys', { name: 'replayed' }, { 'idempotency-key': 'one-key' });
    const first = (await (await send()).json()) as NewKey;
    const second = await send();
    expect(second.status).toBe(201);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    const shown = (await second.json()) as Partial<NewKey>;
    expect(shown.id).toBe(first.id);
    expect(shown.key).toBeUndefined();
    const reused = await fixture.post('/v1/api-keys', { name: 'other' }, { 'idempotency-key': 'one-key' });
    expect((await problemOf(reused)).code).toBe('idempotency_key_reused');
  });

  it('lists keys page by page with a cursor of its own', async () => {
    const seen: string[] = [];
    let after = '';
    do {
      const page = (await (await fixture.call(`/v1/api-keys?limit=2${after && `&after=${after}`}`)).json()) as {
        data: NewKey[];
        has_more: boolean;
        next_cursor: string | null;
      };
      seen.push(...page.data.map((one) => one.id));
      expect(page.has_more).toBe(page.next_cursor !== null);
      after = page.next_cursor ?? '';
    } while (after !== '');
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBeGreaterThan(3);
    expect(await status('/v1/api-keys?after=nonsense', {})).toBe(422);
  });

  it('no key and no header reaches the log', async () => {
    const made = await newKey({ name: 'quiet' });
    await fixture.call('/v1/generations?secret=1', as(made.key));
    const logs = fixture.logs.join('');
    expect(logs).toContain(made.id);
    expect(logs).not.toContain(made.key);
    expect(logs).not.toContain('test-bootstrap-key');
    expect(logs).not.toContain('secret=1');
  });
});
