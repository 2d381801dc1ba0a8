import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({
    env: { UPSTREAM_TIMEOUT_MS: '2500', UPSTREAM_MAX_RESPONSE_BYTES: '20000000', MAX_ATTEMPTS: '3' },
  });
});
afterAll(() => system.stop());

/** marker, then what must come of it: status, error code, calls, outcome and charge of the first attempt. */
const ALWAYS: [
  title: string,
  marker: string,
  status: string,
  code: string,
  calls: number,
  outcome: string,
  charge: string,
][] = [
  [
    'a content refusal (1026) fails at once and costs nothing',
    'code=1026',
    'failed',
    'content_rejected',
    1,
    'rejected',
    'none',
  ],
  [
    'a refusal of the finished song (1027) is never repeated',
    'code=1027',
    'failed',
    'content_rejected',
    1,
    'rejected',
    'unknown',
  ],
  ['an invalid request (2013) fails at once', 'code=2013', 'failed', 'invalid_request', 1, 'rejected', 'none'],
  [
    'a stated internal error (1024) is tried up to MAX_ATTEMPTS',
    'code=1024',
    'failed',
    'upstream_unavailable',
    3,
    'retryable',
    'none',
  ],
  [
    'a 503 without an envelope may have been billed, so a human decides after two',
    '503',
    'needs_review',
    'unknown_charge',
    2,
    'unknown',
    'unknown',
  ],
  [
    'a reset after the request was sent may have been billed',
    'rst',
    'needs_review',
    'unknown_charge',
    2,
    'unknown',
    'unknown',
  ],
  [
    'an upstream that never answers is given up at our deadline',
    'hang',
    'needs_review',
    'unknown_charge',
    2,
    'unknown',
    'unknown',
  ],
  ['HTML with status 200 is no song', 'html', 'needs_review', 'unknown_charge', 2, 'unknown', 'unknown'],
  ['an empty object is no song', 'object', 'needs_review', 'unknown_charge', 2, 'unknown', 'unknown'],
  ['a truncated answer is no song', 'truncate', 'needs_review', 'unknown_charge', 2, 'unknown', 'unknown'],
  ['an odd number of hex digits is no song, though it was paid', 'odd', 'needs_review', '', 2, '', ''],
  ['a bad hex digit is no song, though it was paid', 'badhex=-1', 'needs_review', '', 2, '', ''],
  ['empty audio is no song, though it was paid', 'empty', 'needs_review', '', 2, '', ''],
  [
    'hex that is no audio is no song, though it was paid',
    'garbage',
    'needs_review',
    'bad_response',
    2,
    'retryable',
    'charged',
  ],
  [
    'an answer over the limit is cut off and never repeated',
    'huge=32',
    'failed',
    'response_too_large',
    1,
    'rejected',
    'unknown',
  ],
];

describe('a faulty upstream', () => {
  it.each(ALWAYS)('fault: %s', async (_title, marker, status, code, calls, outcome, charge) => {
    const request = song(`[sim:${marker}]`);
    const settled = await system.client.generations.generate(request, { timeoutMs: 60_000 });
    expect(settled).toMatchObject({ status, attempts_total: calls });
    if (code) expect(settled.error?.code).toBe(code);
    if (outcome) expect(settled.attempts[0]).toMatchObject({ outcome, charge });
    expect(settled.result).toBeNull();
    const sha = createHash('sha256').update(request.lyrics).digest('hex');
    const billed = (await system.sim.ledger()).by_lyrics[sha]?.charges ?? 0;
    const onRecord = settled.attempts.filter((each) => each.charge !== 'none').length;
    expect(billed).toBeLessThanOrEqual(onRecord);
  });

  it.each([
    ['a stated failure that passes', '[sim:code=1033,x1]', 2],
    ['a song that was made and lost on the way is bought a second time, and both are on record', '[sim:lost,x1]', 2],
    ['a rate limit with Retry-After', '[sim:code=1002,status=429,retry_after=1,x1]', 2],
    ['a rate limit inside a 200', '[sim:code=1002,x1]', 2],
    ['audio after a megabyte of other keys, with decoys and an escaped key', '[sim:late=1]', 1],
    ['an escaped audio key', '[sim:escaped]', 1],
    ['decoy audio keys at other places', '[sim:decoy]', 1],
  ])('fault: %s still ends in a song', async (_title, marker, calls) => {
    const settled = await system.client.generations.generate(song(marker), { timeoutMs: 60_000 });
    expect(settled).toMatchObject({ status: 'succeeded', attempts_total: calls });
  });

  it('fault: an empty balance fails nothing; songs go on once there is money', async () => {
    await system.sim.config({ keys: { 'simulated-upstream-key': { balance: 0 } } });
    const created = await Promise.all(Array.from({ length: 5 }, () => system.client.generations.create(song())));
    const held = await until(
      () => system.client.generations.retrieve(created[0]!.id),
      (each) => each.queue?.blocked_by === 'account',
    );
    expect(held.status).toBe('queued');
    await system.sim.config({ keys: { 'simulated-upstream-key': { balance: null } } });
    const settled = await Promise.all(
      created.map(({ id }) => system.client.generations.wait(id, { timeoutMs: 60_000 })),
    );
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    expect(settled.flatMap((each) => each.attempts).filter((each) => each.charge === 'charged')).toHaveLength(5);
  });
});

async function until<T>(read: () => PromiseLike<T>, good: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (good(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
