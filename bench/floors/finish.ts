import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GenerationRequest } from '@songmill/shared/contract/generation';
import { Worker } from 'bullmq';
import { Pool } from 'undici';

// The floor of finishing: a bare BullMQ worker that makes the same call and writes the same decoded
// file, with `SYNC=1` also made durable as ours is. It keeps no record and no journal, checks nothing,
// and a crash loses or buys again whatever is under way.
const upstream = new Pool(process.env['UPSTREAM_URL']!, { connections: Number(process.env['CONCURRENCY']) });
const folder = process.env['SONGS']!;
const durable = process.env['SYNC'] === '1';
const BOUNDARY = 'floor-7d2f6a0c4b1e9358';

function form(request: GenerationRequest): string {
  const fields = [
    ['model', request.model ?? 'music-01'],
    ['lyrics', request.lyrics],
    ['refer_voice', request.refer_voice],
    ['refer_instrumental', request.refer_instrumental],
    ['audio_setting', JSON.stringify(request.audio_setting)],
  ];
  const parts = fields.map(
    ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return `${parts.join('')}--${BOUNDARY}--\r\n`;
}

const worker = new Worker<GenerationRequest>(
  'floor',
  async (job) => {
    const { statusCode, body } = await upstream.request({
      method: 'POST',
      path: '/minimaxi/v1/music_generation',
      headers: {
        authorization: 'Bearer floor',
        'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      },
      body: form(job.data),
    });
    const answer = (await body.json()) as { data: { audio: string } };
    if (statusCode !== 200) throw new Error(`the upstream answered ${statusCode}`);
    const song = Buffer.from(answer.data.audio, 'hex');
    const path = join(folder, `${job.id}.mp3`);
    if (durable) await writeDurably(path, song);
    else await writeFile(path, song);
  },
  {
    connection: { path: process.env['REDIS_SOCKET']! },
    concurrency: Number(process.env['CONCURRENCY']),
    skipVersionCheck: true,
  },
);
worker.on('error', (error) => process.stderr.write(`${error.message}\n`));
process.stdout.write(`${JSON.stringify({ msg: 'listening', url: 'about:floor' })}\n`);
process.once('SIGTERM', () => process.exit(0));

async function writeDurably(path: string, song: Buffer): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.write(song);
    await file.datasync();
  } finally {
    await file.close();
  }
}
