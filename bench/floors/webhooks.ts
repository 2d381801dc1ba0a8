import { readFileSync } from 'node:fs';
import { Pool } from 'undici';

// The floor of webhooks: undici alone sends the same bodies to the same receiver, as many at once as ours at most.
// It signs nothing and writes nothing down, and what fails is lost. With `FRESH=1` each request has a connection of
// its own, as ours have for the sake of safety.
const receiver = new Pool(process.env['RECEIVER_URL']!, {
  connections: Number(process.env['CONCURRENCY']),
  ...(process.env['FRESH'] === '1' ? { pipelining: 0 } : {}),
});
const bodies = JSON.parse(readFileSync(process.env['BODIES']!, 'utf8')) as string[];
process.stdout.write(`${JSON.stringify({ msg: 'listening', url: 'about:floor' })}\n`);
process.once('SIGTERM', () => process.exit(0));
// It stays until it is told to leave, also when all is sent.
setInterval(() => undefined, 60_000);

async function sendNext(): Promise<void> {
  for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
    const answer = await receiver.request({
      method: 'POST',
      path: '/all',
      headers: { 'content-type': 'application/json' },
      body,
    });
    await answer.body.dump();
    if (answer.statusCode !== 204) throw new Error(`the receiver answered ${answer.statusCode}`);
  }
}
await Promise.all(Array.from({ length: Number(process.env['CONCURRENCY']) }, sendNext));
