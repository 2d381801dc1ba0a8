import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { composeSong } from '@songmill/simulator/audio/song';

// An upstream that answers at once: one real song, made when it starts, for every call. The simulator
// would do too, but it writes and syncs a ledger before each answer, which would be what is measured.
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
let calls = 0;
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ calls }));
    return;
  }
  request.resume();
  request.once('end', () => {
    calls++;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
    response.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
process.once('SIGTERM', () => process.exit(0));
