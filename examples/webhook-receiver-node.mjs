// Receives Songmill's webhooks with nothing but Node 18 or newer, for those who want no dependency:
//   PORT=3000 WEBHOOK_SECRET=whsec_… node webhook-receiver-node.mjs
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const MOST_BYTES = 1024 * 1024;
const TOLERANCE_SECONDS = 300;

// While a secret is rotated both go here, with a comma between them.
const keys = (process.env.WEBHOOK_SECRET ?? '').split(',').map((secret) => {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  // An empty key would verify what anybody can sign.
  if (key.length === 0) throw new Error('set WEBHOOK_SECRET to the whsec_… that Songmill showed');
  return key;
});
// Ids of events that were taken. A unique column of your database does this for good.
const taken = new Set();

/** Standard Webhooks 1.0.0: one of the signatures must be ours, and of these five minutes. */
function isGenuine(body, headers) {
  const timestamp = headers['webhook-timestamp'] ?? '';
  if (!/^\d+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const expected = keys.map((key) =>
    createHmac('sha256', key).update(`${headers['webhook-id']}.${timestamp}.`).update(body).digest(),
  );
  return String(headers['webhook-signature'])
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice(3), 'base64'))
    .some((given) => expected.some((mac) => given.length === mac.length && timingSafeEqual(given, mac)));
}

async function receive(request, response) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) return response.writeHead(413, { connection: 'close' }).end();
    chunks.push(chunk);
  }
  // The bytes as they came: parsing loses the very bytes that were signed.
  const body = Buffer.concat(chunks);
  if (!isGenuine(body, request.headers)) return response.writeHead(400).end('no valid signature');
  const id = request.headers['webhook-id'];
  if (!taken.has(id)) {
    // Write it down here and work on it elsewhere: the sender waits 15 seconds, and after a 2xx it never comes again.
    const { type, data } = JSON.parse(body.toString('utf8'));
    console.log(JSON.stringify({ msg: 'taken', type, id: data.id, sequence: data.sequence }));
    taken.add(id);
  }
  response.writeHead(204).end();
}

const server = createServer((request, response) => {
  receive(request, response).catch((error) => {
    console.error(error);
    // Anything but 2xx: it comes again.
    response.writeHead(500).end();
  });
});
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${server.address().port}/webhooks` }));
});
