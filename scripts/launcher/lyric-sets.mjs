import { readFileSync } from 'node:fs';
import { LauncherError } from './failure.mjs';

/** Safe as a file name on every system; the songs are saved under it. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/**
 * Reads lyric sets, one JSON object per line: the body of `POST /v1/generations` with a `custom_id`.
 *
 * @param {string} file
 * @returns {Array<{ custom_id: string } & Record<string, unknown>>}
 * @throws {LauncherError} naming the line
 */
export function readLyricSets(file) {
  const sets = [];
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (line.trim() === '') continue;
    let set;
    try {
      set = JSON.parse(line);
    } catch (error) {
      throw new LauncherError(`${file}, line ${index + 1}: ${error.message}`);
    }
    if (!SAFE_NAME.test(set.custom_id)) {
      throw new LauncherError(`${file}, line ${index + 1}: custom_id must be usable as a file name`);
    }
    sets.push(set);
  }
  return sets;
}

/** @param {{ voice: string, instrumental: string }} ids of references, used wherever a set names one */
export function withReferences(sets, ids) {
  return sets.map((set) => ({
    ...set,
    ...(set.refer_voice ? { refer_voice: ids.voice } : {}),
    ...(set.refer_instrumental ? { refer_instrumental: ids.instrumental } : {}),
  }));
}
