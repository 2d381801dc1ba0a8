import { expect, it } from 'vitest';
import { checkDestination } from './destination.ts';
import { addressPolicy } from './policy.ts';
import type { Resolve } from './resolve.ts';

const policy = addressPolicy();
const answering =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses;

it('a host with public addresses only is accepted', async () => {
  const resolve = answering('93.184.216.34', '2606:4700:4700::1111');
  expect(await checkDestination('https://example.org/', { policy, resolve })).toMatchObject({ ok: true });
});

it('one address that is not allowed among many refuses the host, and is not named', async () => {
  const resolve = answering('93.184.216.34', '10.1.2.3');
  const verdict = await checkDestination('https://example.org/', { policy, resolve });
  expect(verdict).toMatchObject({ ok: false, code: 'blocked', faults: [{ code: 'address' }] });
  expect(JSON.stringify(verdict)).not.toContain('10.1.2.3');
});

it('a host without an address, and one that cannot be looked up, is not accepted', async () => {
  const failing: Resolve = () => Promise.reject(new Error('SERVFAIL'));
  for (const resolve of [answering(), failing]) {
    expect(await checkDestination('https://example.org/', { policy, resolve })).toMatchObject({
      ok: false,
      code: 'dns',
    });
  }
});

it('a name server that never answers is given up', async () => {
  const resolve: Resolve = () => new Promise(() => {});
  const verdict = await checkDestination('https://example.org/', { policy, resolve, timeoutMs: 20 });
  expect(verdict).toMatchObject({ ok: false, code: 'timeout' });
});

it('a URL refused as text is not looked up', async () => {
  const resolve: Resolve = () => Promise.reject(new Error('asked'));
  expect(await checkDestination('http://localhost/', { policy, resolve })).toMatchObject({
    ok: false,
    code: 'blocked',
  });
});

it('plain http is taken for a host whose addresses are all listed, and else its own faults are named', async () => {
  const listed = addressPolicy({ allow: ['10.0.0.0/8'] });
  const url = 'http://receiver:3000/';
  expect(await checkDestination(url, { policy: listed, resolve: answering('10.0.0.1') })).toMatchObject({ ok: true });
  const mixed = await checkDestination(url, { policy: listed, resolve: answering('10.0.0.1', '93.184.216.34') });
  expect(mixed.ok ? [] : mixed.faults.map(({ code }) => code)).toEqual(['host', 'scheme', 'port', 'address']);
});
