import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Pool } from 'undici';

// The floor of answers in memory: every body is read whole, parsed whole and decoded whole, then written.
// Arguments, call and words are those of the worker's program that is held against it.
const [url = '', folder = '', count = '1'] = process.argv.slice(2);
const upstream = new Pool(url, { connections: Number(count) });
const idle = process.memoryUsage().rss;
let peak = idle;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss);
}, 20);
const songs = await Promise.all(
  Array.from({ length: Number(count) }, async (_, index) => {
    const { body } = await upstream.request({
      method: 'POST',
      path: '/minimaxi/v1/music_generation',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ lyrics: `song ${index}` }),
    });
    const answer = (await body.json()) as { data: { audio: string } };
    const song = Buffer.from(answer.data.audio, 'hex');
    await writeFile(join(folder, String(index)), song);
    return createHash('sha256').update(song).digest('hex');
  }),
);
clearInterval(watch);
await upstream.close();
process.stdout.write(JSON.stringify({ songs, megabytes: Math.round((peak - idle) / 1_000_000) }));
