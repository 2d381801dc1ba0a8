import type { Generation } from '@songmill/shared/contract/generation';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, problemOf, startFixture } from '../testing/api-fixture.ts';
import { fail, publish } from '../testing/settle.ts';

interface Page {
  readonly data: Generation[];
  readonly has_more: boolean;
  readonly next_cursor: string | null;
}

describe('GET /v1/generations', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  const ids: string[] = [];
  beforeAll(async () => {
    fixture = await startFixture();
    for (let n = 0; n < 7; n++) {
      const response = await fixture.post('/v1/generations', { ...ASK, custom_id: `song ${n % 2}` });
      ids.unshift((await generationOf(response)).id);
    }
    await publish(fixture, ids[0] as string, Buffer.from('song'));
    await fail(fixture, ids[1] as string);
  });
  afterAll(async () => fixture?.stop());

  const page = async (query: string): Promise<Page> => {
    const response = await fixture.call(`/v1/generations${query}`);
    const text = await response.text();
    expect(response.status, text).toBe(200);
    return JSON.parse(text) as Page;
  };
  const idsOf = (one: Page) => one.data.map((generation) => generation.id);

  async function walk(query: string): Promise<string[]> {
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const one: Page = await page(`?${query}${next && `&after=${next}`}`);
      seen.push(...idsOf(one));
      expect(one.has_more).toBe(one.next_cursor !== null);
      next = one.next_cursor;
    }
    return seen;
  }

  it('newest first, each once, over pages of any size', async () => {
    expect(idsOf(await page(''))).toEqual(ids);
    expect(await walk('limit=1')).toEqual(ids);
    expect(await walk('limit=3')).toEqual(ids);
    expect(await walk('limit=7')).toEqual(ids);
  });

  it('a page is stable while songs are added', async () => {
    const first = await page('?limit=4');
    await fixture.post('/v1/generations', ASK);
    const second = await page(`?limit=4&after=${first.next_cursor}`);
    const seen = [...idsOf(first), ...idsOf(second)];
    expect(seen).toEqual(ids);
    ids.unshift(idsOf(await page('?limit=1'))[0] as string);
  });

  it('filters by each field, and several statuses at once', async () => {
    const [, succeeded, failed] = ids as [string, string, string];
    expect(idsOf(await page('?status=succeeded'))).toEqual([succeeded]);
    expect(idsOf(await page('?status=failed,succeeded'))).toEqual([succeeded, failed]);
    expect(idsOf(await page('?error_code=invalid_request'))).toEqual([failed]);
    expect((await walk('custom_id=song+1&limit=2')).length).toBe(3);
    expect(idsOf(await page('?custom_id=song%202'))).toEqual([]);
    expect(idsOf(await page('?model=music-01&limit=100'))).toEqual(ids);
    expect(idsOf(await page('?model=music-99'))).toEqual([]);
    expect(idsOf(await page('?batch_id=bat_0123'))).toEqual([]);
  });

  it('created_after and created_before bound a moment from both sides', async () => {
    const { data } = await page('?limit=100');
    const middle = data[3]?.created_at as string;
    const newer = await walk(`created_after=${middle}`);
    const older = await walk(`created_before=${encodeURIComponent(middle.replace('Z', '+00:00'))}`);
    const same = data.filter((one) => one.created_at === middle).map((one) => one.id);
    expect([...newer, ...same, ...older]).toEqual(ids);
  });

  it('every bad parameter is told by name at once', async () => {
    const query =
      'status=done&limit=0&colour=blue&model=&created_after=yesterday&error_code=x&after=&limit=5&batch_id=1';
    const response = await fixture.call(`/v1/generations?${query}`);
    expect(response.status).toBe(422);
    const told = new Set(((await problemOf(response)).errors ?? []).map((fault) => fault.parameter));
    expect(told).toEqual(
      new Set(['after', 'batch_id', 'colour', 'created_after', 'error_code', 'limit', 'model', 'status']),
    );
  });

  it.each(['101', '-1', '1.5', 'ten', '00', '1e1'])('a limit of %s is refused', async (limit) => {
    expect((await fixture.call(`/v1/generations?limit=${limit}`)).status).toBe(422);
  });

  it('a cursor is bound to its filters', async () => {
    const { next_cursor } = await page('?limit=1');
    for (const query of [`status=queued&after=${next_cursor}`, 'after=AAAA', 'after=%5B%5D', `after=${next_cursor}x`]) {
      const response = await fixture.call(`/v1/generations?${query}`);
      expect(response.status, query).toBe(422);
      expect((await problemOf(response)).errors).toMatchObject([{ parameter: 'after' }]);
    }
    expect((await page(`?limit=2&after=${next_cursor}`)).data).toHaveLength(2);
  });

  it('a broken percent sign is a fault of its parameter', async () => {
    const response = await fixture.call('/v1/generations?status=%zz');
    expect(response.status).toBe(422);
    expect((await problemOf(response)).errors).toMatchObject([{ parameter: 'status', code: 'bad_encoding' }]);
  });
});
