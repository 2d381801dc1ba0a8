import { readFileSync } from 'node:fs';
import { LauncherError } from './failure.mjs';

/** Safe as a file name on every system; the songs are saved under it. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/**
 * Reads lyric sets, one JSON object per line: the body of `POST /v1/generations` with a `custom_id`.
 *
 * @param {string} file
 * @param {{ voice?: string | undefined, instrumental?: string | undefined }} own ids to use instead of the file's
 * @returns {Array<{ custom_id: string } & Record<string, unknown>>}
 * @throws {LauncherError} naming the line
 */
export function readLyricSets(file, own) {
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
    if (own.voice !== undefined && set.refer_voice) set.refer_voice = own.voice;
    if (own.instrumental !== undefined && set.refer_instrumental) set.refer_instrumental = own.instrumental;
    sets.push(set);
  }
  return sets;
}
