import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, problemOf, startFixture } from '../testing/api-fixture.ts';

describe('POST /v1/generations', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture({ MAX_WAITING: '1000' });
  });
  afterAll(async () => fixture?.stop());

  /** `place code` of every fault in a 422. */
  async function faultsOf(body: unknown): Promise<string[]> {
    const response = await fixture.post('/v1/generations', body);
    const problem = await problemOf(response);
    expect(response.status, JSON.stringify(problem)).toBe(422);
    expect(problem.code).toBe('validation_failed');
    return (problem.errors ?? []).map((fault) => `${fault.pointer ?? fault.header ?? fault.parameter} ${fault.code}`);
  }

  async function acceptedLyrics(lyrics: string): Promise<string> {
    const response = await fixture.post('/v1/generations', { ...ASK, lyrics });
    const text = await response.text();
    expect(response.status, text).toBe(202);
    return (JSON.parse(text) as { request: { lyrics: string } }).request.lyrics;
  }

  it('a song asked for is recorded, found at its Location and answered with 202', async () => {
    const response = await fixture.post('/v1/generations', { ...ASK, custom_id: 'mine', metadata: { a: 'b' } });
    const generation = await generationOf(response);
    expect(response.status).toBe(202);
    expect(generation).toMatchObject({
      status: 'queued',
      sequence: 1,
      run: 1,
      custom_id: 'mine',
      metadata: { a: 'b' },
    });
    expect(generation.queue).not.toBeNull();
    const location = response.headers.get('location') ?? '';
    expect(location).toBe(`/v1/generations/${generation.id}`);
    const found = await generationOf(await fixture.call(location));
    expect({ ...found, queue: null }).toEqual({ ...generation, queue: null });
  });

  it('the pointer reaches the queue', async () => {
    const { id } = await generationOf(await fixture.post('/v1/generations', ASK));
    const { redis, keys } = fixture.store;
    await expect.poll(() => redis.exists(keys.job(id, 1)), { timeout: 10_000 }).toBe(1);
  });

  it('200 characters pass and 201 do not; a character outside the BMP counts one', async () => {
    expect(await acceptedLyrics('a'.repeat(200))).toHaveLength(200);
    expect(await acceptedLyrics('𝄞'.repeat(200))).toHaveLength(400);
    expect(await faultsOf({ ...ASK, lyrics: '字'.repeat(201) })).toEqual(['/lyrics too_long']);
  });

  it('CRLF becomes LF and nothing else of the text changes', async () => {
    expect(await acceptedLyrics('  one\r\n\r\ntwo \n## not at an end')).toBe('  one\n\ntwo \n## not at an end');
  });

  it('empty lyrics need the instrumental alone', async () => {
    const alone = await fixture.post('/v1/generations', { refer_instrumental: 'inst-1' });
    expect(alone.status).toBe(202);
    expect(await faultsOf({ refer_voice: 'vocal-1', lyrics: '' })).toEqual(['/lyrics words_required']);
    expect(await faultsOf({ refer_voice: 'vocal-1', lyrics: ' ## ' })).toContain('/lyrics words_required');
  });

  it('a lone ##, control characters and half a surrogate pair are refused', async () => {
    expect(await faultsOf({ ...ASK, lyrics: '##la' })).toEqual(['/lyrics unbalanced_accompaniment']);
    expect(await faultsOf({ ...ASK, lyrics: '##' })).toContain('/lyrics unbalanced_accompaniment');
    expect(await faultsOf({ ...ASK, lyrics: 'a\tb' })).toEqual(['/lyrics control_character']);
    expect(await faultsOf({ ...ASK, lyrics: 'a\rb' })).toEqual(['/lyrics control_character']);
    const response = await fixture.call('/v1/generations', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"lyrics":"a\\ud800","refer_voice":"v"}',
    });
    expect((await problemOf(response)).errors).toMatchObject([{ pointer: '/lyrics', code: 'lone_surrogate' }]);
  });

  it('every fault is told at once, with those of headers and query', async () => {
    const response = await fixture.post(
      '/v1/generations?wait=5',
      {
        lyrics: 'a'.repeat(201),
        model: 'music-99',
        colour: 'blue',
        prompt: 'x',
        audio_setting: { format: 'ogg', x: 1 },
      },
      { 'idempotency-key': 'has a space' },
    );
    const problem = await problemOf(response);
    const told = (problem.errors ?? []).map((one) => `${one.pointer ?? one.header ?? one.parameter} ${one.code}`);
    expect(response.status).toBe(422);
    expect(told.sort()).toEqual(
      [
        ' reference_required',
        '/audio_setting/format invalid_value',
        '/audio_setting/x unknown_field',
        '/colour unknown_field',
        '/lyrics too_long',
        '/model unknown_model',
        '/prompt not_for_model',
        'Idempotency-Key invalid_key',
        'wait unknown_parameter',
      ].sort(),
    );
  });

  it('a request may only be stricter than the server about unknown charges', async () => {
    const strict = await fixture.another({}, { ON_UNKNOWN_CHARGE: 'hold', REDIS_PREFIX: 'strict' });
    const response = await fetch(`${strict.url}/v1/generations`, {
      method: 'POST',
      headers: { authorization: 'Bearer test-bootstrap-key', 'content-type': 'application/json' },
      body: JSON.stringify({ ...ASK, on_unknown_charge: 'retry' }),
    });
    expect((await problemOf(response)).errors).toMatchObject([{ pointer: '/on_unknown_charge' }]);
  });

  it('a full queue answers 429 with Retry-After and records nothing', async () => {
    const small = await fixture.another({}, { MAX_WAITING: '1', REDIS_PREFIX: 'small' });
    const ask = () =>
      fetch(`${small.url}/v1/generations`, {
        method: 'POST',
        headers: {
          ...{ authorization: 'Bearer test-bootstrap-key', 'content-type': 'application/json' },
          'idempotency-key': 'k',
        },
        body: JSON.stringify(ASK),
      });
    const first = await ask();
    expect(first.status).toBe(202);
    const { id } = await generationOf(first);
    const full = await fetch(`${small.url}/v1/generations`, {
      method: 'POST',
      headers: { authorization: 'Bearer test-bootstrap-key', 'content-type': 'application/json' },
      body: JSON.stringify(ASK),
    });
    expect(full.status).toBe(429);
    expect((await problemOf(full)).code).toBe('queue_full');
    expect(full.headers.get('retry-after')).toBe('30');
    // A replay makes nothing new, so a full queue does not refuse it.
    expect((await generationOf(await ask())).id).toBe(id);
  });

  it('with PUBLIC_URL every link is absolute', async () => {
    const open = await fixture.another({}, { PUBLIC_URL: 'https://songs.example/' });
    const response = await fetch(`${open.url}/v1/generations`, {
      method: 'POST',
      headers: { authorization: 'Bearer test-bootstrap-key', 'content-type': 'application/json' },
      body: JSON.stringify(ASK),
    });
    const generation = await generationOf(response);
    expect(response.headers.get('location')).toBe(`https://songs.example/v1/generations/${generation.id}`);
    expect(generation.links.audio).toBe(`https://songs.example/v1/generations/${generation.id}/audio`);
  });
});
