import { expect, it } from 'vitest';
import { parseAddress } from './address.ts';
import { pinnedLookup } from './connection.ts';

const addresses = ['2606:4700:4700::1111', '93.184.216.34'].map((text) => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(text);
  return address;
});

function ask(options: { all?: boolean; family?: number | 'IPv4' | 'IPv6' }): unknown[] {
  let answer: unknown[] = [];
  pinnedLookup(addresses)('pinned.invalid', options, (...given) => {
    answer = given;
  });
  return answer;
}

it('a look-up for all addresses is answered with all of them', () => {
  expect(ask({ all: true })).toEqual([
    null,
    [
      { address: '2606:4700:4700::1111', family: 6 },
      { address: '93.184.216.34', family: 4 },
    ],
  ]);
});

it('a look-up for one address is answered with the first of the family asked for', () => {
  expect(ask({})).toEqual([null, '2606:4700:4700::1111', 6]);
  expect(ask({ all: false, family: 0 })).toEqual([null, '2606:4700:4700::1111', 6]);
  expect(ask({ family: 4 })).toEqual([null, '93.184.216.34', 4]);
  expect(ask({ family: 'IPv4', all: true })).toEqual([null, [{ address: '93.184.216.34', family: 4 }]]);
});

it('a look-up for a family that was not checked fails', () => {
  let code: string | undefined;
  pinnedLookup(addresses.slice(0, 1))('pinned.invalid', { family: 4 }, (error) => {
    code = error?.code;
  });
  expect(code).toBe('ENOTFOUND');
});
