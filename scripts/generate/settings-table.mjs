import { settingsSchema } from '../../packages/shared/src/runtime/settings.ts';

/**
 * Every setting in the schema's order, ready to print.
 *
 * @returns {{ name: string, group: string, about: string, secret: boolean, fallback: string | undefined, choices: readonly string[] }[]}
 *   `fallback`: the default as it would be written into the environment
 */
export function settingsTable() {
  const defaults = settingsSchema.parse({});
  return Object.entries(settingsSchema.shape).map(([name, schema]) => {
    const { group, about, secret = false } = schema.meta() ?? {};
    if (typeof group !== 'string' || typeof about !== 'string') throw new Error(`${name} has no group or no meaning`);
    const fallback = defaults[name] === undefined ? undefined : String(defaults[name]);
    return { name, group, about, secret, fallback, choices: choicesOf(schema) };
  });
}

/** The words of an enumeration, also one wrapped in a default. */
function choicesOf(schema) {
  for (let inner = schema; inner !== undefined; inner = inner.def.innerType ?? inner.def.in) {
    if (inner.def.type === 'enum') return Object.values(inner.def.entries);
  }
  return [];
}

/** The settings by group, groups in the order of their first setting. */
export function settingsByGroup() {
  return Map.groupBy(settingsTable(), (setting) => setting.group);
}
