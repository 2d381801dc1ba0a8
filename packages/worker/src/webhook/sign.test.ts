import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { nextAttemptMs, throttleMs } from './delays.ts';
import { signedHeaders } from './sign.ts';

describe('signatures', () => {
  it('are those of the vector that Standard Webhooks publishes', () => {
    const body = '{"test": 2432232314}';
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    expect(signedHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330_000, body, [secret])).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('of any text are what the library verifies, by each of the secrets', () => {
    const secrets = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)].map((key) => `whsec_${key.toString('base64')}`);
    const body = JSON.stringify({ lyrics: '春江 🎵 \u2028 "' });
    const headers = { ...signedHeaders('evt_1', Date.now(), body, secrets) };
    for (const secret of secrets) expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    const other = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
    expect(() => new Webhook(other).verify(body, headers)).toThrow(/signature/i);
  });
});

describe('waits between attempts', () => {
  const schedule = [5000, 300_000];

  it('are those of the schedule and at most a tenth more, until there is none left', () => {
    expect(nextAttemptMs(schedule, 0, 0, () => 0)).toBe(5000);
    expect(nextAttemptMs(schedule, 1, 0, () => 1)).toBe(330_000);
    expect(nextAttemptMs(schedule, 2, 0)).toBeNull();
  });

  it('are never shorter than the receiver asked for', () => {
    expect(nextAttemptMs(schedule, 0, 60_000, () => 0)).toBe(60_000);
    expect(nextAttemptMs(schedule, 1, 60_000, () => 0)).toBe(300_000);
  });

  it.each([
    [200, 3_600_000, 0],
    [500, null, 0],
    [503, 7000, 7000],
    [429, null, 5000],
    [502, null, 5000],
    [504, 1000, 1000],
    [429, 999_999_999_999, 86_400_000],
  ])('after %d with Retry-After %s, the receiver is left alone for %d ms', (code, retryAfter, ms) => {
    expect(throttleMs(code, retryAfter, 5000)).toBe(ms);
  });
});
