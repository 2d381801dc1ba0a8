import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { composeSong } from '@songmill/simulator/audio/song';

// An upstream that answers at once: one real song, made when it starts, for every call. The simulator
// would do too, but it writes and syncs a ledger before each answer, which would be what is measured.
// With `HOLD=1` nobody is answered before `POST /release`, which answers all who wait by then.
const song = await composeSong({
  text: 'the song of the benchmarks',
  seconds: 1,
  bytes: Number(process.env['SONG_BYTES']),
  sampleRate: 44_100,
  bitrate: 128_000,
  format: 'mp3',
});
const answer = Buffer.from(
  JSON.stringify({
    data: { status: 2, audio: Buffer.concat(song.hex).toString('latin1') },
    trace_id: '04ede0ab069fb1ba8be5156a24b1e081',
    extra_info: { audio_length: song.durationMs, audio_size: song.bytes, audio_bitrate: song.bitrate },
    base_resp: { status_code: 0, status_msg: 'success' },
  }),
);
const hold = process.env['HOLD'] === '1';
const held: (() => void)[] = [];
let calls = 0;
/** When the first bytes of the last call were here, in ms of the machine's clock. */
let lastAt = 0;
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ calls, lastAt }));
    return;
  }
  if (request.url === '/release') {
    for (const give of held.splice(0)) give();
    response.end();
    return;
  }
  lastAt = performance.timeOrigin + performance.now();
  request.resume();
  request.once('end', () => {
    calls++;
    const give = () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
      response.end(answer);
    };
    if (hold) held.push(give);
    else give();
  });
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
process.once('SIGTERM', () => process.exit(0));
