import { expect, it } from 'vitest';
import { readAllowList } from './allow-list.ts';

it('names, addresses and networks are read, and empty entries are not', () => {
  const { list, faults } = readAllowList([' Receiver.Internal. ', '', 'receiver', '10.0.0.0/8', '::1', '10.0.0.5']);
  expect(faults).toEqual([]);
  expect([...list.hosts]).toEqual(['receiver.internal', 'receiver']);
  expect(list.networks.map(({ base, bits }) => `${base.text}/${bits}`)).toEqual([
    '10.0.0.0/8',
    '::1/128',
    '10.0.0.5/32',
  ]);
});

it('every entry that makes no sense is named', () => {
  const entries = [
    '10.0.0.0/33',
    '::/129',
    '10.0.0/8',
    '10.1',
    '0x7f.1',
    'https://a.b',
    '*.a.b',
    'a:80',
    '1.2.3.4/',
    '/8',
  ];
  const { list, faults } = readAllowList(entries);
  expect(list).toEqual({ hosts: new Set(), networks: [] });
  expect(faults).toEqual(
    entries.map((entry) => `"${entry}" is neither a host name nor an address nor a CIDR such as 10.0.0.0/8`),
  );
});

it('an entry that can never come true is a fault, not a silent nothing', () => {
  const { faults } = readAllowList([
    '169.254.169.254',
    '169.254.0.0/16',
    'fe80::/10',
    '224.0.0.0/8',
    '::ffff:10.0.0.0/104',
  ]);
  expect(faults).toHaveLength(5);
  expect(faults[0]).toContain('never allowed');
  expect(faults[4]).toContain('write it as IPv4');
});
