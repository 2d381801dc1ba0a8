import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiFixture, ASK, generationOf, KEY, problemOf, startFixture } from '../testing/api-fixture.ts';
import { requires } from '@songmill/shared/testing/requires';

describe('GET /v1/models', requires('redis-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(() => fixture.stop());

  /** What an API with these settings answers to a GET or, with a body, a POST. */
  async function ask(env: Record<string, string>, path: string, body?: object): Promise<Response> {
    const { url } = await fixture.another({}, env);
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
    return fetch(
      `${url}${path}`,
      body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) },
    );
  }

  it('shows what each model takes', async () => {
    const answer = await fixture.call('/v1/models');
    expect(answer.status).toBe(200);
    const { data } = (await answer.json()) as { data: object[] };
    expect(data).toHaveLength(4);
    expect(data[0]).toEqual({
      id: 'music-01',
      enabled: true,
      limits: { lyrics: { min: 0, max: 200 }, prompt: null },
      fields: [
        'lyrics',
        'refer_voice',
        'refer_instrumental',
        'audio_setting',
        'voice_reference',
        'instrumental_reference',
      ],
      price: null,
      hold: null,
    });
    expect(data[1]).toMatchObject({ id: 'music-1.5', fields: ['lyrics', 'prompt', 'audio_setting'] });
    expect((await fixture.call('/v1/models?x=1')).status).toBe(422);
  });

  it('shows what the operator changed, and refuses a disabled model by name', async () => {
    const path = join(fixture.dir, 'models.json');
    writeFileSync(
      path,
      JSON.stringify({ 'music-2.0': { enabled: false }, 'music-01': { limits: { lyrics: { max: 3 } } } }),
    );
    const env = { MODELS_FILE: path, PRICES: '{"music-1.5":{"amount":"0.05","currency":"PTC"}}' };
    const { data } = (await (await ask(env, '/v1/models')).json()) as { data: object[] };
    expect(data).toMatchObject([
      { id: 'music-01', limits: { lyrics: { max: 3 } } },
      { id: 'music-1.5', price: { amount: '0.05', currency: 'PTC' } },
      { id: 'music-2.0', enabled: false },
      { id: 'music-2.5', enabled: true },
    ]);
    const body = { ...ASK, model: 'music-2.0' };
    const problem = await problemOf(await ask(env, '/v1/generations', body));
    expect(problem.errors).toContainEqual(expect.objectContaining({ pointer: '/model', code: 'model_disabled' }));
  });

  it('shows what holds a model, in the upstream’s words', async () => {
    const { store } = fixture;
    await store.redis.hset(store.keys.hold('model:music-2.5'), {
      ...{ scope: 'model:music-2.5', code: 'model_unavailable', reason: 'No available models' },
      ...{ since: Date.parse('2026-01-31T12:00:00Z'), next_probe_at: Date.parse('2026-01-31T12:01:00Z') },
    });
    const { data } = (await (await fixture.call('/v1/models')).json()) as { data: { id: string; hold: object }[] };
    expect(data.filter(({ hold }) => hold !== null)).toMatchObject([
      {
        id: 'music-2.5',
        hold: {
          code: 'model_unavailable',
          reason: 'No available models',
          since: '2026-01-31T12:00:00.000Z',
          next_probe_at: '2026-01-31T12:01:00.000Z',
        },
      },
    ]);
  });

  it('the price in force when a song was accepted is the one it costs, whatever is set later', async () => {
    const made = await generationOf(
      await ask({ PRICES: '{"music-01":{"amount":"0.05","currency":"PTC"}}' }, '/v1/generations', ASK),
    );
    expect(made.cost).toEqual({ currency: 'PTC', estimated: '0.05', charged: '0.00', unknown: '0.00' });
    const later = await ask({ PRICES: '{"music-01":{"amount":"9","currency":"EUR"}}' }, made.links.self);
    expect((await generationOf(later)).cost).toEqual(made.cost);
    const unpriced = await generationOf(await fixture.post('/v1/generations', ASK));
    expect(unpriced.cost).toEqual({ currency: null, estimated: null, charged: null, unknown: null });
  });
});
