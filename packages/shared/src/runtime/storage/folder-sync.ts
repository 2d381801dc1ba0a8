import { open } from 'node:fs/promises';

/**
 * Makes the names in a folder durable. Callers that ask while a sync of the same folder runs share
 * the next one: a sync that began before a name was made may not cover it.
 */
export class FolderSync {
  readonly #running = new Map<string, { now: Promise<void>; next: Promise<void> | null }>();

  sync(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running === undefined) return this.#start(folder);
    // What the first one met is told to its own callers.
    running.next ??= running.now.catch(() => undefined).then(() => this.#start(folder));
    return running.next;
  }

  #start(folder: string): Promise<void> {
    const now = syncFolder(folder);
    const entry = { now, next: null as Promise<void> | null };
    this.#running.set(folder, entry);
    const done = () => {
      if (entry.next === null && this.#running.get(folder) === entry) this.#running.delete(folder);
    };
    now.then(done, done);
    return now;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
