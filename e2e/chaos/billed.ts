import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChaosSystem } from './types.ts';

/** What the upstream's own books say of one song, as an operator would look it up. */
export interface Billed {
  readonly charges: number;
  /** Calls that may still be billed. */
  readonly open: number;
}

/** Reads on where it stopped, so that asking again costs only what was written since. */
export function readBills(system: Pick<ChaosSystem, 'data'>): (lyrics: string) => Promise<Billed> {
  const path = join(system.data, 'ledger.jsonl');
  const charges = new Map<string, number>();
  const openCalls = new Map<string, Set<string>>();
  let at = 0;
  let torn = '';
  let reading: Promise<void> = Promise.resolve();

  async function readOn(): Promise<void> {
    const text = torn + (await textFrom(path, at));
    at += Buffer.byteLength(text) - Buffer.byteLength(torn);
    const lines = text.split('\n');
    torn = lines.pop() ?? '';
    for (const line of lines) {
      const entry = parsed(line);
      if (entry?.lyrics_sha256 == null) continue;
      const calls = openCalls.get(entry.lyrics_sha256) ?? new Set();
      openCalls.set(entry.lyrics_sha256, calls);
      if (entry.event === 'call') calls.add(entry.call);
      else calls.delete(entry.call);
      if (entry.event === 'charge') charges.set(entry.lyrics_sha256, (charges.get(entry.lyrics_sha256) ?? 0) + 1);
    }
  }
  return async (lyrics) => {
    reading = reading.then(readOn);
    await reading;
    const sha = createHash('sha256').update(lyrics).digest('hex');
    return { charges: charges.get(sha) ?? 0, open: openCalls.get(sha)?.size ?? 0 };
  };
}

interface Entry {
  readonly event: string;
  readonly call: string;
  readonly lyrics_sha256?: string | null;
}

/** A killed simulator leaves a torn line, which its next start ends with a line feed. */
function parsed(line: string): Entry | null {
  try {
    return JSON.parse(line) as Entry;
  } catch {
    return null;
  }
}

async function textFrom(path: string, at: number): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(0, size - at)), 0, Math.max(0, size - at), at);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
