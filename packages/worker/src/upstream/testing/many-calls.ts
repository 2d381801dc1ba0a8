/**
 * A process of its own that makes many calls at once and says what it decoded and how much memory
 * that took. Run by `memory.test.ts`; arguments: URL, folder, number of calls.
 */
import { pino } from 'pino';
import { openUpstream } from '../client.ts';
import { accepted } from './call.ts';

const [url = '', folder = '', count = '1'] = process.argv.slice(2);
const upstream = openUpstream({
  baseUrl: url,
  timeoutMs: 120_000,
  maxResponseBytes: 100_000_000,
  readKey: () => 'key',
  logger: pino({ level: 'silent' }),
});
const idle = process.memoryUsage().rss;
let peak = idle;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss);
}, 20);
const songs = await Promise.all(
  Array.from({ length: Number(count) }, async (_, index) => {
    const request = accepted({ lyrics: `song ${index}` });
    const result = await upstream.generate({ request, spoolPath: `${folder}/${index}` });
    return result.kind === 'song' ? result.audio.sha256 : result.message;
  }),
);
clearInterval(watch);
await upstream.stop();
process.stdout.write(JSON.stringify({ songs, megabytes: Math.round((peak - idle) / 1_000_000) }));
