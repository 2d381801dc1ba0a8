import { parseBuffer } from 'music-metadata';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  control,
  exchange,
  generate,
  INSTRUMENTAL,
  json,
  MULTIPART_TYPE,
  multipart,
  type TestSimulator,
  testSimulator,
  VOICE,
} from './testing/client.ts';

let sim: TestSimulator;
beforeAll(async () => {
  sim = await testSimulator({ keys: { 'bad-key': { err: -10002 }, 'poor-key': { balance: 0 } } });
});
afterAll(async () => sim.dispose());
beforeEach(async () => {
  await control(sim.url, 'POST', '/reset');
});

const invalid = (detail: string) => ({ base_resp: { status_code: 2013, status_msg: `invalid params, ${detail}` } });
const post = (body: string | Buffer, type: string, key = 'test-key') =>
  exchange(sim.url, {
    path: '/minimaxi/v1/music_generation',
    headers: { authorization: `Bearer ${key}`, 'content-type': type },
    body,
  });
const postJson = (body: unknown, key?: string) => post(JSON.stringify(body), 'application/json', key);

describe('a success', () => {
  it('has the documented shape of music-01', async () => {
    const seen = await generate(sim.url, 'hello\nworld');
    const body = json(seen);
    expect(seen.status).toBe(200);
    expect(seen.headers['content-type']).toBe('application/json');
    expect(Object.keys(body)).toEqual(['data', 'trace_id', 'extra_info', 'base_resp']);
    expect(Object.keys(body.data)).toEqual(['status', 'audio']);
    expect(body.data.status).toBe(2);
    expect(body.data.audio).toMatch(/^494433[0-9a-f]+$/);
    expect(body.base_resp).toEqual({ status_code: 0, status_msg: 'success' });
    expect(body.trace_id).toMatch(/^[0-9a-f]{32}$/);
    expect(seen.headers['trace-id']).toBe(body.trace_id);
    expect(body.extra_info).toEqual({
      audio_length: expect.any(Number),
      audio_size: body.data.audio.length / 2,
      audio_bitrate: 256_000,
      audio_sample_rate: 44_100,
    });
  });

  it.each([
    [4, 10],
    [100, 25],
    [200, 50],
  ])('%i characters last %i seconds', async (characters, seconds) => {
    const body = json(await generate(sim.url, '歌'.repeat(characters)));
    const file = Buffer.from(body.data.audio, 'hex');
    const { format } = await parseBuffer(file, { mimeType: 'audio/mpeg' }, { duration: true });
    expect(format.duration).toBeCloseTo(seconds, 1);
    expect(Number(body.extra_info['audio_length']) / 1000).toBeCloseTo(seconds, 1);
  });

  it('never lasts longer than a minute', async () => {
    await control(sim.url, 'POST', '/config', { lyrics_limit: 1000 });
    const body = json(await generate(sim.url, 'x'.repeat(400)));
    expect(body.extra_info['audio_length']).toBeLessThanOrEqual(60_020);
    expect(body.extra_info['audio_length']).toBeGreaterThan(59_900);
  });

  it('differs by lyrics and repeats itself for the same', async () => {
    const [one, two, again] = await Promise.all(
      ['one', 'two', 'one'].map(async (text) => json(await generate(sim.url, text))),
    );
    expect(one?.data.audio).not.toBe(two?.data.audio);
    expect(one?.data.audio).toBe(again?.data.audio);
    expect(one?.trace_id).not.toBe(again?.trace_id);
  });

  it('is a WAV when asked for one, by JSON string in a form', async () => {
    const seen = await generate(sim.url, 'x', { fields: { audio_setting: '{"format":"wav","sample_rate":16000}' } });
    const file = Buffer.from(json(seen).data.audio, 'hex');
    const { format } = await parseBuffer(file, { mimeType: 'audio/wav' }, { duration: true });
    expect(format).toMatchObject({ container: 'WAVE', sampleRate: 16_000 });
  });

  it('can hold an address instead of hex, which serves the same song', async () => {
    const hex = json(await generate(sim.url, 'x')).data.audio;
    await control(sim.url, 'POST', '/config', {
      answer: { audio: 'url', base_resp: false, trace_id: false, extra_info: false },
    });
    const body = json(await generate(sim.url, 'x'));
    expect(Object.keys(body)).toEqual(['data']);
    expect(Object.keys(body.data)).toEqual(['status', 'audio', 'audio_url']);
    expect(body.data.audio).toMatch(/\/files\/[0-9a-f]{32}\.mp3\?Expires=\d+&Signature=/);
    const { pathname, search } = new URL(body.data.audio);
    const song = await exchange(sim.url, { method: 'GET', path: pathname + search });
    expect(song.headers['content-type']).toBe('audio/mpeg');
    expect(song.body.toString('hex')).toBe(hex);
    expect(
      (await exchange(sim.url, { method: 'GET', path: `${pathname}?Expires=9999999999&Signature=x` })).status,
    ).toBe(403);
  });

  it('of a later model has its names and no references', async () => {
    const body = json(await postJson({ model: 'music-2.5', prompt: '', lyrics: '[Verse]\nla' }));
    expect(body.extra_info).toMatchObject({ music_channel: 1, bitrate: 256_000, music_sample_rate: 44_100 });
    expect(body.analysis_info).toBeNull();
  });
});

describe('encodings', () => {
  const fields = { model: 'music-01', lyrics: 'a\nb', refer_voice: VOICE, refer_instrumental: '' };

  it.each([
    ['multipart/form-data', () => post(multipart(fields), MULTIPART_TYPE)],
    [
      'application/x-www-form-urlencoded',
      () => post(new URLSearchParams(fields).toString(), 'application/x-www-form-urlencoded'),
    ],
    ['application/json', () => postJson({ ...fields, audio_setting: { format: 'mp3' } })],
  ])('%s is taken', async (_type, send) => {
    expect(json(await send()).base_resp.status_code).toBe(0);
  });

  it('a multipart body under application/json is refused', async () => {
    expect(json(await post(multipart(fields), 'application/json'))).toEqual(invalid('the body is not a JSON object'));
  });

  it.each(['line one\nline two\n\nline four', 'line one\r\nline two', '##\n歌词 🎵\n##'])(
    'records the lyrics of %j byte for byte',
    async (lyrics) => {
      await generate(sim.url, lyrics);
      const { requests } = await control(sim.url, 'GET', '/requests');
      expect(Buffer.from(requests.at(-1)?.lyrics_base64 ?? '', 'base64').toString('utf8')).toBe(lyrics);
      expect(JSON.stringify(requests)).not.toContain('test-key');
    },
  );

  it.each([
    ['an unreadable multipart body', () => post('nonsense', MULTIPART_TYPE)],
    ['a JSON array', () => post('[]', 'application/json')],
    ['no content type', () => post('x', '')],
    [
      'lyrics that are not UTF-8',
      () =>
        post(
          Buffer.concat(
            [multipart({ model: 'music-01', lyrics: 'LATIN' })].map((b) =>
              Buffer.from(b.toString('latin1').replace('LATIN', '\xff\xfe'), 'latin1'),
            ),
          ),
          MULTIPART_TYPE,
        ),
    ],
    [
      'lyrics as a file part',
      () =>
        post(
          multipart({ ...fields, lyrics: { filename: 'l.txt', type: 'text/plain', bytes: Buffer.from('x') } }),
          MULTIPART_TYPE,
        ),
    ],
  ])('%s is invalid', async (_what, send) => {
    const seen = await send();
    expect(seen.status).toBe(200);
    expect(json(seen).base_resp.status_code).toBe(2013);
  });
});

describe('the order of checks', () => {
  it('a missing key comes first', async () => {
    const seen = await exchange(sim.url, { path: '/minimaxi/v1/music_generation', body: 'nonsense' });
    expect(seen.status).toBe(401);
    expect(json(seen).error).toMatchObject({ err_code: -10001, type: 'api_error', message: 'Missing 302 API key' });
  });

  it('a bad key comes before the body', async () => {
    const seen = await post('nonsense', 'text/plain', 'bad-key');
    expect(seen.status).toBe(401);
    expect(json(seen).error.err_code).toBe(-10002);
  });

  it('an empty balance comes before the body', async () => {
    const seen = await post('nonsense', 'text/plain', 'poor-key');
    expect(seen.status).toBe(402);
    expect(json(seen).error.err_code).toBe(-10004);
  });

  it('the body type comes before the model', async () => {
    expect(json(await post('{"model":"music-99"', 'application/json')).base_resp.status_code).toBe(2013);
  });

  it('an unknown model comes before the fields, as the captured 503', async () => {
    const seen = await postJson({ model: 'music-99' });
    expect(seen.status).toBe(503);
    expect(json(seen).error.err_code).toBe(-10008);
  });

  it('a model that is not served is unknown', async () => {
    await control(sim.url, 'POST', '/config', { models: ['music-2.5'] });
    expect((await generate(sim.url, 'x')).status).toBe(503);
  });

  it('the fields come before the content', async () => {
    const seen = await generate(sim.url, 'banned-by-the-simulator', { fields: { refer_voice: 'vocal-unknown' } });
    expect(json(seen)).toEqual(invalid('refer_voice does not exist'));
  });

  it('the content comes before the rate', async () => {
    await control(sim.url, 'POST', '/config', { rate_per_minute: 1 });
    await generate(sim.url, 'x');
    expect(json(await generate(sim.url, 'banned-by-the-simulator')).base_resp).toEqual({
      status_code: 1026,
      status_msg: 'input new_sensitive',
    });
    expect(json(await generate(sim.url, 'x'))).toEqual({
      base_resp: { status_code: 1002, status_msg: 'rate limit exceeded(RPM)' },
    });
  });
});

describe('invalid fields of music-01', () => {
  it.each([
    ['no reference', { refer_voice: '', refer_instrumental: '' }, 'refer_voice or refer_instrumental is required'],
    ['no lyrics with a voice', { lyrics: '' }, 'lyrics is required with refer_voice'],
    ['only a ## with a voice', { lyrics: '##' }, 'lyrics is required with refer_voice'],
    ['201 characters', { lyrics: 'x'.repeat(201) }, 'lyrics has 201 characters, 0 to 200 are allowed'],
    ['an unknown instrumental', { refer_instrumental: 'instrumental-0' }, 'refer_instrumental does not exist'],
    ['a voice id as instrumental', { refer_instrumental: VOICE }, 'refer_instrumental does not exist'],
    ['audio_setting that is no JSON', { audio_setting: 'mp3' }, 'audio_setting is not JSON'],
    ['a sample rate outside the list', { audio_setting: '{"sample_rate":48000}' }, 'audio_setting.sample_rate'],
    ['a bitrate outside the list', { audio_setting: '{"bitrate":320000}' }, 'audio_setting.bitrate'],
    ['a format outside the list', { audio_setting: '{"format":"flac"}' }, 'audio_setting.format'],
    [
      'a timbre without both references',
      { refer_vocal: 'x', refer_instrumental: '' },
      'refer_vocal needs refer_voice and refer_instrumental',
    ],
  ])('%s', async (_what, fields: Record<string, string>, detail) => {
    const seen = await generate(sim.url, 'x', { fields });
    expect(seen.status).toBe(200);
    expect(json(seen)).toEqual(invalid(detail));
  });

  it.each([
    ['200 characters that are 400 UTF-16 units', { lyrics: '🎵'.repeat(200) }],
    ['an instrumental alone without lyrics', { lyrics: '', refer_voice: '' }],
    ['any id of the form vocal-sim-…', { refer_voice: 'vocal-sim-anything', refer_instrumental: INSTRUMENTAL }],
  ])('%s is no fault', async (_what, fields: Record<string, string>) => {
    expect(json(await generate(sim.url, 'x', { fields })).base_resp.status_code).toBe(0);
  });

  it.each([
    ['music-1.5', { prompt: 'short', lyrics: 'x'.repeat(20) }, 'prompt has 5 characters, 10 to 300 are allowed'],
    ['music-2.0', { prompt: 'x'.repeat(10), lyrics: 'short' }, 'lyrics has 5 characters, 10 to 3000 are allowed'],
    ['music-2.5', { lyrics: '' }, 'lyrics has 0 characters, 1 to 3500 are allowed'],
  ])('%s has limits of its own', async (model, fields, detail) => {
    expect(json(await postJson({ model, ...fields }))).toEqual(invalid(detail));
  });
});

describe('limits per key', () => {
  it('a balance pays for exactly as many songs, also at once', async () => {
    await control(sim.url, 'POST', '/config', { keys: { paying: { balance: 3 } } });
    const seen = await Promise.all(
      Array.from({ length: 8 }, () => generate(sim.url, 'x [sim:latency=50]', { key: 'paying' })),
    );
    expect(seen.filter((one) => one.status === 200)).toHaveLength(3);
    expect(seen.filter((one) => one.status === 402)).toHaveLength(5);
    const { keys } = await control(sim.url, 'GET', '/state');
    expect(keys).toContainEqual(expect.objectContaining({ key: 'ying', balance: 0 }));
  });

  it('more songs at once than allowed are refused with 1041, for that key only', async () => {
    await control(sim.url, 'POST', '/config', { concurrency: 2 });
    const seen = await Promise.all([1, 2, 3, 4].map(() => generate(sim.url, 'x [sim:latency=300]', { key: 'busy' })));
    const other = await generate(sim.url, 'x', { key: 'other' });
    expect(seen.map((one) => json(one).base_resp.status_code).toSorted((a, b) => a - b)).toEqual([0, 0, 1041, 1041]);
    expect(json(other).base_resp.status_code).toBe(0);
    const { keys } = await control(sim.url, 'GET', '/state');
    expect(keys).toContainEqual(expect.objectContaining({ key: 'busy', max_concurrency_seen: 2 }));
  });

  it('a fault that is not billed costs nothing', async () => {
    await control(sim.url, 'POST', '/config', { keys: { careful: { balance: 1 } } });
    await generate(sim.url, 'x [sim:code=1001]', { key: 'careful' });
    expect((await generate(sim.url, 'x', { key: 'careful' })).status).toBe(200);
    expect((await generate(sim.url, 'x', { key: 'careful' })).status).toBe(402);
  });
});

it('a path the upstream does not have is its -10010', async () => {
  const seen = await exchange(sim.url, { path: '/v1/query' });
  expect(seen.status).toBe(404);
  expect(json(seen).error.err_code).toBe(-10010);
});
