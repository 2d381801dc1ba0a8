import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { Generation } from '@songmill/shared/contract/generation';
import { songFileName } from '@songmill/shared/contract/song-file-name';
import { isApiError } from '../../errors.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { createProgress } from '../progress.ts';
import type { Task } from '../task.ts';

/** Unless the person says otherwise. */
export const DOWNLOADS_AT_ONCE = 8;

interface Tally {
  songs: number;
  saved: number;
  there: number;
  without: number;
  readonly failures: string[];
}

/**
 * Saves every song of a batch that is made so far, several at once. What is there already is checked and
 * left; a song counts as saved only when its bytes have the sha256 that the record has. `manifest.jsonl`
 * beside them holds the records.
 */
export async function saveResults(task: Task, id: string, folder: string, parallel: number): Promise<Exit> {
  const { client, out, signal } = task;
  const { counts } = await client.batches.retrieve(id, { signal });
  await mkdir(folder, { recursive: true });
  const progress = createProgress(task.io);
  const tally: Tally = { songs: 0, saved: 0, there: 0, without: 0, failures: [] };
  const manifest = createWriteStream(join(folder, 'manifest.jsonl.part'));
  const failed = new Promise<never>((_, reject) => manifest.on('error', reject));
  failed.catch(() => {});
  const running = new Set<Promise<void>>();
  try {
    for await (const song of client.batches.items(id, { signal })) {
      const file = song.result === null ? null : nameOf(song, song.result.format, counts.total);
      if (!manifest.write(`${JSON.stringify({ file, ...song })}\n`)) {
        await Promise.race([new Promise<void>((resolve) => manifest.once('drain', () => resolve())), failed]);
      }
      if (file === null) {
        tally.without++;
        continue;
      }
      const work = saveOne(task, song, join(folder, file), tally).then(() => {
        progress.show(`${tally.saved + tally.there}/${counts.succeeded} songs saved`);
      });
      const tracked = work.finally(() => running.delete(tracked));
      running.add(tracked);
      if (running.size >= parallel) await Promise.race(running);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
    await new Promise<void>((resolve) => manifest.end(() => resolve()));
    progress.done();
  }
  await rename(join(folder, 'manifest.jsonl.part'), join(folder, 'manifest.jsonl'));
  for (const failure of tally.failures) out.note(failure);
  await out.record({ object: 'batch_download', batch_id: id, folder, ...tally }, textOf(tally, folder));
  if (tally.failures.length > 0) return EXIT.failure;
  return tally.without > 0 ? EXIT.songsFailed : EXIT.ok;
}

function nameOf({ batch_index, custom_id, id }: Generation, format: string, total: number): string {
  return songFileName({ batchIndex: batch_index ?? 0, customId: custom_id, id, format }, total);
}

async function saveOne({ client, signal }: Task, song: Generation, path: string, tally: Tally): Promise<void> {
  const { sha256, bytes } = song.result!;
  tally.songs++;
  if (await isThere(path, bytes, sha256)) {
    tally.there++;
    return;
  }
  const part = `${path}.part`;
  try {
    const hash = createHash('sha256');
    const file = Writable.toWeb(createWriteStream(part)) as WritableStream<Uint8Array>;
    const hashing = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        hash.update(chunk);
        controller.enqueue(chunk);
      },
    });
    const piped = hashing.readable.pipeTo(file);
    await Promise.all([client.generations.download(song.id, hashing.writable, { signal }), piped]);
    if (hash.digest('hex') !== sha256) throw new CliError('its bytes are not those of the record', EXIT.failure);
    await rename(part, path);
    tally.saved++;
  } catch (error) {
    await rm(part, { force: true });
    signal.throwIfAborted();
    // One song that is gone is no reason to leave the others; a full disk or a lost server is.
    if (!isApiError(error) && !(error instanceof CliError)) throw error;
    tally.failures.push(`${song.id}: ${error.message}`);
  }
}

async function isThere(path: string, bytes: number, sha256: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (found?.size !== bytes) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex') === sha256;
}

function textOf({ saved, there, without, failures }: Tally, folder: string): string {
  const parts = [
    `${saved + there} songs verified in ${folder}`,
    there > 0 && `${there} of them were there`,
    without > 0 && `${without} settled without a song`,
    failures.length > 0 && `${failures.length} could not be saved`,
  ];
  return parts.filter(Boolean).join(', ');
}
