import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, it, vi } from 'vitest';
import { SongmillError } from './errors.ts';
import { isWebhookVerificationError, verifyWebhook, type WebhookHeaders } from './webhooks.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = `whsec_${btoa('another secret, thirty-two bytes')}`;
const ID = 'evt_1';
const NOW_MS = 1_800_000_000_500;
const SECONDS = '1800000000';
const BODY = JSON.stringify({
  ...{ type: 'generation.succeeded', timestamp: '2027-01-15T08:00:00.000Z' },
  data: { id: 'gen_1', object: 'generation', status: 'succeeded', custom_id: 'Ω 🎵', sequence: 3 },
});

/** Signed by the reference library. */
function sign(secret: string, body: string = BODY, seconds: string = SECONDS): string {
  return new Webhook(secret).sign(ID, new Date(Number(seconds) * 1000), body);
}

const headersOf = (signature: string, timestamp = SECONDS) => ({
  'webhook-id': ID,
  'webhook-timestamp': timestamp,
  'webhook-signature': signature,
});
const good = headersOf(sign(SECRET));
const verify = (over: {
  body?: Parameters<typeof verifyWebhook>[0];
  headers?: WebhookHeaders;
  secret?: Parameters<typeof verifyWebhook>[2];
  nowMs?: number;
  toleranceSeconds?: number;
}) =>
  verifyWebhook(over.body ?? BODY, over.headers ?? good, over.secret ?? SECRET, {
    nowMs: over.nowMs ?? NOW_MS,
    toleranceSeconds: over.toleranceSeconds,
  });

/** What is wrong with a request. */
async function faultOf(over: Parameters<typeof verify>[0]): Promise<string> {
  const error: unknown = await verify(over).then(
    () => new Error('it was taken'),
    (thrown: unknown) => thrown,
  );
  if (!isWebhookVerificationError(error)) throw error;
  expect(error).toBeInstanceOf(SongmillError);
  return error.fault;
}

describe('a webhook', () => {
  it('gives its event, told apart by its type', async () => {
    const event = await verify({});
    expect(event).toEqual(JSON.parse(BODY));
    // Compiles only while `type` narrows `data`.
    if (event.type === 'generation.succeeded') expect(event.data.status satisfies 'succeeded').toBe('succeeded');
  });

  it('that the reference library or svix signs is verified, and they verify the same headers', async () => {
    const now = new Date(Math.floor(Date.now() / 1000) * 1000);
    const seconds = String(now.getTime() / 1000);
    for (const signature of [new Webhook(SECRET).sign(ID, now, BODY), new SvixWebhook(SECRET).sign(ID, now, BODY)]) {
      const headers = headersOf(signature, seconds);
      await expect(verifyWebhook(BODY, headers, SECRET)).resolves.toMatchObject({ type: 'generation.succeeded' });
      expect(() => new Webhook(SECRET).verify(BODY, headers)).not.toThrow();
      expect(() => new SvixWebhook(SECRET).verify(BODY, headers)).not.toThrow();
    }
  });

  it('of the published vector is verified: what is missing is only that its body is an event', async () => {
    const vector = {
      body: '{"test": 2432232314}',
      nowMs: 1_614_265_330_000,
      headers: {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
    };
    expect(await faultOf(vector)).toBe('bad_body');
    expect(await faultOf({ ...vector, body: '{"test": 2432232315}' })).toBe('no_matching_signature');
  });

  it('may come as text, as bytes of a larger buffer, or as an ArrayBuffer', async () => {
    const pool = Buffer.from(`xx${BODY}yy`);
    const bytes = pool.subarray(2, pool.length - 2);
    const copy = new Uint8Array(bytes).buffer;
    for (const body of [BODY, bytes, new Uint8Array(bytes), copy]) {
      await expect(verify({ body })).resolves.toHaveProperty('type', 'generation.succeeded');
    }
  });

  it.each<[string, WebhookHeaders]>([
    ['Headers of fetch', new Headers(good)],
    ['a Map', new Map(Object.entries(good))],
    ['pairs', Object.entries(good)],
    ['names in any case', Object.fromEntries(Object.entries(good).map(([name, value]) => [name.toUpperCase(), value]))],
    ['lists of one', Object.fromEntries(Object.entries(good).map(([name, value]) => [name, [value]]))],
    ['others beside them', { ...good, host: 'localhost', 'set-cookie': ['a', 'b'], 'x-none': undefined }],
  ])('may come with headers as %s', async (_shape, headers) => {
    await expect(verify({ headers })).resolves.toHaveProperty('type', 'generation.succeeded');
  });

  it('is verified by any of its signatures and any of the secrets, in any order', async () => {
    const [own, other] = [sign(SECRET), sign(OTHER)];
    const asymmetric = 'v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==';
    for (const signature of [`${own} ${other}`, `${other} ${own}`, `${asymmetric} ${own}`, `v1 v2,x ${own}`]) {
      await expect(verify({ headers: headersOf(signature) })).resolves.toHaveProperty('type');
    }
    await expect(verify({ secret: [OTHER, SECRET] })).resolves.toHaveProperty('type');
    await expect(verify({ secret: SECRET.replace('whsec_', '') })).resolves.toHaveProperty('type');
    expect(await faultOf({ secret: [OTHER] })).toBe('no_matching_signature');
  });
});

describe('refused is', () => {
  it.each(Object.keys(good))('a request without %s, with an empty one, or with two that differ', async (name) => {
    const { [name]: value, ...rest } = good as Record<string, string>;
    for (const odd of [
      {},
      { [name]: '' },
      { [name]: [] },
      { [name]: [value!, 'x'] },
      { [name]: value!, [name.toUpperCase()]: 'x' },
    ]) {
      expect(await faultOf({ headers: { ...rest, ...odd } })).toBe('missing_header');
    }
  });

  it.each([
    '123abc',
    ' 1800000000',
    '1800000000 ',
    '1800000000.5',
    '-1',
    '1e9',
    '0x6b49d200',
    '١٨٠٠٠٠٠٠٠٠',
    'NaN',
    '9'.repeat(16),
  ])('the timestamp "%s", even when it is signed', async (timestamp) => {
    const key = Buffer.from(SECRET.slice(6), 'base64');
    const mac = createHmac('sha256', key).update(`${ID}.${timestamp}.${BODY}`).digest('base64');
    expect(await faultOf({ headers: headersOf(`v1,${mac}`, timestamp) })).toBe('bad_timestamp');
  });

  it('what was signed more than five minutes ago or ahead, or than one wants', async () => {
    const at = (seconds: number) => ({ nowMs: (Number(SECONDS) + seconds) * 1000 });
    await expect(verify(at(300))).resolves.toHaveProperty('type');
    await expect(verify(at(-300))).resolves.toHaveProperty('type');
    expect(await faultOf(at(301))).toBe('too_old');
    expect(await faultOf(at(-301))).toBe('too_new');
    expect(await faultOf({ ...at(11), toleranceSeconds: 10 })).toBe('too_old');
    await expect(verify({ ...at(3000), toleranceSeconds: 3600 })).resolves.toHaveProperty('type');
    expect(await faultOf({ ...at(0), toleranceSeconds: Number.NaN })).toBe('too_new');
  });

  it('a body, an id or a time other than the signed one', async () => {
    for (const body of [BODY.replace('gen_1', 'gen_2'), `${BODY} `, '', BODY.slice(1)]) {
      expect(await faultOf({ body })).toBe('no_matching_signature');
    }
    expect(await faultOf({ headers: { ...good, 'webhook-id': 'evt_2' } })).toBe('no_matching_signature');
    expect(await faultOf({ headers: { ...good, 'webhook-timestamp': '1800000001' } })).toBe('no_matching_signature');
  });

  it('a signature that is part of the right one, longer, of another version, or nothing', async () => {
    const own = sign(SECRET);
    for (const odd of [
      own.slice(0, -1),
      `${own}=`,
      own.replace('v1,', 'v2,'),
      own.slice(3),
      'v1,',
      'v1',
      ' ',
      own.toLowerCase(),
    ]) {
      expect(await faultOf({ headers: headersOf(odd) })).toBe('no_matching_signature');
    }
    expect(await faultOf({ headers: headersOf(`${'v1,x '.repeat(100)}${own}`) })).toBe('no_matching_signature');
  });

  it('a signed body that is no event, or no UTF-8', async () => {
    for (const body of ['', 'x', 'null', '[]', '"x"', '{}', '{"type":1,"data":{}}', '{"type":"x","data":null}']) {
      expect(await faultOf({ body, headers: headersOf(sign(SECRET, body)) })).toBe('bad_body');
    }
  });

  it.each([
    ['a parsed body', { body: JSON.parse(BODY) }, /before anything parsed/],
    ['no secret', { secret: [] }, /no secret/],
    ['an empty secret', { secret: 'whsec_' }, /whsec_ and base64/],
    ['a secret that is none', { secret: 'whsec_no base64 at all!' }, /whsec_ and base64/],
    ['a secret that was never set', { secret: [undefined as unknown as string] }, /whsec_ and base64/],
  ])('%s, and that is the fault of the program, not of the request', async (_what, over, message) => {
    const error: unknown = await verify(over).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SongmillError);
    expect(isWebhookVerificationError(error)).toBe(false);
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toContain('no base64 at all');
  });
});

it('verifies where the platform has no global Web Crypto, as Node 18', async () => {
  vi.stubGlobal('crypto', undefined);
  try {
    await expect(verify({})).resolves.toHaveProperty('type', 'generation.succeeded');
    expect(await faultOf({ secret: OTHER })).toBe('no_matching_signature');
  } finally {
    vi.unstubAllGlobals();
  }
});
