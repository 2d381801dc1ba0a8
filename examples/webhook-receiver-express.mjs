// Receives Songmill's webhooks with Express 5 and Songmill's own verifier:
//   PORT=3000 WEBHOOK_SECRET=whsec_… node webhook-receiver-express.mjs
import { isWebhookVerificationError, verifyWebhook } from '@songmill/client/webhooks';
import express from 'express';

// While a secret is rotated both go here, with a comma between them.
const secrets = (process.env.WEBHOOK_SECRET ?? '').split(',');
// Ids of events that were taken. A unique column of your database does this for good.
const taken = new Set();
// The newest news of each song: events may overtake each other, sequence numbers do not.
const latest = new Map();

const app = express();

// The raw body, not express.json(): parsing loses the very bytes that were signed.
app.post('/webhooks', express.raw({ type: '*/*', limit: '1mb' }), async (request, response) => {
  const event = await verifyWebhook(request.body, request.headers, secrets);
  const id = request.get('webhook-id');
  if (!taken.has(id)) {
    // Write it down here and work on it elsewhere: the sender waits 15 seconds, and after a 2xx it never comes again.
    take(event);
    taken.add(id);
  }
  response.sendStatus(204);
});

app.use((error, _request, response, next) => {
  if (isWebhookVerificationError(error)) response.status(400).send(error.message);
  else next(error);
});

function take({ type, data }) {
  if (data.sequence !== undefined) {
    if ((latest.get(data.id) ?? 0) > data.sequence) return;
    latest.set(data.id, data.sequence);
  }
  console.log(JSON.stringify({ msg: 'taken', type, id: data.id, sequence: data.sequence }));
}

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${server.address().port}/webhooks` }));
});
