import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { LauncherError } from './failure.mjs';
import { showProgress } from './progress.mjs';

const LOOK_MS = 300;
const STALLED_MS = 600_000;
const SETTLED = new Set(['succeeded', 'failed', 'canceled', 'needs_review']);

/**
 * One lyric set and what became of it; `file` is where its song was saved.
 * @typedef {{ name: string, generation: any, file: string | null }} Sampled
 */

/**
 * Submits the lyric sets, shows their progress until all are settled, and saves the songs.
 *
 * @param {{ client: any, sets: Array<{ custom_id: string }>, folder: string,
 *   report: ReturnType<import('./report.mjs').createReport>, signal: AbortSignal }} options
 * @returns {Promise<Sampled[]>} in the order of the sets
 */
export async function runSample({ client, sets, folder, report, signal }) {
  // New in every run: a second `npm start` makes new songs, while a resent request of this one makes none.
  const run = randomUUID();
  const accepted = await report.step(`submitting ${sets.length} lyric sets`, () =>
    inOrder(sets, 4, (set, index) =>
      client.generations.create(set, { idempotencyKey: `sample-${run}-${index}`, signal }),
    ),
  );
  const settled = await untilSettled({ client, generations: accepted, report, signal });
  mkdirSync(folder, { recursive: true });
  return await inOrder(sets, 4, async ({ custom_id: name }, index) => {
    const generation = settled[index];
    if (generation.status !== 'succeeded') return { name, generation, file: null };
    const file = path.join(folder, `${name}.${generation.result.format}`);
    await save(client, generation.id, file, signal);
    return { name, generation, file };
  });
}

async function untilSettled({ client, generations, report, signal }) {
  const latest = new Map(generations.map((generation) => [generation.id, generation]));
  const progress = showProgress(report, generations.length);
  let changedAt = performance.now();
  let before = '';
  try {
    for (;;) {
      const counts = countStates([...latest.values()]);
      progress.update(counts);
      const open = [...latest.values()].filter(({ status }) => !SETTLED.has(status));
      if (open.length === 0) return [...latest.values()];
      const state = JSON.stringify(counts);
      if (state !== before) changedAt = performance.now();
      before = state;
      if (performance.now() - changedAt > STALLED_MS) {
        throw new LauncherError(
          `nothing has moved for ten minutes: ${counts.waiting} waiting (${counts.why ?? 'no reason given'})`,
        );
      }
      await sleep(LOOK_MS, undefined, { signal });
      // Songs end in about the order they were accepted in, so looking at the first few open ones is enough.
      for (const generation of await inOrder(open.slice(0, 8), 8, ({ id }) =>
        client.generations.retrieve(id, { signal }),
      )) {
        latest.set(generation.id, generation);
      }
    }
  } finally {
    progress.end();
  }
}

function countStates(generations) {
  const count = (...states) => generations.filter(({ status }) => states.includes(status)).length;
  const blocked = generations.find(({ queue }) => queue?.blocked_by != null)?.queue;
  return {
    succeeded: count('succeeded'),
    failed: count('failed', 'canceled', 'needs_review'),
    processing: count('processing'),
    waiting: count('queued', 'scheduled'),
    why: blocked ? [blocked.blocked_by, blocked.reason].filter(Boolean).join(': ') : null,
  };
}

/** Whole under its name or not there at all; the client checks the length. */
async function save(client, id, file, signal) {
  const temporary = `${file}.${process.pid}.part`;
  try {
    await client.generations.download(id, Writable.toWeb(createWriteStream(temporary)), { signal });
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Maps with at most `width` at once; results keep the order. */
async function inOrder(items, width, work) {
  const results = [];
  const queue = items.entries();
  const lane = async () => {
    for (const [index, item] of queue) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results;
}
