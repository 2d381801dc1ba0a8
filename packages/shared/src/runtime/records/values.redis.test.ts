import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UpstreamAnswer } from '../../contract/generation.ts';
import { openTestRecords, requestOf, songOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { newId } from '../ids.ts';
import { publishGeneration } from './publish.ts';
import { loadScript, words } from './store.ts';

let server: TestRedis;
let records: TestRecords;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(() => {
  opened += 1;
  records = openTestRecords(server.url, `t${opened}`);
});
afterEach(() => records.close());
afterAll(() => server.stop());

// JSON crosses into Lua and back: what either side treats differently is listed here.
const STRANGE = 'NUL \u0000, quote ", backslash \\, slash /, DEL \u007f, 歌 🎵, } -- ]] %s %d \r\n\t \u2028';

describe('values on their way through Lua', () => {
  it.each<[string, UpstreamAnswer]>([
    ['nulls', { http_status: null, code: null, message: null, trace_id: null }],
    ['empty text', { http_status: 200, code: 0, message: '', trace_id: '' }],
    ['negative and large codes', { http_status: 200, code: -10008, message: 'x', trace_id: '17953000000000000001' }],
    ['a code of 13 digits', { http_status: 200, code: 1_795_300_000_123, message: 'x', trace_id: '1e5' }],
    ['odd characters', { http_status: 500, code: 1, message: STRANGE, trace_id: STRANGE }],
  ])('an answer of the upstream comes back as it was: %s', async (_what, upstream) => {
    const released = await records.accepted();
    await records.release(released, await records.claimed(released), 'content_rejected', { upstream });
    const record = await records.read(released);
    expect(record.attempts[0]!.upstream).toEqual(upstream);
    expect(record.error?.upstream).toEqual(upstream);
    const published = await records.accepted();
    const token = await records.claimed(published);
    await publishGeneration(records.store, { id: published, token, worker: 'w', song: songOf(token), upstream });
    expect((await records.read(published)).attempts[0]!.upstream).toEqual(upstream);
  });

  it('half a character in what the upstream said never stops a call from being settled', async () => {
    const upstream = { http_status: 200, code: 1, message: 'cut in \ud83c', trace_id: '\udfb5' };
    const id = await records.accepted();
    const token = await records.claimed(id);
    expect(await records.release(id, token, 'stated_failure', { upstream, message: upstream.message })).toMatchObject({
      outcome: 'released',
    });
    expect((await records.read(id)).attempts[0]!.upstream).toMatchObject({ message: 'cut in \ufffd' });
    const song = { ...songOf('s'), trace_id: '\ud83c' };
    expect(await publishGeneration(records.store, { id, token: 's', worker: 'w', song, upstream })).toMatchObject({
      outcome: 'published',
    });
  });

  it('a request comes back as it was', async () => {
    const request = requestOf({ lyrics: STRANGE, custom_id: '}"', metadata: { __proto__x: STRANGE, '': '' } });
    const id = await records.accepted({ request });
    expect((await records.read(id)).request).toEqual(request);
    const claimed = await records.claim(id);
    expect(claimed).toMatchObject({ request });
  });

  it('a message with odd characters is an error like any other', async () => {
    const id = await records.accepted();
    await records.release(id, await records.claimed(id), 'content_rejected', { message: STRANGE });
    expect((await records.read(id)).error?.message).toBe(STRANGE);
  });

  it('projects, models, workers and tokens may hold any character', async () => {
    const odd = 'a:b {c} %d *[x] "\'\n歌';
    const id = await records.accepted({ project: odd, request: requestOf({ model: odd }) });
    const token = await records.claimed(id, { worker: odd, token: odd });
    await records.release(id, token, 'model', { hold: `model:${odd}` });
    expect(await records.claim(id)).toMatchObject({ outcome: 'held', scope: `model:${odd}` });
    expect(await records.read(id)).toMatchObject({ project: odd, attempts: [{ worker: odd }] });
  });

  it('large numbers are never written in scientific notation', async () => {
    const { redis, keys } = records.store;
    await redis.set(`${keys.root}ordinal`, '8000000000000000');
    await redis.hset(`${keys.root}fair`, 'v:bulk', '17592186044000', 'f:bulk:p', '17592186044000');
    await redis.set(`${keys.root}window-size`, 1);
    const first = await records.accepted({ request: requestOf({ priority: 'bulk' }) });
    const second = await records.accepted({ request: requestOf({ priority: 'bulk' }) });
    await records.release(first, await records.claimed(first), 'rate_limited', {
      delayMs: 31_536_000_000,
      hold: 'account',
      firstProbeMs: 31_536_000_000,
    });
    expect((await records.read(second)).ordinal).toBe(8_000_000_000_000_002);
    expect(await redis.zscore(keys.ready, second)).toBe(String(2 * 2 ** 44 + 17_592_186_044_001));
    for (const key of await redis.keys(`${keys.root}*`)) {
      const type = await redis.type(key);
      if (type === 'hash') expect(JSON.stringify(await redis.hgetall(key)), key).not.toMatch(/\de\+/);
      if (type === 'string') expect(await redis.get(key), key).not.toMatch(/\de\+/);
      if (type === 'stream') expect(JSON.stringify(await redis.xrange(key, '-', '+')), key).not.toMatch(/\de\+/);
    }
  });

  it('an answer of 4,000 items does not run into a limit of Lua', async () => {
    const ids = Array.from({ length: 4000 }, () => newId('gen'));
    const items = ids.flatMap((id) => [id, 'bulk', 'music-01', 'retry', 0, 0, '{}']);
    const accept = loadScript('accept');
    const reply = words(await accept.run(records.store, ['', '', 10_000, 'p', ids.length, ...items]));
    expect(reply).toHaveLength(4002);
    await records.store.redis.set(`${records.store.keys.root}window-size`, 10_000);
    const fed = words(await loadScript('feed').run(records.store, ['w', 1000, 10_000]));
    expect(fed).toHaveLength(3 * (4000 - 20));
    const page = words(await loadScript('repair').run(records.store, ['window', 0, 4000, -1000]));
    expect(page).toHaveLength(2 + 4 * 4000);
  });
});
