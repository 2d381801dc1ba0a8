import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';

/**
 * Whether the sample may spend money: asked on a terminal, `--yes` answers before it is asked, and without either the
 * answer is no.
 *
 * @param {{ songs: number, yes: boolean, input: NodeJS.ReadStream, output: NodeJS.WriteStream, signal: AbortSignal,
 *   say(line: string): void }} options
 * @returns {Promise<boolean>}
 */
export async function maySpend({ songs, yes, input, output, signal, say }) {
  const what = `The sample makes ${songs} songs on the real upstream; the account of UPSTREAM_API_KEY pays for each.`;
  if (yes) {
    say(`${what} Agreed by --yes.`);
    return true;
  }
  if (!input.isTTY || !output.isTTY) {
    say(`${what} Nobody is here to be asked, so there is no sample; --yes agrees beforehand.`);
    return false;
  }
  return await confirm(`${what}\nGo on? [y/N] `, { input, output, signal });
}

/** @returns {Promise<boolean>} true for y and yes */
export async function confirm(question, { input, output, signal }) {
  const reader = createInterface({ input, output });
  // A terminal that is being read takes Ctrl-C as a key, not as a signal.
  reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const answer = await reader.question(question, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    reader.close();
  }
}

const marker = (home) => path.join(home, 'data', 'upstream.json');

/** Which upstream the songs in this data folder were accepted for: `simulator`, `real`, or null when it is new. */
export function lastUpstream(home) {
  try {
    return JSON.parse(readFileSync(marker(home), 'utf8')).kind;
  } catch {
    return null;
  }
}

/** @param {'simulator' | 'real'} kind */
export function rememberUpstream(home, kind) {
  mkdirSync(path.dirname(marker(home)), { recursive: true });
  writeFileSync(marker(home), `${JSON.stringify({ kind })}\n`);
}
