import { describe, expect, it } from 'vitest';
import { Accounts } from './accounts.ts';
import { DEFAULT_CONFIG, patchConfig } from './config.ts';

function accountsWith(patch: object) {
  const clock = { now: 0 };
  const config = patchConfig(DEFAULT_CONFIG, patch);
  return {
    clock,
    accounts: new Accounts(
      () => config,
      () => clock.now,
    ),
  };
}

describe('Accounts', () => {
  it('a client that starts exactly at the rate is never refused', () => {
    const { accounts, clock } = accountsWith({ rate_per_minute: 6 });
    for (let i = 0; i < 100; i += 1) {
      expect(accounts.admit('k')).toBe('admitted');
      clock.now += 10_000;
    }
  });

  it('a burst gets one minute of calls, then one each time the bucket has earned it', () => {
    const { accounts, clock } = accountsWith({ rate_per_minute: 6 });
    const burst = Array.from({ length: 8 }, () => accounts.admit('k'));
    expect(burst.filter((one) => one === 'admitted')).toHaveLength(6);
    expect(accounts.admit('other')).toBe('admitted');
    clock.now += 9_000;
    expect(accounts.admit('k')).toBe('rate');
    clock.now += 1_100;
    expect(accounts.admit('k')).toBe('admitted');
    expect(accounts.admit('k')).toBe('rate');
  });

  it('a refusal for concurrency uses up no rate', () => {
    const { accounts } = accountsWith({ rate_per_minute: 2, concurrency: 1 });
    expect(accounts.admit('k')).toBe('admitted');
    expect(accounts.admit('k')).toBe('concurrency');
    accounts.finish('k', true);
    expect(accounts.admit('k')).toBe('admitted');
  });

  it('money is set aside while a song is made and comes back when it is not billed', () => {
    const { accounts } = accountsWith({ keys: { k: { balance: 1 } } });
    expect(accounts.admit('k')).toBe('admitted');
    expect(accounts.hasBalance('k')).toBe(false);
    accounts.finish('k', false);
    expect(accounts.hasBalance('k')).toBe(true);
    accounts.admit('k');
    accounts.finish('k', true);
    expect(accounts.admit('k')).toBe('no_balance');
  });
});
