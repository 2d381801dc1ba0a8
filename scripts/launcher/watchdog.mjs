/**
 * The one that stops the children, in a session of its own. It holds a pipe to the launcher and stops everything it
 * was told about when it is told to, or when the pipe closes because the launcher was killed. That one place sends
 * the signals makes "exactly once" hold even when the launcher dies half-way through a stop.
 *
 * Lines on stdin: {"add": Managed} · {"remove": pid} · {"folder": path to delete at the end} · {"stop": true} ·
 * {"now": true} = at once.
 */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { stopInOrder } from './orderly-stop.mjs';

const processes = new Map();
const folders = [];
const now = new AbortController();
let stopping = false;

async function stop() {
  if (stopping) return;
  stopping = true;
  await stopInOrder([...processes.values()], now.signal);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const message = JSON.parse(line);
  if (message.add) processes.set(message.add.pid, message.add);
  if (message.remove) processes.delete(message.remove);
  if (message.folder) folders.push(message.folder);
  if (message.now) now.abort();
  if (message.stop) void stop();
});
lines.on('close', () => void stop());
process.on('SIGINT', () => void stop());
process.on('SIGTERM', () => void stop());
process.on('SIGHUP', () => void stop());
