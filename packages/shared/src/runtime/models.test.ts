import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from './config.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sgm-models-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** The environment with a MODELS_FILE of this content. */
function withFile(content: unknown): Record<string, string> {
  const path = join(dir, 'models.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return { MODELS_FILE: path };
}

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('MODELS_FILE and PRICES', () => {
  it('without them every model is enabled and none has a price', () => {
    const models = Object.values(parseConfig({}).models);
    expect(models.map(({ id }) => id)).toEqual(['music-01', 'music-1.5', 'music-2.0', 'music-2.5']);
    expect(models.every(({ enabled, price }) => enabled && price === null)).toBe(true);
  });

  it('change only what they name, and PRICES count more than the file', () => {
    const env = withFile({
      'music-01': { limits: { lyrics: { max: 350 } }, price: { amount: '1', currency: 'PTC' } },
      'music-2.0': { enabled: false },
      'music-2.5': { limits: { prompt: { min: 5 } }, price: { amount: '0.15', currency: 'PTC' } },
    });
    const { models } = parseConfig({ ...env, PRICES: '{"music-01":{"amount":"0.05","currency":"EUR"}}' });
    expect(models['music-01']).toMatchObject({
      limits: { lyrics: { min: 0, max: 350 }, prompt: null },
      price: { amount: '0.05', currency: 'EUR' },
      enabled: true,
    });
    expect(models['music-2.0']).toMatchObject({ enabled: false, price: null });
    expect(models['music-2.5']).toMatchObject({
      limits: { lyrics: { min: 1, max: 3500 }, prompt: { min: 5, max: 2000 } },
      price: { amount: '0.15', currency: 'PTC' },
    });
  });

  it('every fault is named at once, beside those of other settings', () => {
    const env = withFile({
      'music-7': {},
      'music-01': { limits: { lyrics: { min: 300 }, prompt: { max: 1 } }, enabled: false },
    });
    expect(faultsOf({ ...env, PRICES: '{"music-8":{"amount":"1","currency":"X"}}' })).toEqual([
      expect.stringMatching(/^MODELS_FILE: "music-7" is no model/),
      'MODELS_FILE: music-01 takes no prompt',
      'MODELS_FILE: music-01.limits.lyrics: min 300 is more than max 200',
      expect.stringMatching(/^PRICES: "music-8" is no model/),
      'DEFAULT_MODEL: MODELS_FILE disables music-01',
    ]);
    expect(faultsOf({ ...env, PRICES: 'x' })).toHaveLength(4);
    const bad = '{"music-01":{"amount":0.05,"currency":""}}';
    expect(
      faultsOf({ PRICES: bad, API_PORT: 'x' })
        .map((fault) => fault.split(':')[0])
        .toSorted((a = '', b = '') => a.localeCompare(b)),
    ).toEqual(['API_PORT', 'PRICES.music-01.amount', 'PRICES.music-01.currency']);
  });

  it.each(['0,05', '-1', '1e3', '.5', '1.', ' 1'])('%s is no amount', (amount) => {
    expect(faultsOf({ PRICES: JSON.stringify({ 'music-01': { amount, currency: 'PTC' } }) })).toHaveLength(1);
  });

  it('a file that is missing, or no JSON, or of another shape is a bad setting', () => {
    expect(faultsOf({ MODELS_FILE: join(dir, 'none.json') })).toEqual([expect.stringContaining('ENOENT')]);
    expect(faultsOf(withFile('{'))).toEqual(['MODELS_FILE: the file is no JSON']);
    expect(faultsOf(withFile({ 'music-01': { enable: true } }))).toEqual([
      expect.stringMatching(/^MODELS_FILE: music-01: .*enable/),
    ]);
    expect(faultsOf({ PRICES: 'cheap' })).toEqual(['PRICES: must be JSON']);
  });
});
