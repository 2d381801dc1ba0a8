import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Looks for the canary secrets of a run in everything that is read, and remembers where one stood. */
export interface SecretScan {
  look(place: string, text: string): void;
  /** Reads a file of any size in pieces; none is no hit. */
  lookInFile(place: string, path: string): Promise<void>;
  /** Places in which a canary stood, each once. Never the canary itself: the report must not leak it either. */
  readonly hits: ReadonlySet<string>;
}

/** `canaries.json` in the data folder: the secrets that the harness gave to the processes. */
export async function openSecretScan(data: string): Promise<SecretScan> {
  const canaries = await readCanaries(join(data, 'canaries.json'));
  const longest = Math.max(0, ...canaries.map((each) => each.length));
  const hits = new Set<string>();
  const look = (place: string, text: string) => {
    if (canaries.some((each) => text.includes(each))) hits.add(place);
  };
  return {
    hits,
    look,
    async lookInFile(place, path) {
      if (canaries.length === 0) return;
      // The end of each piece goes before the next one, or a secret on the border would be missed.
      let before = '';
      for await (const piece of createReadStream(path, 'utf8') as AsyncIterable<string>) {
        look(place, before + piece);
        before = piece.slice(-longest);
      }
    },
  };
}

async function readCanaries(path: string): Promise<string[]> {
  try {
    const secrets = JSON.parse(await readFile(path, 'utf8')) as string[];
    return secrets.filter((each) => each.length > 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
