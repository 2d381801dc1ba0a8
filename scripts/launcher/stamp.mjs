import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Folders that are products, not sources. */
const SKIPPED = new Set(['node_modules', 'dist', '.git', '.tools', 'data', 'songs']);

/** Every file below a folder, sorted, products left out. A missing folder has none. */
export function filesBelow(folder) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : filesBelow(full);
      return entry.isFile() ? [full] : [];
    });
}

/** One hash over some words and the paths and contents of files; a missing file counts as missing. */
export function fingerprint(words, files) {
  const hash = createHash('sha256');
  for (const word of words) hash.update(`${word}\0`);
  for (const file of files) {
    hash.update(`${file}\0`);
    try {
      hash.update(readFileSync(file));
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      hash.update('missing');
    }
    hash.update('\0');
  }
  return hash.digest('hex');
}

/** Whether the stamp file says exactly this. */
export function stampSays(file, text) {
  try {
    return readFileSync(file, 'utf8') === text;
  } catch {
    return false;
  }
}

export function writeStamp(file, text) {
  writeFileSync(file, text);
}

export function isFolder(folder) {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The folders named in pnpm-workspace.yaml: `packages/*`, `e2e` and `bench`. */
export function workspaceFolders(root) {
  const packages = path.join(root, 'packages');
  const inside = isFolder(packages) ? readdirSync(packages).map((name) => path.join(packages, name)) : [];
  return [...inside, path.join(root, 'e2e'), path.join(root, 'bench')].filter(isFolder).sort();
}
