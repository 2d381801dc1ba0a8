import type { z } from 'zod';
import { type GenerationRequest, generationRequestSchema } from './generation.ts';
import { type Model, type ModelTable, modelNamed, type Span, takesReferences, UPSTREAM_FIELDS } from './models.ts';
import type { UnknownChargePolicy } from './words.ts';

/** One fault of one field; `pointer` is a JSON pointer into the body. */
export interface FieldFault {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

/** A request that may be queued: defaults filled in, line breaks LF, the model named, times in UTC with milliseconds. */
export type AcceptedRequest = Omit<GenerationRequest, 'model'> & { readonly model: string };

export type Validation =
  | { readonly ok: true; readonly request: AcceptedRequest }
  | { readonly ok: false; readonly faults: FieldFault[] };

/** What items are judged by. */
export interface ItemRules {
  /** The models that this server knows. */
  readonly models: ModelTable;
  readonly defaultModel: string;
  readonly onUnknownCharge: UnknownChargePolicy;
  /** Unix milliseconds; the clock when left out. */
  readonly nowMs?: number;
}

/**
 * Judges one generation body and names every fault it has, not the first. An unknown model is
 * judged by the default model's rules too, so that one answer says all there is to mend.
 *
 * @param body the parsed JSON, of any shape
 */
export function validateGeneration(body: unknown, rules: ItemRules): Validation {
  const faults: FieldFault[] = [];
  const parsed = generationRequestSchema.safeParse(body);
  for (const issue of parsed.error?.issues ?? []) faults.push(...faultsOf(issue));
  const given = isRecord(body) ? body : {};
  if (isRecord(body)) {
    const model = modelOf(given['model'], rules, faults);
    const lyrics = textOf(given['lyrics'] ?? '');
    const prompt = textOf(given['prompt'] ?? '');
    const voice = textOf(given['refer_voice'] || given['voice_reference'] || '');
    const instrumental = textOf(given['refer_instrumental'] || given['instrumental_reference'] || '');
    if (lyrics !== null) faults.push(...lyricsFaults(lyrics, model));
    if (prompt !== null && model.limits.prompt !== null) {
      faults.push(...textFaults('/prompt', prompt, model, model.limits.prompt));
    }
    faults.push(...misplacedFaults(given, model), ...namedReferenceFaults(given, model));
    if (!takesReferences(model)) {
      if (lyrics !== null) faults.push(...blankFaults(lyrics));
    } else if (voice !== null && instrumental !== null) {
      faults.push(...referenceFaults(voice, instrumental));
      if (lyrics !== null) faults.push(...wordsFaults(lyrics, voice, instrumental));
    }
    for (const field of ['refer_voice', 'refer_instrumental'] as const) {
      const text = textOf(given[field] ?? '');
      if (text !== null && /[^\x21-\x7e]/.test(text)) {
        faults.push({ pointer: `/${field}`, code: 'invalid_id', message: 'an id holds visible ASCII characters only' });
      }
    }
    faults.push(...loneSurrogates(given));
    const stricter = policyFault(given['on_unknown_charge'], rules.onUnknownCharge);
    if (stricter) faults.push(stricter);
  }
  if (parsed.success) faults.push(...timeFaults(parsed.data, faults.length > 0, rules.nowMs ?? Date.now()));
  if (faults.length > 0 || !parsed.success) return { ok: false, faults };
  const lyrics = withLineFeeds(parsed.data.lyrics);
  const prompt = withLineFeeds(parsed.data.prompt);
  const [run_at, start_by] = [inUtc(parsed.data.run_at), inUtc(parsed.data.start_by)];
  const model = parsed.data.model ?? rules.defaultModel;
  return { ok: true, request: { ...withoutEmpty(parsed.data), lyrics, prompt, model, run_at, start_by } };
}

/** The one fault that only the clock makes; told by `accept` when it is the only one. */
export const START_BY_PASSED: FieldFault = {
  pointer: '/start_by',
  code: 'in_the_past',
  message: 'the time for its first call is over',
};

const MOST_DAYS_AHEAD = 366;

/** @param refused whether there are other faults: alone, a `start_by` in the past is no fault of a replay, which only `accept` knows */
function timeFaults({ run_at, start_by }: GenerationRequest, refused: boolean, nowMs: number): FieldFault[] {
  const faults: FieldFault[] = [];
  const [runMs, startMs] = [run_at === null ? 0 : Date.parse(run_at), start_by === null ? null : Date.parse(start_by)];
  if (runMs > nowMs + MOST_DAYS_AHEAD * 86_400_000) {
    faults.push({ pointer: '/run_at', code: 'too_far', message: `at most ${MOST_DAYS_AHEAD} days ahead` });
  }
  if (startMs !== null && startMs < runMs) {
    faults.push({ pointer: '/start_by', code: 'before_run_at', message: 'must not be before run_at' });
  } else if (startMs !== null && startMs <= nowMs && refused) {
    faults.push(START_BY_PASSED);
  }
  return faults;
}

function inUtc(time: string | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** CRLF becomes LF: the only change ever made to lyrics and prompt. */
export function withLineFeeds(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

/** Length as limits count it: every Unicode code point counts one. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function modelOf(given: unknown, { models, defaultModel }: ItemRules, faults: FieldFault[]): Model {
  if (typeof given !== 'string') return modelNamed(defaultModel, models);
  const usable = Object.values(models).filter(({ enabled }) => enabled);
  const names = usable.map(({ id }) => id).join(', ');
  if (!Object.hasOwn(models, given)) {
    const message = `this server knows no such model; it has ${names}`;
    faults.push({ pointer: '/model', code: 'unknown_model', message });
    return modelNamed(defaultModel, models);
  }
  const model = modelNamed(given, models);
  if (!model.enabled) {
    const message = `${given} is disabled on this server; it has ${names}`;
    faults.push({ pointer: '/model', code: 'model_disabled', message });
  }
  return model;
}

/** Fields that the model does not take. Absent, `""` and `{}` ask for nothing. */
function misplacedFaults(given: Record<string, unknown>, model: Model): FieldFault[] {
  return UPSTREAM_FIELDS.filter((field) => !model.fields.includes(field) && (textOf(given[field]) ?? '') !== '').map(
    (field) => ({ pointer: `/${field}`, code: 'not_for_model', message: `${model.id} does not take it` }),
  );
}

/** Our own references: `""` is absent; each stands instead of the upstream's id, not beside it. */
function namedReferenceFaults(given: Record<string, unknown>, model: Model): FieldFault[] {
  const faults: FieldFault[] = [];
  const fields = [
    ['voice_reference', 'refer_voice'],
    ['instrumental_reference', 'refer_instrumental'],
  ] as const;
  for (const [field, upstream] of fields) {
    const id = textOf(given[field]) ?? '';
    const pointer = `/${field}`;
    if (id === '') continue;
    if (!takesReferences(model)) {
      faults.push({ pointer, code: 'not_for_model', message: `${model.id} does not take it` });
    }
    if (!/^ref_[0-9A-Za-z]{1,64}$/.test(id)) {
      faults.push({ pointer, code: 'invalid_id', message: 'the id of a reference begins with ref_' });
    }
    if ((textOf(given[upstream]) ?? '') !== '') {
      faults.push({ pointer, code: 'given_twice', message: `give ${upstream} or ${field}, not both` });
    }
  }
  return faults;
}

/** References of ours and a webhook are left out when there is none, so that what is stored stays short. */
function withoutEmpty<Request extends GenerationRequest>(request: Request): Request {
  const { voice_reference: voice, instrumental_reference: instrumental, webhook, ...rest } = request;
  return {
    ...rest,
    ...(voice ? { voice_reference: voice } : {}),
    ...(instrumental ? { instrumental_reference: instrumental } : {}),
    ...(webhook ? { webhook } : {}),
  } as Request;
}

function lyricsFaults(raw: string, model: Model): FieldFault[] {
  const faults = textFaults('/lyrics', raw, model, model.limits.lyrics);
  const text = withLineFeeds(raw);
  const opens = text.startsWith('##');
  const closes = text.endsWith('##');
  if (model.accompanimentMarks && (opens !== closes || (opens && text.length < 4))) {
    const message = '## stands at both ends of the lyrics or at neither';
    faults.push({ pointer: '/lyrics', code: 'unbalanced_accompaniment', message });
  }
  return faults;
}

/** Length and characters of a text that goes upstream. */
function textFaults(pointer: string, raw: string, model: Model, { min, max }: Span): FieldFault[] {
  const faults: FieldFault[] = [];
  const text = withLineFeeds(raw);
  const count = codePoints(text);
  const breaks = text.split('\n').length - 1;
  if (count > max) {
    const message = `${count} characters, ${breaks} of them line breaks; ${model.id} takes at most ${max}`;
    faults.push({ pointer, code: 'too_long', message });
  }
  if (count < min) {
    const message = `${count} characters, ${breaks} of them line breaks; ${model.id} takes at least ${min}`;
    faults.push({ pointer, code: 'too_short', message });
  }
  const control = /[^\P{Cc}\n]/u.exec(text);
  if (control) {
    const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    const message = `holds the control character U+${code}; line feed is the only one allowed`;
    faults.push({ pointer, code: 'control_character', message });
  }
  return faults;
}

/** What sings on its own needs something to sing. Too short a text is told by its length already. */
function blankFaults(lyrics: string): FieldFault[] {
  if (lyrics === '' || /\S/u.test(lyrics)) return [];
  return [{ pointer: '/lyrics', code: 'words_required', message: 'the lyrics hold white space only' }];
}

function referenceFaults(voice: string, instrumental: string): FieldFault[] {
  if (voice !== '' || instrumental !== '') return [];
  const message = 'give refer_voice, refer_instrumental or both';
  return [{ pointer: '', code: 'reference_required', message }];
}

/** A voice needs something to sing; the instrumental alone does not. */
function wordsFaults(lyrics: string, voice: string, instrumental: string): FieldFault[] {
  if (voice !== '' && !/[^\s#]/u.test(lyrics)) {
    const message = 'with a voice the lyrics need at least one character other than white space and #';
    return [{ pointer: '/lyrics', code: 'words_required', message }];
  }
  if (lyrics === '' && voice === '' && instrumental === '') {
    return [{ pointer: '/lyrics', code: 'words_required', message: 'empty lyrics go with an instrumental alone only' }];
  }
  return [];
}

/** Text with half of a surrogate pair has no UTF-8 form, so it could reach neither Redis nor the upstream whole. */
function loneSurrogates(body: Record<string, unknown>): FieldFault[] {
  const faults: FieldFault[] = [];
  const visit = (value: unknown, pointer: string): void => {
    if (typeof value === 'string' && !value.isWellFormed()) {
      faults.push({ pointer, code: 'lone_surrogate', message: 'holds half of a surrogate pair' });
    } else if (isRecord(value)) {
      for (const [key, inner] of Object.entries(value)) {
        const at = `${pointer}/${pointerPart(key)}`;
        if (!key.isWellFormed())
          faults.push({ pointer: at, code: 'lone_surrogate', message: 'key holds half of a surrogate pair' });
        visit(inner, at);
      }
    }
  };
  visit(body, '');
  return faults;
}

const STRICTNESS: Record<UnknownChargePolicy, number> = { retry: 0, hold: 1, fail: 1 };

function policyFault(given: unknown, setting: UnknownChargePolicy): FieldFault | null {
  if (given !== 'retry' && given !== 'hold' && given !== 'fail') return null;
  if (STRICTNESS[given] >= STRICTNESS[setting]) return null;
  const message = `this server runs with ${setting}; a request may only be as strict or stricter`;
  return { pointer: '/on_unknown_charge', code: 'less_strict', message };
}

/** A fault of a schema as every answer tells it. */
export function faultsOf(issue: z.core.$ZodIssue): FieldFault[] {
  const pointer = issue.path.map((part) => `/${pointerPart(String(part))}`).join('');
  if (issue.code !== 'unrecognized_keys') return [{ pointer, code: issue.code, message: issue.message }];
  return issue.keys.map((key) => ({
    pointer: `${pointer}/${pointerPart(key)}`,
    code: 'unknown_field',
    message: 'no such field',
  }));
}

/** RFC 6901: `~` and `/` are escaped inside a part. */
function pointerPart(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
