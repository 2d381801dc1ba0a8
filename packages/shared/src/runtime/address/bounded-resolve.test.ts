import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { boundedResolve } from './bounded-resolve.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A resolver whose answers come when they are told to. */
function scripted() {
  const asked: string[] = [];
  const open = new Map<string, PromiseWithResolvers<readonly string[]>>();
  const resolve = boundedResolve(
    (host) => {
      asked.push(host);
      const answer = Promise.withResolvers<readonly string[]>();
      open.set(host, answer);
      return answer.promise;
    },
    2,
    1000,
  );
  return { asked, open, resolve };
}
const turns = () => new Promise((resolve) => setImmediate(resolve));

it('only so many run at once, and the next begins when one has ended, however it did', async () => {
  const { asked, open, resolve } = scripted();
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((host) => resolve(host));
  await turns();
  expect(asked).toEqual(['a', 'b']);
  open.get('a')!.reject(new Error('no such host'));
  await expect(a).rejects.toThrow('no such host');
  await turns();
  expect(asked).toEqual(['a', 'b', 'c']);
  for (const host of ['b', 'c']) open.get(host)!.resolve([host]);
  expect(await Promise.all([b, c])).toEqual([['b'], ['c']]);
  await turns();
  open.get('d')!.resolve(['d']);
  expect(await d).toEqual(['d']);
});

it('one that has waited too long is given up and never made', async () => {
  const { asked, open, resolve } = scripted();
  const held = [resolve('a'), resolve('b')];
  const late = resolve('c').catch(String);
  vi.advanceTimersByTime(1000);
  expect(await late).toContain('too many');
  for (const host of ['a', 'b']) open.get(host)!.resolve([]);
  await Promise.all(held);
  await turns();
  expect(asked).toEqual(['a', 'b']);
  const again = resolve('c');
  await turns();
  open.get('c')!.resolve(['1']);
  expect(await again).toEqual(['1']);
});

it('a host is looked up once for all who ask meanwhile, and anew after that', async () => {
  const { asked, open, resolve } = scripted();
  const both = [resolve('a'), resolve('a')];
  await turns();
  open.get('a')!.resolve(['1']);
  expect(await Promise.all(both)).toEqual([['1'], ['1']]);
  const later = resolve('a');
  await turns();
  open.get('a')!.resolve(['2']);
  expect(await later).toEqual(['2']);
  expect(asked).toEqual(['a', 'a']);
});
