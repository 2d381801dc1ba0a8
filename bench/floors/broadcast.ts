import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

// The floor of telling: what arrives is written to everybody who listens, and nothing else: no record, no
// Redis, no key, no history to go on from.
const listeners = new Set<ServerResponse>();
const server = createServer((req, res) => {
  if (req.method === 'GET') {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('retry: 3000\n\n');
    listeners.add(res);
    res.once('close', () => listeners.delete(res));
    return;
  }
  let body = '';
  req.setEncoding('utf8');
  req.on('data', (piece: string) => {
    body += piece;
  });
  req.on('end', () => {
    for (const listener of listeners) listener.write(`event: told\nid: 1\ndata: ${body}\n\n`);
    res.writeHead(202, { 'content-type': 'application/json' }).end('{}');
  });
});
server.listen(0, '127.0.0.1', 4096, () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
process.once('SIGTERM', () => process.exit(0));
