import { describe, expect, it } from 'vitest';
import { type Validation, validateGeneration } from './generation-rules.ts';
import { MODELS, modelNamed, type ModelTable } from './models.ts';

function judged(body: unknown, models: ModelTable = MODELS, defaultModel = 'music-01'): Validation {
  return validateGeneration(body, { models, defaultModel, onUnknownCharge: 'retry' });
}

/** Pointer and code of every fault, in order. */
function faultsOf(...given: Parameters<typeof judged>): string[] {
  const verdict = judged(...given);
  return verdict.ok ? [] : verdict.faults.map(({ pointer, code }) => `${pointer} ${code}`);
}

const prompt = 'slow jazz with a piano';
const words = 'rain on the window';

describe('each model has its own rules', () => {
  it.each([
    ['music-01', { refer_voice: 'v' }, 200],
    ['music-1.5', { prompt }, 600],
    ['music-2.0', { prompt }, 3000],
    ['music-2.5', { prompt }, 3500],
    ['music-2.5', {}, 3500],
  ])('%s takes lyrics up to its own limit, every code point counting one', (model, more, most) => {
    expect(faultsOf({ model, ...more, lyrics: '𝄞'.repeat(most) })).toEqual([]);
    const verdict = judged({ model, ...more, lyrics: `${'a'.repeat(most - 1)}\r\na` });
    expect(verdict).toMatchObject({
      faults: [
        {
          pointer: '/lyrics',
          code: 'too_long',
          message: `${most + 1} characters, 1 of them line breaks; ${model} takes at most ${most}`,
        },
      ],
    });
  });

  it('music-01 takes no prompt, and later models take no references', () => {
    expect(faultsOf({ lyrics: words, refer_voice: 'v', prompt })).toEqual(['/prompt not_for_model']);
    const both = { model: 'music-2.0', lyrics: words, prompt, refer_voice: 'v', refer_instrumental: 'i' };
    expect(faultsOf(both)).toEqual(['/refer_voice not_for_model', '/refer_instrumental not_for_model']);
    expect(faultsOf({ ...both, refer_voice: '', refer_instrumental: '' })).toEqual([]);
  });

  it('later models have limits for the prompt, and need words', () => {
    expect(faultsOf({ model: 'music-1.5', lyrics: 'short' })).toEqual(['/lyrics too_short', '/prompt too_short']);
    expect(faultsOf({ model: 'music-1.5', lyrics: words, prompt: 'x'.repeat(301) })).toEqual(['/prompt too_long']);
    expect(faultsOf({ model: 'music-2.5' })).toEqual(['/lyrics too_short']);
    expect(faultsOf({ model: 'music-2.5', lyrics: ' \n ' })).toEqual(['/lyrics words_required']);
    expect(faultsOf({ model: 'music-2.5', lyrics: words, prompt: 'a\tb' })).toEqual(['/prompt control_character']);
  });

  it('## means accompaniment to music-01 only', () => {
    expect(faultsOf({ lyrics: '## la', refer_voice: 'v' })).toEqual(['/lyrics unbalanced_accompaniment']);
    expect(faultsOf({ model: 'music-2.5', lyrics: '## Verse\nla' })).toEqual([]);
  });

  it('every fault is told at once, those of several fields too', () => {
    const body = {
      model: 'music-2.0',
      lyrics: 'x',
      prompt: 7,
      refer_voice: 'v',
      audio_setting: { bitrate: 1 },
      who: 1,
    };
    expect(faultsOf(body).toSorted()).toEqual([
      '/audio_setting/bitrate invalid_value',
      '/lyrics too_short',
      '/prompt invalid_type',
      '/refer_voice not_for_model',
      '/who unknown_field',
    ]);
  });
});

describe('a model that cannot be used', () => {
  it('is judged by the rules of the default model too, when nobody knows it', () => {
    const body = { model: 'music-9', lyrics: 'x'.repeat(201) };
    expect(faultsOf(body)).toEqual(['/model unknown_model', '/lyrics too_long', ' reference_required']);
    expect(faultsOf(body, MODELS, 'music-1.5')).toEqual(['/model unknown_model', '/prompt too_short']);
    expect(faultsOf({ model: 'constructor', lyrics: words, refer_voice: 'v' })).toEqual(['/model unknown_model']);
  });

  it('is refused by name when it is disabled, and judged by its own rules', () => {
    const models = { ...MODELS, 'music-1.5': { ...modelNamed('music-1.5'), enabled: false } };
    const verdict = judged({ model: 'music-1.5', lyrics: words, prompt: '' }, models);
    expect(verdict).toMatchObject({
      faults: [
        { code: 'model_disabled', message: expect.stringContaining('it has music-01, music-2.0, music-2.5') },
        { code: 'too_short' },
      ],
    });
  });
});

it('limits may be changed, and the default model needs no name', () => {
  const models = {
    ...MODELS,
    'music-01': { ...modelNamed('music-01'), limits: { lyrics: { min: 0, max: 3 }, prompt: null } },
  };
  expect(faultsOf({ lyrics: 'four', refer_voice: 'v' }, models)).toEqual(['/lyrics too_long']);
  expect(judged({ lyrics: words, prompt: 'one\r\ntwo and three' }, MODELS, 'music-2.5')).toMatchObject({
    request: { model: 'music-2.5', prompt: 'one\ntwo and three' },
  });
});

describe('times of a request', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z');
  const judgedAt = (body: object) =>
    validateGeneration({ lyrics: words, refer_voice: 'v', ...body }, { ...rules, nowMs });
  const rules = { models: MODELS, defaultModel: 'music-01', onUnknownCharge: 'retry' } as const;
  const codesOf = (body: object) => {
    const verdict = judgedAt(body);
    return verdict.ok ? [] : verdict.faults.map(({ pointer, code }) => `${pointer} ${code}`);
  };

  it('are kept in UTC with milliseconds, whatever zone they were given in', () => {
    expect(judgedAt({ run_at: '2026-03-01T12:00:00+02:00', start_by: '2026-03-02T00:00:00Z' })).toMatchObject({
      request: { run_at: '2026-03-01T10:00:00.000Z', start_by: '2026-03-02T00:00:00.000Z' },
    });
    expect(judgedAt({})).toMatchObject({ request: { run_at: null, start_by: null } });
  });

  it.each(['2026-03-01', '2026-03-01T12:00:00', '2026-02-30T12:00:00Z', 'tomorrow', ''])('%j is none', (run_at) => {
    expect(codesOf({ run_at })).toEqual(['/run_at invalid_format']);
  });

  it('lie at most 366 days ahead, and the past means now', () => {
    expect(codesOf({ run_at: '2027-01-02T00:00:00Z' })).toEqual([]);
    expect(codesOf({ run_at: '2027-01-02T00:00:01Z' })).toEqual(['/run_at too_far']);
    expect(codesOf({ run_at: '2001-01-01T00:00:00Z' })).toEqual([]);
  });

  it('leave room for a first call', () => {
    const run_at = '2026-03-01T00:00:00Z';
    expect(codesOf({ run_at, start_by: run_at })).toEqual([]);
    expect(codesOf({ run_at, start_by: '2026-02-28T23:59:59Z' })).toEqual(['/start_by before_run_at']);
  });

  it('in the past are told beside other faults, but alone are left to who knows whether it is a replay', () => {
    const start_by = '2025-12-31T23:59:59Z';
    expect(codesOf({ start_by })).toEqual([]);
    expect(codesOf({ start_by, refer_voice: 'é' })).toEqual(['/refer_voice invalid_id', '/start_by in_the_past']);
  });
});
