import { expect, it } from 'vitest';
import type { Logger } from '../logger.ts';
import { createTroubleLog } from './trouble-log.ts';

it('trouble is told when it begins, errors once a minute, and its end', () => {
  const lines: string[] = [];
  const at = (level: string) => (fields: { trouble: string }) => void lines.push(`${level} ${fields.trouble}`);
  const logger = { error: at('error'), warn: at('warn'), info: at('over') } as unknown as Logger;
  let now = 0;
  const say = createTroubleLog(logger, () => now);
  for (; now <= 120_000; now += 10_000) say({ errors: ['a'], warnings: ['b'] });
  say({ errors: [], warnings: ['b'] });
  say({ errors: [], warnings: [] });
  say({ errors: ['a'], warnings: [] });
  expect(lines).toEqual(['error a', 'warn b', 'error a', 'error a', 'over a', 'over b', 'error a']);
});
