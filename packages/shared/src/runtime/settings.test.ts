import { expect, it } from 'vitest';
import { ConfigError, parseConfig } from './config.ts';

it('an allow list is read entry by entry, and every entry that could never be used is named', () => {
  const settings = parseConfig({ WEBHOOK_ALLOW: 'hooks.lan, 10.2.0.0/16,', WEBHOOK_ALLOW_PRIVATE: 'true' });
  expect(settings).toMatchObject({ WEBHOOK_ALLOW: ['hooks.lan', '10.2.0.0/16', ''], WEBHOOK_ALLOW_PRIVATE: true });
  const faults = faultsOf({ WEBHOOK_ALLOW: '10.0.0/8,169.254.169.254,hooks.lan', WEBHOOK_ALLOW_PRIVATE: 'yes' });
  expect(faults).toHaveLength(3);
  expect(faults.join('\n')).toMatch(
    /WEBHOOK_ALLOW: "10\.0\.0\/8" is neither[^]*"169\.254\.169\.254" is link-local[^]*WEBHOOK_ALLOW_PRIVATE: /,
  );
});

it('nothing but public addresses is allowed when nothing is said', () => {
  expect(parseConfig({ WEBHOOK_ALLOW: '' }).WEBHOOK_ALLOW).toBeUndefined();
  expect(parseConfig({}).WEBHOOK_ALLOW_PRIVATE).toBe(false);
});

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
  }
  return [];
}
