import { generationRequestSchema } from '@songmill/shared/contract/generation';
import { Queue } from 'bullmq';
import express from 'express';
import type { AddressInfo } from 'node:net';

// The floor of accepting: Express, the same zod shape as ours, one `queue.add`, and nothing else: no
// key, no idempotency, no limits, no log, no headers of safety, no record beside the queue's job.
const queue = new Queue('floor', { connection: { path: process.env['REDIS_SOCKET']! }, skipVersionCheck: true });
const app = express();
app.use(express.json());
// oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Express 5 hands what rejects to its error handler
app.post('/v1/generations', async (req, res) => {
  const parsed = generationRequestSchema.safeParse(req.body);
  if (!parsed.success) {
    res.status(422).json({ errors: parsed.error.issues });
    return;
  }
  const job = await queue.add('generation', parsed.data);
  res.status(202).json({ id: job.id, status: 'queued', request: parsed.data });
});
const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
process.once('SIGTERM', () => process.exit(0));
