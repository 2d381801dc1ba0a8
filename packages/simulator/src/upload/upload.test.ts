import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { composeSong } from '../audio/song.ts';
import {
  control,
  exchange,
  generate,
  json,
  MULTIPART_TYPE,
  multipart,
  type Seen,
  type TestFile,
  type TestSimulator,
  testSimulator,
} from '../testing/client.ts';

let sim: TestSimulator;
beforeAll(async () => {
  sim = await testSimulator();
});
afterAll(async () => sim.dispose());

async function song(seconds: number, format: 'mp3' | 'wav' = 'mp3', filename = `a.${format}`): Promise<TestFile> {
  const made = await composeSong({
    text: 'reference',
    seconds,
    bytes: null,
    sampleRate: 16_000,
    bitrate: 32_000,
    format,
  });
  return { filename, type: made.contentType, bytes: Buffer.concat(made.raw) };
}

async function upload(
  fields: Readonly<Record<string, string | TestFile>>,
  headers: Record<string, string> = {},
  url = sim.url,
): Promise<Seen> {
  return exchange(url, {
    path: '/minimaxi/v1/music_upload',
    headers: { authorization: 'Bearer k', 'content-type': MULTIPART_TYPE, ...headers },
    body: multipart(fields),
  });
}

const VOICE_ID = /^vocal-\d{16}-[A-Za-z0-9]{8}$/;
const INSTRUMENTAL_ID = /^instrumental-\d{16}-[A-Za-z0-9]{8}$/;

describe('music_upload', () => {
  it.each([
    ['song', 'mp3', ['voice_id', 'instrumental_id', 'base_resp']],
    ['song', 'wav', ['voice_id', 'instrumental_id', 'base_resp']],
    ['voice', 'mp3', ['voice_id', 'base_resp']],
    ['instrumental', 'wav', ['instrumental_id', 'base_resp']],
  ] as const)('%s as %s gives its ids at the top level', async (purpose, format, keys) => {
    const seen = await upload({ purpose, file: await song(11, format) });
    const body = json(seen);
    expect(seen.status).toBe(200);
    expect(Object.keys(body)).toEqual(keys);
    expect(body.base_resp).toEqual({ status_code: 0, status_msg: 'success' });
    if (purpose !== 'instrumental') expect(body.voice_id).toMatch(VOICE_ID);
    if (purpose !== 'voice') expect(body.instrumental_id).toMatch(INSTRUMENTAL_ID);
  });

  it('an id that was given is known from then on, also after a restart on the same ledger', async () => {
    const first = await testSimulator();
    const { voice_id } = json(await upload({ purpose: 'voice', file: await song(11) }, {}, first.url));
    expect(json(await generate(first.url, 'x', { fields: { refer_voice: voice_id } })).base_resp.status_code).toBe(0);
    await first.stop();
    const second = await testSimulator({ ledgerPath: first.ledgerPath });
    expect(json(await generate(second.url, 'x', { fields: { refer_voice: voice_id } })).base_resp.status_code).toBe(0);
    await second.dispose();
    await first.dispose();
  });

  it('bills nothing', async () => {
    const { last } = await control(sim.url, 'GET', '/ledger');
    await upload({ purpose: 'voice', file: await song(11) });
    expect(await control(sim.url, 'GET', `/ledger?after=${last}`)).toMatchObject({ charges: 0, uploads: 1 });
  });

  it.each([
    ['too short', 9.9, 2037],
    ['just long enough', 10.1, 0],
    ['as long as allowed', 599, 0],
    ['too long', 601, 2037],
  ])('%s: %f s', async (_what, seconds, code) => {
    expect(json(await upload({ purpose: 'voice', file: await song(seconds) })).base_resp.status_code).toBe(code);
  });

  it.each([
    ['no purpose', async () => upload({ file: await song(11) })],
    ['an unknown purpose', async () => upload({ purpose: 'nstrumental', file: await song(11) })],
    ['no file', async () => upload({ purpose: 'song' })],
    [
      'a file that is no audio',
      async () =>
        upload({ purpose: 'song', file: { filename: 'a.mp3', type: 'audio/mpeg', bytes: Buffer.alloc(5000, 'x') } }),
    ],
    [
      'multipart under another type',
      async () => upload({ purpose: 'song', file: await song(11) }, { 'content-type': 'application/json' }),
    ],
  ])('%s is invalid', async (_what, send) => {
    const seen = await send();
    expect(seen.status).toBe(200);
    expect(json(seen).base_resp.status_code).toBe(2013);
  });

  it('a file over 50 MB is refused by the gateway', async () => {
    const seen = await upload({
      purpose: 'song',
      file: { filename: 'a.wav', type: 'audio/wav', bytes: Buffer.alloc(54_000_000) },
    });
    expect(seen.status).toBe(413);
    expect(json(seen).error.err_code).toBe(-10017);
  });

  it('markers in the name of the file play faults', async () => {
    expect((await upload({ purpose: 'voice', file: await song(11, 'mp3', 'a[sim:503].mp3') })).status).toBe(503);
    expect((await upload({ purpose: 'voice', file: await song(11, 'mp3', 'a[sim:rst].mp3') })).end).toBe('none');
  });

  it('needs a key', async () => {
    expect(json(await upload({}, { authorization: '' })).error.err_code).toBe(-10001);
  });
});
