import { generationSchema } from '@songmill/shared/contract/generation';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, startFixture } from '../testing/api-fixture.ts';
import { publish } from '../testing/settle.ts';

describe('GET /v1/generations/{id}', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  async function newGeneration(): Promise<string> {
    return (await generationOf(await fixture.post('/v1/generations', ASK))).id;
  }

  it('answers every field of the contract, absent ones as null', async () => {
    const generation = await generationOf(await fixture.call(`/v1/generations/${await newGeneration()}`));
    expect(generationSchema.safeParse(generation).error).toBeUndefined();
    expect(Object.keys(generation).sort()).toEqual(Object.keys(generationSchema.shape).sort());
  });

  it('polling is cheap: the same record is a 304, whatever its place in line', async () => {
    const id = await newGeneration();
    const first = await fixture.call(`/v1/generations/${id}`);
    const tag = first.headers.get('etag') ?? '';
    expect(tag).toMatch(/^"[\w-]{20,}"$/);
    await newGeneration();
    for (const header of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
      const again = await fixture.call(`/v1/generations/${id}`, { headers: { 'if-none-match': header } });
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', tag]);
      expect(again.headers.get('retry-after')).not.toBeNull();
    }
    await publish(fixture, id, Buffer.from('song'));
    const changed = await fixture.call(`/v1/generations/${id}`, { headers: { 'if-none-match': tag } });
    expect(changed.status).toBe(200);
    expect(changed.headers.get('etag')).not.toBe(tag);
    expect(changed.headers.get('retry-after')).toBeNull();
  });

  it('HEAD answers the headers of GET without the body', async () => {
    const id = await newGeneration();
    for (const path of [`/v1/generations/${id}`, '/v1/generations', '/livez', '/readyz', '/openapi.json', '/docs']) {
      const [get, head] = [await fixture.call(path), await fixture.call(path, { method: 'HEAD' })];
      expect([head.status, await head.text()], path).toEqual([get.status, '']);
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
    }
  });

  it.each(['gen_nothing', 'gen_', 'bat_0123', 'x', '%00', '..%2f..%2fetc%2fpasswd', '%zz', 'gen_é'])(
    'the id %s is not there',
    async (id) => {
      expect((await fixture.call(`/v1/generations/${id}`)).status).toBe(404);
    },
  );

  it('an unknown parameter is refused by name', async () => {
    const response = await fixture.call(`/v1/generations/${await newGeneration()}?expand=all`);
    expect(response.status).toBe(422);
  });
});
