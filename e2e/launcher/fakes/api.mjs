// Stands in for the API: listens, says so, is ready, and leaves its key where the real one does.
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { countSignals } from './count-signals.mjs';

mkdirSync('data', { recursive: true });
writeFileSync('data/api-key', 'sgm_fake\n', { mode: 0o600 });
const server = http.createServer((_request, response) => response.end('{"status":"ok"}'));
server.listen(Number(process.env.API_PORT), '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  process.stdout.write(`${JSON.stringify({ level: 30, msg: 'listening', url })}\n`);
});
countSignals('api');
