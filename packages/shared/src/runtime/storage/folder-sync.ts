import { open } from 'node:fs/promises';

interface Running {
  now: Promise<void>;
  next: Promise<void> | null;
}

/**
 * Makes the names in a folder durable. Callers that ask while a sync of the same folder runs share
 * the next one: a sync that began before a name was made may not cover it.
 */
export class FolderSync {
  readonly #running = new Map<string, Running>();

  /** @throws the error of the file system, to every caller that shared the sync */
  sync(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running === undefined) return this.#start(folder);
    // How the running one ends is told to its own callers.
    running.next ??= running.now.catch(() => undefined).then(() => this.#start(folder));
    return running.next;
  }

  #start(folder: string): Promise<void> {
    const running: Running = { now: Promise.resolve(), next: null };
    running.now = this.#run(folder, running);
    this.#running.set(folder, running);
    return running.now;
  }

  async #run(folder: string, running: Running): Promise<void> {
    try {
      const handle = await open(folder, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } finally {
      if (running.next === null) this.#running.delete(folder);
    }
  }
}
