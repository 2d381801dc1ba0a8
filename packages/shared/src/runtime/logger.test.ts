import { pino } from 'pino';
import { expect, it } from 'vitest';
import { oncePerMinute } from './logger.ts';

it('the same trouble with Redis is told once a minute, other errors each time', () => {
  const lines: string[] = [];
  let now = 0;
  const hooks = { logMethod: oncePerMinute(() => now) };
  const at = (level: string) =>
    pino({ level, hooks }, { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) });
  const logger = at('info').child({ worker: 'w' });
  const away = new Error('Connection is closed.');
  for (; now <= 60_000; now += 10_000) {
    logger.warn({ err: away }, 'heartbeat');
    logger.warn({ err: away }, 'repairs');
    logger.error({ err: new Error('a mistake of ours') }, 'mistake');
  }
  const count = (message: string) => lines.filter((line) => line === message).length;
  expect([count('heartbeat'), count('repairs'), count('mistake')]).toEqual([2, 2, 7]);
  at('debug').warn({ err: away }, 'heartbeat');
  expect(count('heartbeat')).toBe(3);
});
