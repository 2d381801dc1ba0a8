import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LauncherError } from './failure.mjs';

const WORKS_WITHIN_MS = 10_000;

/**
 * The API key to use, and how a shell command names it without showing it. Without a setting it is the one that the
 * API makes once and writes to `data/api-key`; it is tried out, because the file is there a moment before the key works,
 * and may be older than what Redis knows.
 *
 * @param {{ url: string, home: string, settings: Record<string, string>, from: string, signal: AbortSignal }} options
 *   `url`: of the API; `from`: the folder the person's shell is in
 * @returns {Promise<{ key: string, inShell: string }>}
 */
export async function findApiKey({ url, home, settings, from, signal }) {
  if (settings.API_KEY !== undefined) return { key: settings.API_KEY, inShell: '$API_KEY' };
  if (settings.API_KEY_FILE !== undefined) {
    const file = path.resolve(home, settings.API_KEY_FILE);
    return { key: readFileSync(file, 'utf8').trim(), inShell: catOf(file, from) };
  }
  const file = path.join(home, 'data', 'api-key');
  const until = performance.now() + WORKS_WITHIN_MS;
  for (;;) {
    const key = readIfThere(file);
    if (key !== '' && (await isAccepted(url, key, signal))) return { key, inShell: catOf(file, from) };
    if (performance.now() > until) {
      throw new LauncherError(
        `${key === '' ? `${file} is missing` : `the key in ${file} is refused`}: the API has another key already, and ` +
          'keeps none in readable form. Set API_KEY to one of your own, for example in .env.',
      );
    }
    await sleep(25, undefined, { signal });
  }
}

async function isAccepted(url, key, signal) {
  const response = await fetch(`${url}/v1/generations?limit=1`, {
    headers: { authorization: `Bearer ${key}` },
    signal,
  });
  await response.arrayBuffer();
  return response.status !== 401;
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function catOf(file, from) {
  const relative = path.relative(from, file);
  const shown = relative.startsWith('..') ? file : relative;
  return `$(cat ${/^[\w./@+-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`})`;
}
