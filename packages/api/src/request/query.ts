import type { z } from 'zod';
import type { Call, Faults } from '../context.ts';

/**
 * The parameters of a query, strictly: each at most once, none empty, every percent sign with its
 * two digits. What is wrong is added to `faults`; the first value of each name is answered.
 */
export function readQuery(rawQuery: string, faults: Faults): Map<string, string> {
  const parameters = new Map<string, string>();
  if (rawQuery === '') return parameters;
  for (const pair of rawQuery.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
    if (name === null || value === null) {
      const message = 'a percent sign needs two hexadecimal digits, and the bytes must be UTF-8';
      faults.push({ parameter: name ?? pair.slice(0, Math.max(equals, 0)), code: 'bad_encoding', message });
    } else if (parameters.has(name)) {
      faults.push({ parameter: name, code: 'repeated_parameter', message: 'give it once' });
    } else {
      parameters.set(name, value);
      if (value === '') faults.push({ parameter: name, code: 'empty_parameter', message: 'must not be empty' });
    }
  }
  return parameters;
}

/** For routes that take no parameter: names each that came. */
export function noQuery(call: Call, faults: Faults): void {
  for (const name of readQuery(call.rawQuery, faults).keys()) faults.push(unknownParameter(name));
}

/** Judges a query by its schema; every fault is added, and null answered if there is any. */
export function parseQuery<Schema extends z.ZodType>(
  schema: Schema,
  rawQuery: string,
  faults: Faults,
): z.output<Schema> | null {
  const before = faults.length;
  const parameters = readQuery(rawQuery, faults);
  const told = new Set(faults.slice(before).map((fault) => fault.parameter));
  const parsed = schema.safeParse(Object.fromEntries(parameters));
  for (const issue of parsed.error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') faults.push(...issue.keys.map(unknownParameter));
    else if (!told.has(String(issue.path[0]))) {
      faults.push({ parameter: String(issue.path[0]), code: issue.code, message: issue.message });
    }
  }
  return parsed.success && faults.length === before ? parsed.data : null;
}

function unknownParameter(parameter: string) {
  return { parameter, code: 'unknown_parameter', message: 'no such parameter' };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}
