import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { Part } from '@songmill/shared/runtime/lifecycle';

const SOCKET = 'alive';
const OWNER = 'owner.json';

/** Says which kernel holds the socket, and which file it is to that kernel. */
interface Owner {
  readonly boot: string;
  readonly dev: string;
  readonly ino: string;
}

/**
 * Makes it visible to other processes that the owner of this folder lives: it listens on a Unix socket in it. The
 * kernel closes the socket with the process, however that ends, and not before, so it needs no pid, which another
 * process or container may have as well. A stopped process still listens. Where that does not work (another
 * system, a file system without sockets) nothing is claimed, and the lease decides.
 */
export async function liveIn(folder: string): Promise<Part> {
  const boot = await bootId();
  if (boot === null) return { stop: async () => {} };
  const handle = await open(folder, 'r');
  const server = createServer((visitor) => visitor.destroy()).unref();
  const stop = async () => {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await handle.close();
  };
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // A path of our own folder can be too long for a socket's name.
      server.listen(`/proc/self/fd/${handle.fd}/${SOCKET}`, resolve);
    });
    await writeFile(join(folder, OWNER), JSON.stringify({ boot, ...(await identity(folder)) } satisfies Owner));
  } catch {
    await stop();
    return { stop: async () => {} };
  }
  let stopped: Promise<void> | null = null;
  return { stop: () => (stopped ??= stop()) };
}

/** Whether the owner of a folder lives; `unknown` when nothing here can prove it. */
export async function lookForOwner(folder: string): Promise<'alive' | 'dead' | 'unknown'> {
  try {
    const owner = JSON.parse(await readFile(join(folder, OWNER), 'utf8')) as Owner;
    const here = await identity(folder);
    // Another kernel, or a mount on which the socket is another file, would refuse us although the owner lives.
    if (owner.boot !== (await bootId()) || owner.dev !== here.dev || owner.ino !== here.ino) return 'unknown';
    return await knock(folder);
  } catch {
    return 'unknown';
  }
}

async function knock(folder: string): Promise<'alive' | 'dead' | 'unknown'> {
  const handle = await open(folder, 'r');
  try {
    return await new Promise((resolve) => {
      const visitor = connect(`/proc/self/fd/${handle.fd}/${SOCKET}`);
      visitor.once('connect', () => {
        visitor.destroy();
        resolve('alive');
      });
      visitor.once('error', ({ code }: NodeJS.ErrnoException) => {
        // A stopped process with many visitors waiting cannot take one more.
        resolve(code === 'ECONNREFUSED' ? 'dead' : code === 'EAGAIN' ? 'alive' : 'unknown');
      });
    });
  } finally {
    await handle.close();
  }
}

async function identity(folder: string): Promise<{ dev: string; ino: string }> {
  const { dev, ino } = await stat(join(folder, SOCKET), { bigint: true });
  return { dev: String(dev), ino: String(ino) };
}

/** Names this run of the kernel; null where there is no such thing. */
async function bootId(): Promise<string | null> {
  return readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => null,
  );
}
