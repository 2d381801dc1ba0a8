import { readFileSync } from 'node:fs';
import type { ModelTable } from '../contract/models.ts';
import { type ModelSettings, resolveModels } from './models.ts';
import { type Settings, settingsSchema } from './settings.ts';

/** Every fault of the environment at once; a process that gets one prints it and exits 78 (EX_CONFIG). */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`bad settings:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

export const EXIT_BAD_SETTINGS = 78;

/** Without them nobody gets into an object store. */
const STORE_KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const;

/**
 * Parses the environment once. Pure but for MODELS_FILE and the `_FILE` variants of secrets, which it reads.
 *
 * @param env the environment; an empty string counts as unset, as compose files pass it
 * @param required names that this process cannot do without
 * @throws ConfigError naming every bad or missing setting
 */
export function parseConfig(
  env: Readonly<Record<string, string | undefined>>,
  required: readonly (keyof typeof settingsSchema.shape)[] = [],
): Settings {
  const faults: string[] = [];
  const given: Record<string, string> = {};
  for (const [name, schema] of Object.entries(settingsSchema.shape)) {
    const value = env[name] || undefined;
    const file = env[`${name}_FILE`] || undefined;
    const secret = schema.meta()?.['secret'] === true;
    if (secret && value !== undefined && file !== undefined) {
      faults.push(`${name}: set it or ${name}_FILE, not both`);
    } else if (secret && file !== undefined) {
      try {
        given[name] = readSecretFile(file);
      } catch (error) {
        faults.push(`${name}_FILE: ${(error as Error).message}`);
      }
    } else if (value !== undefined) {
      given[name] = value;
    }
  }
  const parsed = settingsSchema.safeParse(given);
  for (const issue of parsed.error?.issues ?? []) faults.push(`${issue.path.join('.')}: ${issue.message}`);
  const needed = /^s3:/i.test(given['STORAGE_URL'] ?? '') ? [...required, ...STORE_KEYS] : required;
  for (const name of needed) {
    const missing = given[name] === undefined && !faults.some((fault) => fault.startsWith(name));
    if (missing) faults.push(`${name}: required`);
  }
  // The file is judged even beside bad settings, so that its faults are told with theirs.
  const models = modelsOf(
    {
      path: given['MODELS_FILE'],
      prices: (parsed.success && parsed.data.PRICES) || {},
      defaultModel: parsed.success ? parsed.data.DEFAULT_MODEL : null,
    },
    faults,
  );
  if (faults.length > 0 || !parsed.success) throw new ConfigError(faults);
  return { ...parsed.data, models };
}

function modelsOf(
  { path, prices, defaultModel }: Omit<ModelSettings, 'file'> & { path: string | undefined },
  faults: string[],
): ModelTable {
  let file: string | null = null;
  try {
    if (path !== undefined) file = readFileSync(path, 'utf8');
  } catch (error) {
    faults.push(`MODELS_FILE: ${(error as Error).message}`);
  }
  const resolved = resolveModels({ file, prices, defaultModel });
  faults.push(...resolved.faults);
  return resolved.models;
}

/** A secret from its file: the text without the line break that editors leave at its end. */
export function readSecretFile(path: string): string {
  const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  if (text === '') throw new Error(`${path} is empty`);
  return text;
}
