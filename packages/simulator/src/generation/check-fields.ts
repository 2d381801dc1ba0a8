import { BITRATES, FORMATS, SAMPLE_RATES, type SongOrder } from '../audio/song.ts';
import type { Form } from '../body/parse-form.ts';
import { MODEL_RULES, type ModelRules } from './models.ts';

/** A generation request that passed every check of its fields. */
export interface GenerationRequest {
  readonly model: string;
  readonly lyrics: string;
  readonly references: readonly string[];
  readonly setting: Pick<SongOrder, 'sampleRate' | 'bitrate' | 'format'>;
  /** The later models let the client choose; null = as the simulator is configured. */
  readonly outputFormat: 'hex' | 'url' | null;
  readonly maxSeconds: number;
}

/** Replicate's wrapper documents these; MiniMax documents none. */
const DEFAULT_SETTING = { sampleRate: 44_100, bitrate: 256_000, format: 'mp3' } as const;

/** Refuses a field; the text becomes the `<detail>` of "invalid params, <detail>". */
class Invalid extends Error {}

/**
 * Checks the fields as the documented rules say.
 *
 * @param isKnownReference whether an uploaded id exists
 * @param lyricsLimit how many characters music-01 takes
 * @returns the request, or the detail of the 2013
 */
export function checkFields(
  form: Form,
  model: string,
  lyricsLimit: number,
  isKnownReference: (id: string) => boolean,
): GenerationRequest | { readonly invalid: string } {
  try {
    return checkedRequest(form, model, lyricsLimit, isKnownReference);
  } catch (error) {
    if (error instanceof Invalid) return { invalid: error.message };
    throw error;
  }
}

function checkedRequest(
  form: Form,
  model: string,
  lyricsLimit: number,
  isKnownReference: (id: string) => boolean,
): GenerationRequest {
  const rules = MODEL_RULES[model] as ModelRules;
  if (rules.jsonOnly && form.encoding !== 'json') throw new Invalid(`${model} takes application/json`);
  const misplaced = form.files[0];
  if (misplaced !== undefined) throw new Invalid(`${misplaced.name} is a file part, not a field`);
  if (text(form, 'stream') === 'true' || form.fields.get('stream') === true)
    throw new Invalid('stream is not simulated');
  const lyrics = text(form, 'lyrics');
  const references = rules.references ? checkReferences(form, lyrics, isKnownReference) : [];
  checkLength('lyrics', lyrics, rules.lyrics.min, model === 'music-01' ? lyricsLimit : rules.lyrics.max);
  if (rules.prompt !== null) checkLength('prompt', text(form, 'prompt'), rules.prompt.min, rules.prompt.max);
  const outputFormat = text(form, 'output_format');
  if (!['', 'hex', 'url'].includes(outputFormat)) throw new Invalid('output_format');
  return {
    model,
    lyrics,
    references,
    setting: audioSetting(form),
    outputFormat: rules.jsonOnly && outputFormat !== '' ? (outputFormat as 'hex' | 'url') : null,
    maxSeconds: rules.maxSeconds,
  };
}

function checkReferences(form: Form, lyrics: string, isKnown: (id: string) => boolean): string[] {
  // Clients send refer_voice="" when they have none.
  const voice = text(form, 'refer_voice');
  const instrumental = text(form, 'refer_instrumental');
  if (voice === '' && instrumental === '') throw new Invalid('refer_voice or refer_instrumental is required');
  if (voice !== '' && !/[^\s#]/.test(lyrics)) throw new Invalid('lyrics is required with refer_voice');
  if (text(form, 'refer_vocal') !== '' && (voice === '' || instrumental === '')) {
    throw new Invalid('refer_vocal needs refer_voice and refer_instrumental');
  }
  if (voice !== '' && !(voice.startsWith('vocal-') && isKnown(voice))) throw new Invalid('refer_voice does not exist');
  if (instrumental !== '' && !(instrumental.startsWith('instrumental-') && isKnown(instrumental))) {
    throw new Invalid('refer_instrumental does not exist');
  }
  return [voice, instrumental].filter((id) => id !== '');
}

/** In a form it is a JSON string, in JSON an object. */
function audioSetting(form: Form): GenerationRequest['setting'] {
  let value = form.fields.get('audio_setting');
  if (value === undefined || value === '') return DEFAULT_SETTING;
  if (form.encoding !== 'json') {
    try {
      value = JSON.parse(text(form, 'audio_setting'));
    } catch {
      throw new Invalid('audio_setting is not JSON');
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Invalid('audio_setting');
  const given = value as Record<string, unknown>;
  return {
    sampleRate: oneOf(SAMPLE_RATES, given['sample_rate'], DEFAULT_SETTING.sampleRate, 'sample_rate'),
    bitrate: oneOf(BITRATES, given['bitrate'], DEFAULT_SETTING.bitrate, 'bitrate'),
    format: oneOf(FORMATS, given['format'], DEFAULT_SETTING.format, 'format'),
  };
}

function oneOf<T>(allowed: readonly T[], value: unknown, fallback: T, name: string): T {
  if (value === undefined) return fallback;
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new Invalid(`audio_setting.${name}`);
  return found;
}

function checkLength(name: string, value: string, min: number, max: number): void {
  const length = codePoints(value);
  if (length < min || length > max) throw new Invalid(`${name} has ${length} characters, ${min} to ${max} are allowed`);
}

/** Every Unicode code point counts one, line breaks and `#` included. */
export function codePoints(value: string): number {
  let length = 0;
  for (const _ of value) length += 1;
  return length;
}

function text(form: Form, name: string): string {
  const value = form.fields.get(name);
  if (value === undefined || value === null) return '';
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') throw new Invalid(`${name} is not a string`);
  return value;
}
