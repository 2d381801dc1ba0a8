import { describe, expect, it } from 'vitest';
import { isId, newId, newToken } from './ids.ts';

describe('ids', () => {
  it('are never made twice, and name their kind', () => {
    const ids = Array.from({ length: 20_000 }, () => newId('gen'));
    expect(new Set(ids).size).toBe(20_000);
    expect(ids.every((id) => isId('gen', id))).toBe(true);
    expect(isId('bat', ids[0]!)).toBe(false);
  });

  it('made later sort later, by the millisecond', async () => {
    const first = newId('gen');
    const now = Date.now();
    while (Date.now() <= now) await new Promise((resolve) => setImmediate(resolve));
    expect(first < newId('gen')).toBe(true);
  });
});

describe('tokens', () => {
  it('are never made twice', () => {
    const tokens = Array.from({ length: 20_000 }, newToken);
    expect(new Set(tokens).size).toBe(20_000);
    expect(tokens.every((token) => /^[0-9a-f]{24}$/.test(token))).toBe(true);
  });
});
