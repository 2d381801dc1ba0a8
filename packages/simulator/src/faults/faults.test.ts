import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { control, exchange, generate, json, type Seen, type TestSimulator, testSimulator } from '../testing/client.ts';
import { FAULTS } from './table.ts';

let sim: TestSimulator;
beforeAll(async () => {
  sim = await testSimulator();
});
afterAll(async () => sim.dispose());
afterEach(async () => {
  await control(sim.url, 'POST', '/reset');
});

/** Plays one marker and tells what the client saw and whether it was billed. */
async function play(marker: string, signal?: AbortSignal): Promise<Seen & { charges: number }> {
  const { last } = await control(sim.url, 'GET', '/ledger');
  const seen = await generate(sim.url, `la [sim:${marker}] la`, signal ? { signal } : {});
  const { charges } = await control(sim.url, 'GET', `/ledger?after=${last}`);
  return { ...seen, charges };
}

const text = (seen: Seen): string => seen.body.toString('utf8');
const audio = (seen: Seen): string => json(seen).data.audio;

describe('refusals by envelope', () => {
  it.each([1002, 1004, 1008, 1013, 1024, 1026, 1033, 1041, 2013, 2045, 2056, 2061, 9999, 1000, 1001])(
    'code %i is HTTP 200 with that base_resp and nothing billed',
    async (code) => {
      const seen = await play(`code=${code}`);
      expect(seen).toMatchObject({ end: 'complete', status: 200, charges: 0 });
      expect(json(seen).base_resp.status_code).toBe(code);
      expect(json(seen).base_resp.status_msg).not.toBe('');
    },
  );

  it('code 1027 is billed: the song was made and then refused', async () => {
    expect(await play('code=1027')).toMatchObject({ status: 200, charges: 1 });
  });

  it.each([
    [-10008, 503],
    [-10002, 401],
    [-10004, 402],
    [-10007, 429],
    [-10003, 500],
    [-10017, 413],
  ])('err_code %i comes with HTTP %i', async (code, status) => {
    const seen = await play(`err=${code}`);
    expect(seen).toMatchObject({ end: 'complete', status, charges: 0 });
    expect(json(seen).error).toMatchObject({ err_code: code, type: 'api_error' });
  });

  it('err_code may come as text and with another status', async () => {
    const seen = await play('err=-10008,string,status=500');
    expect(seen.status).toBe(500);
    expect(json(seen).error.err_code).toBe('-10008');
  });

  it('a gateway timeout is billed', async () => {
    expect(await play('err=-10504')).toMatchObject({ status: 504, charges: 1 });
  });
});

describe('answers without an envelope', () => {
  it.each([500, 502, 503])('HTTP %i is a page of HTML', async (status) => {
    const seen = await play(String(status));
    expect(seen).toMatchObject({ status, charges: 0 });
    expect(seen.headers['content-type']).toContain('text/html');
  });

  it.each([504, 524])('HTTP %i is a page like Cloudflare makes, and billed', async (status) => {
    const seen = await play(String(status));
    expect(seen).toMatchObject({ status, charges: 1 });
    expect(text(seen)).toContain('cf-error-details');
  });

  it('HTTP 429 comes with and without Retry-After', async () => {
    expect((await play('429')).headers['retry-after']).toBeUndefined();
    expect((await play('status=429,retry_after=7')).headers['retry-after']).toBe('7');
  });

  it('HTML comes with 200', async () => {
    const seen = await play('html');
    expect(seen.status).toBe(200);
    expect(text(seen)).toContain('<html>');
  });

  it('object is a literal {}', async () => {
    expect(text(await play('object'))).toBe('{}');
  });
});

describe('connections that break', () => {
  it('rst resets after the body was read, before anything is made', async () => {
    expect(await play('rst')).toMatchObject({ end: 'none', charges: 0 });
  });

  it('lost is a success that the client never sees and is billed for', async () => {
    expect(await play('lost')).toMatchObject({ end: 'none', charges: 1 });
  });

  it('hang never answers and is billed', async () => {
    expect(await play('hang', AbortSignal.timeout(500))).toMatchObject({ end: 'none', charges: 1 });
  });

  it('close begins a 200 and ends it in the middle', async () => {
    const seen = await play('close');
    expect(seen).toMatchObject({ end: 'cut', status: 200, charges: 1 });
    expect(seen.body.length).toBeLessThan(Number(seen.headers['content-length']));
    expect(seen.body.length).toBeGreaterThan(0);
  });

  it('drip sends the whole answer slowly', async () => {
    const before = performance.now();
    const seen = await play('drip=500');
    expect(performance.now() - before).toBeGreaterThan(400);
    expect(json(seen).base_resp.status_code).toBe(0);
  });

  it('a client that leaves is billed all the same', async () => {
    const lyrics = 'left alone [sim:latency=400]';
    const seen = await generate(sim.url, lyrics, { signal: AbortSignal.timeout(100) });
    expect(seen.end).toBe('none');
    const counts = async () =>
      Object.values((await control(sim.url, 'GET', '/ledger')).by_lyrics).find((one) => one.lyrics === lyrics);
    await expect.poll(counts).toMatchObject({ calls: 1, charges: 1, gone: 1, answers: 0 });
  });
});

describe('answers that look like a success, all billed', () => {
  it('truncate ends the JSON in the middle with an honest length', async () => {
    const seen = await play('truncate');
    expect(seen).toMatchObject({ end: 'complete', status: 200, charges: 1 });
    expect(() => json(seen)).toThrow(SyntaxError);
  });

  it('odd has an odd number of digits', async () => {
    expect(audio(await play('odd')).length % 2).toBe(1);
  });

  it.each([
    ['badhex', null],
    ['badhex=0', 0],
    ['badhex=5000', 5000],
    ['badhex=-1', -1],
  ])('%s has one digit that is none', async (marker, place) => {
    const digits = audio(await play(marker));
    const wanted = place === null ? digits.length >> 1 : place < 0 ? digits.length + place : place;
    expect(digits.indexOf('z')).toBe(wanted);
    expect(digits.lastIndexOf('z')).toBe(wanted);
  });

  it('empty is status 2 without audio', async () => {
    const seen = await play('empty');
    expect(json(seen).data).toEqual({ status: 2, audio: '' });
    expect(seen.charges).toBe(1);
  });

  it('data_status=1 says it is still at work', async () => {
    expect(json(await play('data_status=1')).data.status).toBe(1);
  });

  it('garbage is valid hex of no audio', async () => {
    expect(Buffer.from(audio(await play('garbage')), 'hex').toString('latin1')).toMatch(/^(this is no audio\. )+$/);
  });

  it('huge is larger than 30 MB, or as large as asked', async () => {
    expect((await play('huge')).body.length).toBeGreaterThan(30_000_000);
    const seen = await play('huge=3');
    expect(seen.body.length).toBeGreaterThan(3_000_000);
    expect(seen.body.length).toBeLessThan(5_000_000);
  });

  it('late puts a megabyte of other keys before the audio', async () => {
    const seen = await play('late');
    expect(text(seen).indexOf('"audio"')).toBeGreaterThan(1_000_000);
    expect(audio(seen)).toMatch(/^494433/);
  });

  it('escaped spells the key with an escape', async () => {
    const seen = await play('escaped');
    expect(text(seen)).toContain('"\\u0061udio"');
    expect(audio(seen)).toMatch(/^494433/);
  });

  it('decoy has audio keys where they do not count', async () => {
    const seen = await play('decoy');
    expect(text(seen).match(/"audio":/g)?.length).toBeGreaterThan(4);
    expect(audio(seen)).toMatch(/^494433/);
  });

  it('duplicate gives the key twice, the song last', async () => {
    const seen = await play('duplicate');
    expect(text(seen)).toContain('"audio":"00","audio":"494433');
    expect(audio(seen)).toMatch(/^494433/);
  });

  it('url answers with an address for this call only', async () => {
    expect(audio(await play('url'))).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/files\//);
    expect(audio(await play('latency=0'))).toMatch(/^494433/);
  });
});

describe('counts', () => {
  it('x2 plays twice, then the call succeeds', async () => {
    const codes = [];
    for (let i = 0; i < 4; i += 1)
      codes.push(json(await generate(sim.url, 'x[sim:code=1002,x2]')).base_resp.status_code);
    expect(codes).toEqual([1002, 1002, 0, 0]);
  });

  it('an id keeps two markers apart that read the same', async () => {
    const first = json(await generate(sim.url, '[sim:code=1002,x1,id=a]x')).base_resp.status_code;
    const second = json(await generate(sim.url, '[sim:code=1002,x1,id=b]x')).base_resp.status_code;
    const third = json(await generate(sim.url, 'other text [sim:code=1002,x1,id=a]')).base_resp.status_code;
    expect([first, second, third]).toEqual([1002, 1002, 0]);
  });

  it('several markers script one call after the other', async () => {
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await generate(sim.url, 'x[sim:503,x1][sim:504,x1]')).status);
    expect(statuses).toEqual([503, 504, 200]);
  });

  it('an unknown marker is refused by name', async () => {
    expect(json(await generate(sim.url, 'x[sim:hagn]')).base_resp.status_msg).toContain('[sim:hagn]');
  });
});

describe('the control API', () => {
  it('queues faults for the next calls, for one key and for one route', async () => {
    await control(sim.url, 'POST', '/faults', {
      faults: ['code=1001,x2', { fault: '500', key: 'second' }, { fault: '503', route: 'upload' }],
    });
    const first = await generate(sim.url, 'x');
    const second = await generate(sim.url, 'x', { key: 'second' });
    const third = await generate(sim.url, 'x', { key: 'second' });
    const fourth = await generate(sim.url, 'x', { key: 'second' });
    expect([
      json(first).base_resp.status_code,
      json(second).base_resp.status_code,
      third.status,
      fourth.status,
    ]).toEqual([1001, 1001, 500, 200]);
    expect((await control(sim.url, 'GET', '/faults')).faults).toEqual([
      { fault: '503', key: null, route: 'upload', left: 1 },
    ]);
  });

  it('breaks the download of a song that was answered as an address', async () => {
    const { pathname, search } = new URL(audio(await play('url')));
    const download = async () => exchange(sim.url, { method: 'GET', path: pathname + search });
    await control(sim.url, 'POST', '/faults', {
      faults: [
        { fault: '503', route: 'file' },
        { fault: 'close', route: 'file' },
      ],
    });
    expect((await download()).status).toBe(503);
    expect((await download()).end).toBe('cut');
    expect(await download()).toMatchObject({ status: 200, end: 'complete' });
  });

  it.each([
    ['/faults', { faults: ['nonsense'] }],
    ['/config', { latency: { fixed_ms: -1 } }],
    ['/config', { unknown_setting: 1 }],
    ['/config', 'no object'],
  ])('a bad body to %s is refused: %j', async (path, body) => {
    const seen = await exchange(sim.url, { path: `/_sim${path}`, body: JSON.stringify(body) });
    expect(seen.status).toBe(400);
  });

  it('down answers everything with a bare 503, or resets every call', async () => {
    await control(sim.url, 'POST', '/config', { down: 'unavailable' });
    expect((await generate(sim.url, 'x')).status).toBe(503);
    await control(sim.url, 'POST', '/config', { down: 'reset' });
    expect((await generate(sim.url, 'x')).end).toBe('none');
    await control(sim.url, 'POST', '/config', { down: false });
    expect((await generate(sim.url, 'x')).status).toBe(200);
  });

  it('the state counts open calls and songs being made', async () => {
    const open = generate(sim.url, 'x [sim:latency=600]');
    await expect.poll(async () => (await control(sim.url, 'GET', '/state')).working).toBe(1);
    expect((await control(sim.url, 'GET', '/state')).open_calls).toBe(1);
    await open;
    expect(await control(sim.url, 'GET', '/state')).toMatchObject({ open_calls: 0, working: 0 });
  });
});

it('a song whose charge cannot be written down is not answered', async () => {
  const told: unknown[] = [];
  const broke = await testSimulator({ ledgerPath: '/dev/full', onFault: (error) => told.push(error) });
  expect((await generate(broke.url, 'x')).end).toBe('none');
  expect(String(told[0])).toContain('ENOSPC');
  await expect(broke.dispose()).rejects.toThrow('ENOSPC');
});

it('the README names every fault', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  for (const name of Object.keys(FAULTS)) expect(readme).toContain(`\`${name}`);
});
