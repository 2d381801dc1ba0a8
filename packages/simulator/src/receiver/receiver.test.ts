import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { control, exchange, type Seen, type TestSimulator, testSimulator } from '../testing/client.ts';
import { ReceivedHooks } from './received-hooks.ts';
import { judge } from './verdict.ts';

let sim: TestSimulator;
beforeAll(async () => {
  sim = await testSimulator();
});
afterAll(async () => sim.dispose());
afterEach(async () => {
  await control(sim.url, 'POST', '/reset');
});

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = `whsec_${Buffer.from('another secret, thirty-two bytes').toString('base64')}`;

function headersOf(body: string, secret = SECRET, seconds = Math.floor(Date.now() / 1000)): Record<string, string> {
  const key = Buffer.from(secret.slice(6), 'base64');
  const mac = createHmac('sha256', key).update(`evt_1.${seconds}.${body}`).digest('base64');
  return { 'webhook-id': 'evt_1', 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${mac}` };
}
const deliver = (path = '/_hooks/a', body = '{"type":"ping"}', headers = headersOf(body)): Promise<Seen> =>
  exchange(sim.url, { path, body, headers });
const plan = (change: object) => control(sim.url, 'POST', '/hooks', change);
const kept = async (query = '') => (await control(sim.url, 'GET', `/hooks${query}`)).deliveries;

describe('a delivery', () => {
  it('is answered 204 and kept with its headers, its body and its time', async () => {
    expect(await deliver('/_hooks/a?x=1')).toMatchObject({ end: 'complete', status: 204 });
    const [hook] = await kept();
    expect(hook).toMatchObject({
      ...{ n: 1, method: 'POST', path: '/_hooks/a', body: '{"type":"ping"}', webhook_id: 'evt_1', answered: 204 },
      headers: { 'webhook-id': 'evt_1' },
    });
    expect(Math.abs(Date.parse(hook!.at) - Date.now())).toBeLessThan(60_000);
  });

  it('can be asked for by path, and after another one', async () => {
    for (const path of ['/_hooks/a', '/_hooks/b', '/_hooks/a']) await deliver(path);
    expect((await kept('?path=/_hooks/a')).map(({ n }) => n)).toEqual([1, 3]);
    expect((await kept('?after=1')).map(({ n }) => n)).toEqual([2, 3]);
    await control(sim.url, 'DELETE', '/hooks');
    expect(await control(sim.url, 'GET', '/hooks')).toEqual({ received: 0, deliveries: [] });
  });

  it('is no call of the upstream, and of more than 1 MiB is refused', async () => {
    const before = await control(sim.url, 'GET', '/state');
    expect(await deliver('/_hooks/a', 'x'.repeat(1024 * 1024 + 1))).toMatchObject({ status: 413 });
    expect(await kept()).toEqual([]);
    expect(await control(sim.url, 'GET', '/state')).toEqual(before);
  });

  it('makes room for later ones: the last thousand are kept, and no more than 64 MiB', () => {
    const hooks = new ReceivedHooks();
    const hook = {
      at: '',
      method: 'POST',
      path: '/_hooks/a',
      headers: {},
      webhook_id: null,
      verdict: 'unjudged',
    } as const;
    for (let i = 0; i < 1001; i++) hooks.keep({ ...hook, body: '' });
    const view = hooks.view(0, null);
    expect([view.received, view.deliveries.length, view.deliveries[0]?.n]).toEqual([1001, 1000, 2]);
    const large = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 65; i++) hooks.keep({ ...hook, body: large });
    expect(hooks.view(0, null).deliveries).toHaveLength(64);
  });
});

describe('the verdict', () => {
  const verdict = async () => (await kept()).at(-1)?.verdict;

  it('is verified for any of the secrets, of the path or else of all paths', async () => {
    await deliver();
    expect(await verdict()).toBe('unjudged');
    await plan({ secrets: [OTHER, SECRET] });
    await deliver();
    expect(await verdict()).toBe('verified');
    await plan({ path: '/_hooks/a', secrets: [OTHER] });
    await deliver();
    expect(await verdict()).toBe('wrong_signature');
    await deliver('/_hooks/b');
    expect(await verdict()).toBe('verified');
  });

  it('says what is wrong', async () => {
    await plan({ secrets: [SECRET] });
    const body = '{}';
    const good = headersOf(body);
    const minutesAgo = Math.floor(Date.now() / 1000) - 310;
    for (const [headers, expected] of [
      [{ ...good, 'webhook-signature': 'v1,AAAA' }, 'wrong_signature'],
      [{ ...good, 'webhook-signature': good['webhook-signature']!.replace('v1', 'v2') }, 'wrong_signature'],
      [{ ...good, 'webhook-id': 'evt_2' }, 'wrong_signature'],
      [{ ...good, 'webhook-timestamp': 'soon' }, 'stale'],
      [headersOf(body, SECRET, minutesAgo), 'stale'],
      [{}, 'missing_headers'],
    ] as const) {
      await deliver('/_hooks/a', body, headers);
      expect(await verdict()).toBe(expected);
    }
  });

  it('of the published vector is verified', () => {
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    const body = Buffer.from('{"test": 2432232314}');
    expect(judge(headers, body, [SECRET], 1_614_265_330_000)).toBe('verified');
    expect(judge(headers, body, [SECRET], 1_614_265_631_000)).toBe('stale');
  });
});

describe('told how to answer, it', () => {
  it('gives each path its answers in order, then what is otherwise asked for', async () => {
    const redirect = { status: 302, headers: { location: '/elsewhere' } };
    await plan({
      path: '/_hooks/a',
      answers: [{ status: 429, headers: { 'retry-after': '7' }, times: 2 }, redirect],
      otherwise: { status: 410, body: 'gone for good' },
    });
    expect(await deliver()).toMatchObject({ status: 429, headers: { 'retry-after': '7' } });
    expect(await deliver()).toMatchObject({ status: 429 });
    expect(await deliver()).toMatchObject({ status: 302, headers: { location: '/elsewhere' } });
    const last = await deliver();
    expect([last.status, last.body.toString()]).toEqual([410, 'gone for good']);
    expect(await deliver('/_hooks/b')).toMatchObject({ status: 204 });
    expect((await kept('?path=/_hooks/a')).map(({ answered }) => answered)).toEqual([429, 429, 302, 410]);
  });

  it('breaks an answer off, gives none, or waits with it', async () => {
    await plan({ answers: [{ status: 200, end: 'cut', body: 'abc' }, { end: 'reset' }, { delay_ms: 30 }] });
    expect(await deliver()).toMatchObject({ end: 'cut', status: 200, headers: { 'content-length': '6' } });
    expect(await deliver()).toMatchObject({ end: 'none' });
    expect(await deliver()).toMatchObject({ end: 'complete', status: 204 });
    expect((await kept()).map(({ answered }) => answered)).toEqual([null, null, 204]);
  });

  it('hangs until the sender gives up, and does not keep the simulator from stopping', async () => {
    const own = await testSimulator();
    await control(own.url, 'POST', '/hooks', { otherwise: { end: 'hang' } });
    const hanging = exchange(own.url, { path: '/_hooks/a', body: '{}' });
    while ((await control(own.url, 'GET', '/hooks')).received === 0) await new Promise(setImmediate);
    await own.dispose();
    expect(await hanging).toMatchObject({ end: 'none' });
  });

  it.each([
    { path: '/elsewhere' },
    { secrets: ['secret'] },
    { answers: [{ status: 99 }] },
    { answers: [{ headers: { 'retry-after': 'a\nb' } }] },
    { answer: {} },
  ])('refuses the plan %j', async (change) => {
    await expect(plan(change)).rejects.toThrow(/400/);
  });
});
