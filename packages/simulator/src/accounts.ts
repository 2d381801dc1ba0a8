import type { KeyRule, SimulatorConfig } from './config.ts';

interface Account {
  balance: number | null;
  /** Songs accepted and not yet billed or given up: money that cannot be spent twice. */
  reserved: number;
  working: number;
  maxWorking: number;
  tokens: number;
  refilledAt: number;
  ratePerMinute: number;
}

export type Admission = 'admitted' | 'no_balance' | 'rate' | 'concurrency';

/** Balance, starts per minute and songs in flight, per key. Nothing here waits, so no two calls interleave. */
export class Accounts {
  #accounts = new Map<string, Account>();
  #config: () => SimulatorConfig;
  #now: () => number;
  #maxWorking = 0;
  #working = 0;

  constructor(config: () => SimulatorConfig, now: () => number = () => performance.now()) {
    this.#config = config;
    this.#now = now;
  }

  /** The rule of this key; a key that nobody named has the default one. */
  rule(key: string): KeyRule {
    const config = this.#config();
    return config.keys.get(key) ?? config.default_key;
  }

  hasBalance(key: string): boolean {
    const account = this.#account(key);
    return account.balance === null || account.balance - account.reserved > 0;
  }

  /** The control API set this key's balance anew. */
  setBalance(key: string, balance: number | null): void {
    this.#account(key).balance = balance;
  }

  /** Takes a rate token, a place and the money for one song, or takes nothing and says what is missing. */
  admit(key: string): Admission {
    const config = this.#config();
    const account = this.#account(key);
    if (!this.hasBalance(key)) return 'no_balance';
    this.#refill(account, config);
    if (config.rate_per_minute > 0 && account.tokens < 1) return 'rate';
    if (config.concurrency > 0 && account.working >= config.concurrency) return 'concurrency';
    account.tokens -= 1;
    account.reserved += 1;
    account.working += 1;
    this.#working += 1;
    account.maxWorking = Math.max(account.maxWorking, account.working);
    this.#maxWorking = Math.max(this.#maxWorking, this.#working);
    return 'admitted';
  }

  /** The song is done: its place is free, and its money spent if it was billed. */
  finish(key: string, billed: boolean): void {
    const account = this.#account(key);
    account.working -= 1;
    account.reserved -= 1;
    this.#working -= 1;
    if (billed && account.balance !== null) account.balance -= 1;
  }

  /** Starts balances, buckets and high-water marks anew; songs being made keep their places. */
  forget(): void {
    for (const [key, account] of this.#accounts) {
      account.balance = this.rule(key).balance;
      account.ratePerMinute = -1;
      account.maxWorking = account.working;
    }
    this.#maxWorking = this.#working;
  }

  /** What `GET /_sim/state` shows; keys by their last four characters. */
  view(): { working: number; max_concurrency_seen: number; keys: Record<string, unknown>[] } {
    const keys = [...this.#accounts].map(([key, account]) => ({
      key: key.slice(-4),
      balance: account.balance,
      working: account.working,
      max_concurrency_seen: account.maxWorking,
    }));
    return { working: this.#working, max_concurrency_seen: this.#maxWorking, keys };
  }

  #account(key: string): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = {
        balance: this.rule(key).balance,
        reserved: 0,
        working: 0,
        maxWorking: 0,
        tokens: 0,
        refilledAt: this.#now(),
        // Differs from every real rate, so that the first refill fills the bucket.
        ratePerMinute: -1,
      };
      this.#accounts.set(key, account);
    }
    return account;
  }

  #refill(account: Account, config: SimulatorConfig): void {
    const now = this.#now();
    const rate = config.rate_per_minute;
    if (account.ratePerMinute === rate) {
      const earned = ((now - account.refilledAt) / config.rate_window_ms) * rate;
      account.tokens = Math.min(rate, account.tokens + earned);
    } else {
      account.tokens = rate;
      account.ratePerMinute = rate;
    }
    account.refilledAt = now;
  }
}
