import { readFileSync } from 'node:fs';

const scripts = new URL('../runtime/records/', import.meta.url);
const docs = new URL('../../../../docs/job-states.md', import.meta.url);

/** What every header says, in this order. */
export const FIELDS = ['keys', 'args', 'answer', 'twice', 'arrows'];

export interface Arrow {
  /** A status, or `(new)`. */
  readonly from: string;
  readonly to: string;
  /** Name of the script that takes it. */
  readonly script: string;
}

export interface ScriptHeader {
  readonly name: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly arrows: readonly Arrow[];
}

/**
 * Reads the comment that opens a script: `name: what it does`, then the fields, each on a line of its
 * own with indented lines going on.
 * @throws Error when the script does not open with such a comment
 */
export function headerOf(name: string): ScriptHeader {
  const lua = readFileSync(new URL(`${name}.lua`, scripts), 'utf8');
  const lines = /^--\[\[\n([\s\S]*?)\n\]\]/.exec(lua)?.[1]?.split('\n');
  if (!lines) throw new Error(`${name}.lua does not open with a header`);
  const fields: Record<string, string> = {};
  let current = '';
  for (const line of lines) {
    const field = /^([\w-]+): +(\S.*)$/.exec(line);
    if (field) fields[(current = field[1]!)] = field[2]!;
    else fields[current] += `\n${line.trim()}`;
  }
  const [title, ...rest] = Object.entries(fields);
  const drawn = fields['arrows'] ?? '';
  const arrows = drawn === 'none' ? [] : drawn.split(/,\s*/).map((arrow) => arrowOf(arrow, name));
  return { name: title![0], fields: Object.fromEntries(rest), arrows };
}

function arrowOf(text: string, script: string): Arrow {
  const [, from, to] = /^(\S+) -> (\S+)$/.exec(text) ?? [];
  if (!from || !to) throw new Error(`${script}.lua: "${text}" is no arrow`);
  return { from, to, script };
}

/** The arrows of the table in docs/job-states.md, in its order. */
export function arrowsOfDocs(): Arrow[] {
  const rows = readFileSync(docs, 'utf8').matchAll(/^\| `(\S+)` → `(\S+)` \| `(\S+)` \| \S/gm);
  return [...rows].map(([, from, to, script]) => ({ from: from!, to: to!, script: script! }));
}

/** Arrows that only a failed reference brings: a settled reference, or a step toward the line that finds it failed. */
export function isByReference({ from, to, script }: Arrow): boolean {
  if (script === 'resolve-waiters') return true;
  return (
    to === 'failed' &&
    (script === 'accept' || script === 'ingest' || script === 'due' || (script === 'reopen' && from === 'queued'))
  );
}
