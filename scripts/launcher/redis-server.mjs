import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** sockaddr_un holds 108 bytes on Linux and 104 on macOS, the closing zero included. */
const LONGEST_SOCKET_PATH = 103;
const PING_EVERY_MS = 20;

/**
 * Where the private Redis listens: beside its data, or in a short private folder when that path is too long for a
 * socket.
 *
 * @param {string} folder of the data
 * @returns {{ socket: string, temporary: string | null }} `temporary`: a folder to remove afterwards
 */
export function socketFor(folder) {
  const socket = path.join(folder, 'redis.sock');
  if (Buffer.byteLength(socket) <= LONGEST_SOCKET_PATH) return { socket, temporary: null };
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'songmill-'));
  chmodSync(temporary, 0o700);
  return { socket: path.join(temporary, 'redis.sock'), temporary };
}

/**
 * Arguments of the private instance. `always`: what was answered with a 2xx survives a power cut. `noeviction`: a
 * full Redis refuses new work instead of forgetting old work.
 */
export function redisArguments({ folder, socket }) {
  mkdirSync(folder, { recursive: true });
  return [
    ...['--port', '0', '--unixsocket', socket, '--unixsocketperm', '700', '--dir', folder],
    ...['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
    ...['--maxmemory-policy', 'noeviction', '--daemonize', 'no'],
  ];
}

/** @param {string} socket @returns {string} the REDIS_URL of it */
export function socketUrl(socket) {
  return `unix://${socket.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * Resolves with the URL once the server answers PING, which it does not while it still reads its file; with null when
 * the server has ended.
 *
 * @param {string} socket
 * @param {{ hasEnded(): boolean }} child
 * @param {AbortSignal} signal
 */
export async function redisAnswers(socket, child, signal) {
  while (!child.hasEnded()) {
    if (await ping(socket)) return socketUrl(socket);
    await sleep(PING_EVERY_MS, undefined, { signal });
  }
  return null;
}

function ping(socket) {
  return new Promise((resolve) => {
    const connection = net.connect(socket, () => connection.write('PING\r\n'));
    connection.setTimeout(1000, () => connection.destroy());
    connection.once('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      connection.destroy();
    });
    // Not there yet, or not yet listening: asked again.
    connection.once('error', () => resolve(false));
    connection.once('close', () => resolve(false));
  });
}
