/** How many characters a text may have: Unicode code points, after CRLF became LF; both ends included. */
export interface Span {
  readonly min: number;
  readonly max: number;
}

export interface ModelLimits {
  readonly lyrics: Span;
  /** Null when the model takes no prompt. */
  readonly prompt: Span | null;
}

/** What one upstream call costs: a decimal number as text, never a float. */
export interface Price {
  readonly amount: string;
  readonly currency: string;
}

/** Fields of a request that go upstream, whatever the model. */
export const UPSTREAM_FIELDS = ['lyrics', 'prompt', 'refer_voice', 'refer_instrumental', 'audio_setting'] as const;
export type UpstreamField = (typeof UPSTREAM_FIELDS)[number];

/** References of this server, instead of the upstream's ids. */
export const REFERENCE_FIELDS = ['voice_reference', 'instrumental_reference'] as const;

/** What a model takes. One table for validation, encoding and `GET /v1/models`. */
export interface Model {
  readonly id: string;
  /** How the request body goes upstream. */
  readonly encoder: 'multipart' | 'json';
  readonly limits: ModelLimits;
  readonly fields: readonly UpstreamField[];
  /** Whether `##` around the lyrics asks for accompaniment. */
  readonly accompanimentMarks: boolean;
}

/** A model as this server was set up: enabled or not, its limits, its price. */
export interface ServedModel extends Model {
  readonly enabled: boolean;
  /** Null when none is set. */
  readonly price: Price | null;
}

export type ModelTable = Readonly<Record<string, ServedModel>>;

/**
 * music-01: the upstream's own page says 200 characters; whether line breaks count is not stated
 * there, so they do (docs/http-api.md).
 */
export const MUSIC_01: ServedModel = {
  id: 'music-01',
  encoder: 'multipart',
  limits: { lyrics: { min: 0, max: 200 }, prompt: null },
  fields: ['lyrics', 'refer_voice', 'refer_instrumental', 'audio_setting'],
  accompanimentMarks: true,
  enabled: true,
  price: null,
};

/**
 * The models that this version can call, as they are unless MODELS_FILE or PRICES say otherwise.
 * Limits of music-1.5 and music-2.0 are those that wrappers and clients of theirs enforce; those of
 * music-2.5 are MiniMax's own.
 */
export const MODELS: ModelTable = {
  [MUSIC_01.id]: MUSIC_01,
  'music-1.5': later('music-1.5', { lyrics: { min: 10, max: 600 }, prompt: { min: 10, max: 300 } }),
  'music-2.0': later('music-2.0', { lyrics: { min: 10, max: 3000 }, prompt: { min: 10, max: 2000 } }),
  'music-2.5': later('music-2.5', { lyrics: { min: 1, max: 3500 }, prompt: { min: 0, max: 2000 } }),
};

/** From music-1.5 on a prompt describes the music, and nothing is referred to. */
function later(id: string, limits: ModelLimits): ServedModel {
  const fields: readonly UpstreamField[] = ['lyrics', 'prompt', 'audio_setting'];
  return { id, encoder: 'json', limits, fields, accompanimentMarks: false, enabled: true, price: null };
}

/** The model of this name; one that no table has is taken for music-01. */
export function modelNamed(id: string, models: ModelTable = MODELS): ServedModel {
  return (Object.hasOwn(models, id) ? models[id] : undefined) ?? MUSIC_01;
}

/** Whether songs of this model are made of references; otherwise it sings on its own. */
export function takesReferences(model: Model): boolean {
  return model.fields.includes('refer_voice');
}

export const SAMPLE_RATES = [16000, 24000, 32000, 44100] as const;
export const BITRATES = [32000, 64000, 128000, 256000] as const;
export const FORMATS = ['mp3', 'wav'] as const;
export type AudioFormat = (typeof FORMATS)[number];
