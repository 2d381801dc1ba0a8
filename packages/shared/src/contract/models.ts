/** What a model takes. One table for validation, encoding and `GET /v1/models`. */
export interface Model {
  readonly id: string;
  /** How the request body goes upstream. */
  readonly encoder: 'multipart';
  /** Most characters of lyrics, every Unicode code point counting one, after CRLF became LF. */
  readonly maxLyrics: number;
}

/**
 * The models that this version can call. Limits: the upstream's own page says 200 characters for
 * music-01; whether line breaks count is not stated there, so they do (docs/http-api.md).
 */
export const MUSIC_01: Model = { id: 'music-01', encoder: 'multipart', maxLyrics: 200 };

export const MODELS: Readonly<Record<string, Model>> = { [MUSIC_01.id]: MUSIC_01 };

export const SAMPLE_RATES = [16000, 24000, 32000, 44100] as const;
export const BITRATES = [32000, 64000, 128000, 256000] as const;
export const FORMATS = ['mp3', 'wav'] as const;
export type AudioFormat = (typeof FORMATS)[number];
