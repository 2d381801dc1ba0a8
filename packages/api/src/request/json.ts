import type { FieldFault } from '@songmill/shared/contract/generation-rules';
import { strictFaults } from '@songmill/shared/contract/strict-json';
import { ProblemError } from '../errors.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

export interface ParsedJson {
  readonly value: unknown;
  readonly faults: readonly FieldFault[];
}

/**
 * Parses JSON as strictly as a paid request deserves: valid UTF-8 only, no key twice in one object
 * (JSON.parse would take the last in silence), no prototype keys, no deep nesting.
 *
 * @throws ProblemError malformed_body when it is no JSON
 */
export function parseJson(bytes: Uint8Array): ParsedJson {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new ProblemError('malformed_body', 'the body is not valid UTF-8');
  }
  return parseJsonText(text);
}

export function parseJsonText(text: string): ParsedJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ProblemError('malformed_body', `the body is not valid JSON: ${withoutQuotes(error)}`);
  }
  return { value, faults: strictFaults(text) };
}

/** V8 quotes a piece of the text; lyrics must not reach logs through messages. */
function withoutQuotes(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  const at = /at position (\d+)/.exec(message);
  if (at) return `unexpected text at position ${at[1]}`;
  return message.startsWith('Unexpected end') ? 'it ends too early' : 'unexpected text';
}
