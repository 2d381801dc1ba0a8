import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Event } from '@songmill/shared/contract/event';

// A receiver of webhooks that takes everything at once. `GET /` tells how many it took; with `TIMED=1` also how many
// ms after its event each one came since the last look. Between `POST /die` and `POST /live` nothing that comes to
// `/dead` is answered, and what comes there is never timed.
const timed = process.env['TIMED'] === '1';
const held: (() => void)[] = [];
let taken = 0;
let delays: number[] = [];
let dead = false;
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ taken, delays }));
    delays = [];
    return;
  }
  if (request.url === '/die' || request.url === '/live') {
    dead = request.url === '/die';
    for (const give of held.splice(0)) give();
    response.end();
    return;
  }
  const at = performance.timeOrigin + performance.now();
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () => {
    const give = () => {
      taken++;
      response.writeHead(204).end();
    };
    if (request.url !== '/dead') {
      if (timed) delays.push(at - Date.parse((JSON.parse(Buffer.concat(chunks).toString()) as Event).timestamp));
      give();
    } else if (dead) held.push(give);
    else give();
  });
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
process.once('SIGTERM', () => process.exit(0));
