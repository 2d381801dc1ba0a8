import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Songmill } from './client.ts';
import { json, type ScriptedServer, startScriptedServer } from './testing/scripted-server.ts';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.otherwise = (response, request) => {
    if (request.path.endsWith('/events') && request.headers.accept === 'text/event-stream') {
      response.writeHead(204).end();
    } else json({ data: [], has_more: false, next_cursor: null, status: 'succeeded' })(response, request);
  };
});
afterEach(() => server.close());

const ID = 'the_id';
const text = new Blob(['{}\n'], { type: 'application/x-ndjson' });
const nowhere = () => new WritableStream<Uint8Array>();
const retry = { charged: false, action: 'retry' } as const;

/** What the client can do, one call each. */
const CALLS: ((client: Songmill) => unknown)[] = [
  (client) => client.generations.create({}),
  (client) => client.generations.list(),
  (client) => client.generations.retrieve(ID),
  (client) => client.generations.delete(ID),
  (client) => client.generations.cancel(ID),
  (client) => client.generations.retry(ID),
  (client) => client.generations.resolve(ID, retry),
  (client) => client.generations.download(ID, nowhere()),
  (client) => client.generations.events(ID).next(),
  (client) => client.references.upload({ file: new Blob(['x']), purpose: 'voice' }),
  (client) => client.references.list(),
  (client) => client.references.retrieve(ID),
  (client) => client.references.delete(ID),
  (client) => client.references.retry(ID),
  (client) => client.models.list(),
  (client) => client.events.list(),
  (client) => client.batches.submit(text),
  (client) => client.batches.list(),
  (client) => client.batches.retrieve(ID),
  (client) => client.batches.delete(ID),
  (client) => client.batches.events(ID).next(),
  (client) => client.batches.results(ID),
  (client) => client.batches.errors(ID),
  (client) => client.batches.cancel(ID),
  (client) => client.batches.retry(ID),
  (client) => client.batches.resolve(ID, retry),
  (client) => client.bulkActions.create({ action: 'retry', filter: { batch_id: 'bat_1' } }),
  (client) => client.bulkActions.list(),
  (client) => client.bulkActions.retrieve(ID),
  (client) => client.bulkActions.cancel(ID),
  (client) => client.webhookEndpoints.create({ url: 'https://a.example/' }),
  (client) => client.webhookEndpoints.list(),
  (client) => client.webhookEndpoints.retrieve(ID),
  (client) => client.webhookEndpoints.update(ID, {}),
  (client) => client.webhookEndpoints.delete(ID),
  (client) => client.webhookEndpoints.rotateSecret(ID),
  (client) => client.webhookEndpoints.test(ID),
  (client) => client.webhookEndpoints.recover(ID, { since: new Date() }),
  (client) => client.webhookSecret.retrieve(),
  (client) => client.webhookSecret.rotate(),
  (client) => client.webhookDeliveries.list(),
  (client) => client.webhookDeliveries.retrieve(ID),
  (client) => client.webhookDeliveries.redeliver(ID),
  (client) => client.queues.list(),
  (client) => client.queues.pause('generate'),
  (client) => client.queues.resume('generate'),
  (client) => client.workers.list(),
  (client) => client.apiKeys.create({ name: 'a' }),
  (client) => client.apiKeys.list(),
  (client) => client.apiKeys.delete(ID),
  (client) => client.health.live(),
  (client) => client.health.ready(),
];

/** Routes that serve people and tools: pages, and the document itself. */
const NOT_FOR_PROGRAMS = /^GET \/(docs|openapi\.json|metrics|console|admin)/;

it('there is a call for every route of the API', async () => {
  const client = new Songmill({ url: server.url, apiKey: 'sgm_test', maxRetries: 0 });
  for (const call of CALLS) await call(client);
  const called = new Set(
    server.received.map(({ method, path }) => {
      return `${method} ${path.replace(ID, '{id}').replace('/queues/generate/', '/queues/{name}/')}`;
    }),
  );
  const { paths } = JSON.parse(await readFile(new URL('../../../docs/openapi.json', import.meta.url), 'utf8')) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(routes.length).toBeGreaterThan(30);
  expect(routes.filter((route) => !called.has(route) && !NOT_FOR_PROGRAMS.test(route))).toEqual([]);
});
