import { once } from 'node:events';
import { type Agent, request } from 'undici';
import { afterEach, expect, it } from 'vitest';
import { type Guard, type GuardOptions, openGuardedDispatcher } from './guard.ts';
import { GuardError, guardFailure } from './guard-error.ts';
import { addressPolicy } from './policy.ts';
import type { Refusal } from './resolve.ts';
import { fakeSocket, recordingConnector } from './testing/recording-connector.ts';

const guards: Guard[] = [];
afterEach(async () => {
  await Promise.all(guards.splice(0).map((guard) => guard.stop()));
});

function guarded(options: Partial<GuardOptions> = {}) {
  const { dials, connect } = recordingConnector();
  const refusals: Refusal[] = [];
  const guard = openGuardedDispatcher({
    policy: addressPolicy(),
    resolve: async () => ['93.184.216.34'],
    connect,
    onRefusal: (refusal) => refusals.push(refusal),
    ...options,
  });
  guards.push(guard);
  return { dispatcher: guard.dispatcher, dials, refusals, guard };
}

async function failureOf(url: string, { dispatcher }: Pick<Guard, 'dispatcher'>): Promise<unknown> {
  return request(url, { dispatcher }).then(
    () => 'answered',
    (error: unknown) => error,
  );
}

it('a host with an address that is not allowed is not dialled at all', async () => {
  const sets = [
    ['10.0.0.1'],
    ['93.184.216.34', '10.0.0.1'],
    ['2606:4700:4700::1111', '::7f00:1'],
    ['93.184.216.34', '127.1'],
  ];
  for (const set of sets) {
    const guard = guarded({ resolve: async () => set });
    expect(await failureOf('https://example.org/', guard)).toMatchObject({ name: 'GuardError', code: 'blocked' });
    expect(guard.dials).toEqual([]);
    expect(guard.refusals).toMatchObject([{ host: 'example.org', address: set.at(-1) }]);
  }
});

it('an address instead of a name is judged too, though nothing looks it up', async () => {
  const guard = guarded({ policy: addressPolicy({ http: true, literals: true }) });
  for (const host of ['127.0.0.1', '[::1]', '[::7f00:1]', '[::ffff:10.0.0.1]', '0x7f.1', '169.254.169.254']) {
    expect(await failureOf(`http://${host}/`, guard), host).toMatchObject({ code: 'blocked' });
  }
  expect(guard.dials).toEqual([]);
  expect(guardFailure(await failureOf('http://8.8.8.8/', guard))).toBe('connect');
  expect(guard.dials).toMatchObject([{ host: '8.8.8.8', port: 80 }]);
});

it('scheme, port and name are judged again at the connection', async () => {
  const guard = guarded();
  for (const url of [
    'http://example.org/',
    'https://example.org:8443/',
    'https://localhost/',
    'https://db.internal/',
  ]) {
    expect(await failureOf(url, guard), url).toMatchObject({ code: 'blocked' });
  }
  expect(guard.dials).toEqual([]);
});

it('the second look-up of a rebinding name is judged like the first', async () => {
  const answers = [['93.184.216.34'], ['127.0.0.1']];
  const guard = guarded({ resolve: async () => answers.shift() ?? [] });
  expect(await failureOf('https://example.org/', guard)).toMatchObject({ code: 'connect' });
  expect(await failureOf('https://example.org/', guard)).toMatchObject({ code: 'blocked' });
  expect(guard.dials).toMatchObject([
    { host: 'example.org', port: 443, all: ['93.184.216.34'], first: ['93.184.216.34'] },
  ]);
});

it('a host that cannot be looked up, or has no address, is refused', async () => {
  const failing = () => Promise.reject(new Error('SERVFAIL'));
  for (const resolve of [failing, async () => []]) {
    const guard = guarded({ resolve });
    expect(await failureOf('https://example.org/', guard)).toMatchObject({ code: 'dns' });
    expect(guard.dials).toEqual([]);
  }
});

it('a far end that is not the address dialled gets no byte', async () => {
  const written: Buffer[] = [];
  const policy = addressPolicy({ http: true });
  for (const url of ['http://example.org/', 'https://example.org/']) {
    const far = fakeSocket({ remoteAddress: '10.0.0.1', written });
    const guard = guarded({ policy, connect: () => far });
    expect(await failureOf(url, guard)).toMatchObject({ code: 'blocked' });
    expect(far.destroyed).toBe(true);
    expect(guard.refusals).toMatchObject([{ address: '10.0.0.1', why: 'not_pinned' }]);
  }
  const gone = guarded({ policy, connect: () => fakeSocket({ written }) });
  expect(await failureOf('http://example.org/', gone)).toMatchObject({ code: 'connect' });
  expect(written).toEqual([]);
});

it('a look-up, a connection and a handshake that never end are given up', async () => {
  const never = new Promise<string[]>(() => {});
  const lookUp = guarded({ connectTimeoutMs: 20, resolve: () => never });
  expect(await failureOf('https://example.org/', lookUp)).toMatchObject({ code: 'timeout' });
  const silent = fakeSocket({ remoteAddress: '93.184.216.34' });
  const handshake = guarded({ connectTimeoutMs: 200, connect: () => silent });
  expect(await failureOf('https://example.org/', handshake)).toMatchObject({ code: 'timeout' });
  expect(silent.destroyed).toBe(true);
});

it('stopping ends what is being looked up', async () => {
  const asked = Promise.withResolvers<void>();
  const resolve = () => {
    asked.resolve();
    return new Promise<string[]>(() => {});
  };
  const { dispatcher, guard } = guarded({ resolve });
  const failure = failureOf('https://example.org/', { dispatcher });
  await asked.promise;
  await guard.stop();
  await guard.stop();
  expect(await failure).toBeInstanceOf(Error);
});

it('stopping ends what is being connected', async () => {
  const far = fakeSocket({ remoteAddress: '93.184.216.34' });
  const closed = once(far, 'close');
  const opened = Promise.withResolvers<void>();
  const connect = () => {
    opened.resolve();
    return far;
  };
  const { dispatcher, guard } = guarded({ connect, connectTimeoutMs: 3_600_000 });
  const failure = failureOf('https://example.org/', { dispatcher });
  await opened.promise;
  await guard.stop();
  await closed;
  expect(await failure).toBeInstanceOf(Error);
});

it('an origin that was used is not remembered', async () => {
  const { dispatcher, dials } = guarded();
  for (let i = 0; i < 20; i += 1) await failureOf(`https://host-${i}.example.org/`, { dispatcher });
  expect(dials).toHaveLength(20);
  expect((dispatcher as Agent).stats).toEqual({});
});

it('an error says its class and nothing about addresses', async () => {
  const failure = await failureOf('https://example.org/', guarded({ resolve: async () => ['10.9.8.7'] }));
  expect(failure).toBeInstanceOf(GuardError);
  expect(String((failure as GuardError).stack)).not.toContain('10.9.8.7');
  expect((failure as GuardError).cause).toBeUndefined();
});

it('every failure of a request has one of five classes', () => {
  expect(guardFailure(new GuardError('tls'))).toBe('tls');
  expect(guardFailure(Object.assign(new Error(), { code: 'UND_ERR_HEADERS_TIMEOUT' }))).toBe('timeout');
  expect(guardFailure(new DOMException('late', 'TimeoutError'))).toBe('timeout');
  expect(guardFailure(Object.assign(new Error(), { code: 'ECONNRESET' }))).toBe('connect');
  expect(guardFailure(undefined)).toBe('connect');
});
