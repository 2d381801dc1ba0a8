import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Event } from '@songmill/shared/contract/event';

// A receiver of webhooks that takes everything at once. With `TIMED=1` it notes how long after its event each one
// came, in ms; `GET /` tells all since the last look. Whatever comes to `/dead` is never answered while `POST
// /die` was the last order, and answered like the rest after `POST /live`.
const timed = process.env['TIMED'] === '1';
let count = 0;
let delays: number[] = [];
let dead = false;
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(JSON.stringify({ count, delays }));
    delays = [];
    return;
  }
  if (request.url === '/die' || request.url === '/live') {
    dead = request.url === '/die';
    response.end();
    return;
  }
  const at = performance.timeOrigin + performance.now();
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (part: string) => {
    if (timed) body += part;
  });
  request.once('end', () => {
    const isDead = request.url === '/dead';
    if (isDead && dead) return;
    count++;
    if (timed && !isDead) delays.push(at - Date.parse((JSON.parse(body) as Event).timestamp));
    response.writeHead(204).end();
  });
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
process.once('SIGTERM', () => process.exit(0));
