/** What each model takes; lengths in characters (Unicode code points). */
export interface ModelRules {
  readonly jsonOnly: boolean;
  readonly references: boolean;
  readonly prompt: { readonly min: number; readonly max: number } | null;
  readonly lyrics: { readonly min: number; readonly max: number };
  readonly maxSeconds: number;
}

/** MiniMax's documented limits; those of 1.5 and 2.0 come from client code. */
export const MODEL_RULES: Readonly<Record<string, ModelRules>> = {
  'music-01': { jsonOnly: false, references: true, prompt: null, lyrics: { min: 0, max: 200 }, maxSeconds: 60 },
  'music-1.5': {
    jsonOnly: true,
    references: false,
    prompt: { min: 10, max: 300 },
    lyrics: { min: 10, max: 600 },
    maxSeconds: 240,
  },
  'music-2.0': {
    jsonOnly: true,
    references: false,
    prompt: { min: 10, max: 2000 },
    lyrics: { min: 10, max: 3000 },
    maxSeconds: 300,
  },
  'music-2.5': {
    jsonOnly: true,
    references: false,
    prompt: { min: 0, max: 2000 },
    lyrics: { min: 1, max: 3500 },
    maxSeconds: 300,
  },
};
