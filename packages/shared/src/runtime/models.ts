import { z } from 'zod';
import { type ModelTable, MODELS, modelNamed, type Price, type ServedModel, type Span } from '../contract/models.ts';

/** A price as settings hold it; exact, so the amount is text. */
export const priceSchema = z.strictObject({
  amount: z.string().regex(/^\d{1,12}(\.\d{1,12})?$/, 'a decimal number as text, such as "0.05"'),
  currency: z.string().regex(/^[A-Za-z0-9._-]{1,16}$/, '1 to 16 letters or digits, such as "PTC"'),
});

const count = z.int().min(0).max(1_000_000);
const span = z.strictObject({ min: count.optional(), max: count.optional() });

/** What MODELS_FILE may say of each model; what it leaves out stays as it is. */
const fileSchema = z.record(
  z.string(),
  z.strictObject({
    enabled: z.boolean().optional(),
    limits: z.strictObject({ lyrics: span.optional(), prompt: span.optional() }).optional(),
    price: priceSchema.optional(),
  }),
);

export interface ModelSettings {
  /** Text of MODELS_FILE; null when none is set. */
  readonly file: string | null;
  /** PRICES, which count more than those of the file. */
  readonly prices: Readonly<Record<string, Price>>;
  /** Null when it is not known, because settings are bad. */
  readonly defaultModel: string | null;
}

/**
 * The one table of models of this server: the built-in one, changed by MODELS_FILE, priced by PRICES.
 * @returns the table, and one sentence for each fault, which begins with the setting's name
 */
export function resolveModels({ file, prices, defaultModel }: ModelSettings): {
  readonly models: ModelTable;
  readonly faults: readonly string[];
} {
  const { changes, faults } = readFileText(file);
  const models: Record<string, ServedModel> = { ...MODELS };
  for (const [id, change] of Object.entries(changes)) {
    if (!Object.hasOwn(MODELS, id)) {
      faults.push(`MODELS_FILE: ${unknown(id)}`);
      continue;
    }
    const model = modelNamed(id);
    if (change.limits?.prompt !== undefined && model.limits.prompt === null) {
      faults.push(`MODELS_FILE: ${id} takes no prompt`);
    }
    const limits = {
      lyrics: merged(model.limits.lyrics, change.limits?.lyrics),
      prompt: model.limits.prompt === null ? null : merged(model.limits.prompt, change.limits?.prompt),
    };
    for (const [field, { min, max }] of Object.entries(limits).filter(hasSpan)) {
      if (min > max) faults.push(`MODELS_FILE: ${id}.limits.${field}: min ${min} is more than max ${max}`);
    }
    models[id] = { ...model, limits, enabled: change.enabled ?? model.enabled, price: change.price ?? model.price };
  }
  for (const [id, price] of Object.entries(prices)) {
    if (Object.hasOwn(MODELS, id)) models[id] = { ...modelNamed(id, models), price };
    else faults.push(`PRICES: ${unknown(id)}`);
  }
  if (defaultModel !== null && !modelNamed(defaultModel, models).enabled)
    faults.push(`DEFAULT_MODEL: MODELS_FILE disables ${defaultModel}`);
  return { models, faults };
}

type Changes = z.output<typeof fileSchema>;

function readFileText(text: string | null): { changes: Changes; faults: string[] } {
  if (text === null) return { changes: {}, faults: [] };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { changes: {}, faults: ['MODELS_FILE: the file is no JSON'] };
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return { changes: parsed.data, faults: [] };
  const faults = parsed.error.issues.map(({ path, message }) =>
    ['MODELS_FILE', path.join('.'), message].filter((part) => part !== '').join(': '),
  );
  return { changes: {}, faults };
}

function merged(builtIn: Span, change: z.output<typeof span> | undefined): Span {
  return { min: change?.min ?? builtIn.min, max: change?.max ?? builtIn.max };
}

function hasSpan(entry: [string, Span | null]): entry is [string, Span] {
  return entry[1] !== null;
}

function unknown(id: string): string {
  return `${JSON.stringify(id)} is no model of this version; it has ${Object.keys(MODELS).join(', ')}`;
}
