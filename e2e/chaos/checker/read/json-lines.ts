import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/**
 * The lines of a JSONL file, each parsed; none when there is no such file. A line that does not parse is the torn
 * last one of a process that was killed: skipped.
 */
export async function* jsonLines<T>(path: string): AsyncGenerator<T> {
  const text = createReadStream(path, 'utf8');
  try {
    for await (const line of createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY })) {
      const value = parsed(line);
      if (typeof value === 'object' && value !== null) yield value as T;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

export async function allJsonLines<T>(path: string): Promise<T[]> {
  const all: T[] = [];
  for await (const each of jsonLines<T>(path)) all.push(each);
  return all;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
