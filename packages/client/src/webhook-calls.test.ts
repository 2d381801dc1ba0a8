import { afterEach, beforeEach, expect, it } from 'vitest';
import { Songmill } from './client.ts';
import { json, type ScriptedServer, startScriptedServer } from './testing/scripted-server.ts';

let server: ScriptedServer;
let client: Songmill;
beforeEach(async () => {
  server = await startScriptedServer();
  server.otherwise = json({ data: [], has_more: false, next_cursor: null });
  client = new Songmill({ url: server.url, apiKey: 'sgm_test', maxRetries: 0 });
});
afterEach(() => server.close());

it('an endpoint is made with an idempotency key, changed, tested, given a new secret and deleted', async () => {
  await client.webhookEndpoints.create({ url: 'https://a.example/', events: ['generation.failed'] });
  await client.webhookEndpoints.update('whe_1', { enabled: true });
  await client.webhookEndpoints.test('whe_1');
  await client.webhookEndpoints.rotateSecret('whe_1', { overlapHours: 1 });
  await client.webhookEndpoints.delete('whe_1');
  const sent = server.received.map(({ method, path, body }) => `${method} ${path} ${body}`.trimEnd());
  expect(sent).toEqual([
    'POST /v1/webhook-endpoints {"url":"https://a.example/","events":["generation.failed"]}',
    'PATCH /v1/webhook-endpoints/whe_1 {"enabled":true}',
    'POST /v1/webhook-endpoints/whe_1/test {}',
    'POST /v1/webhook-endpoints/whe_1/rotate-secret {"overlap_hours":1}',
    'DELETE /v1/webhook-endpoints/whe_1',
  ]);
  expect(server.received[0]?.headers['idempotency-key']).toMatch(/^[\w-]{36}$/);
});

it('a span of time is recovered or counted, given as dates or text', async () => {
  const since = new Date('2026-11-21T00:00:00Z');
  await client.webhookEndpoints.recover('whe_1', { since, dryRun: true });
  await client.webhookEndpoints.recover('whe_1', { since: '2026-11-21T00:00:00+01:00', until: since });
  expect(server.received.map(({ path }) => path)).toEqual(Array(2).fill('/v1/webhook-endpoints/whe_1/recover'));
  expect(server.received.map(({ body }): unknown => JSON.parse(body))).toEqual([
    { since: '2026-11-21T00:00:00.000Z', dry_run: true },
    { since: '2026-11-21T00:00:00+01:00', until: '2026-11-21T00:00:00.000Z', dry_run: false },
  ]);
});

it('deliveries are listed by filters, page after page, and sent again', async () => {
  server.script(json({ data: [{ id: 'dlv_2' }], has_more: true, next_cursor: 'c' }));
  const seen = [];
  const filters = { status: ['failed', 'canceled'], endpoint_id: 'whe_1', limit: 1 } as const;
  for await (const { id } of client.webhookDeliveries.list(filters)) seen.push(id);
  await client.webhookDeliveries.redeliver('dlv_2');
  expect(seen).toEqual(['dlv_2']);
  expect(server.received.map(({ path, query }) => `${path}?${query.toString()}`)).toEqual([
    '/v1/webhook-deliveries?endpoint_id=whe_1&status=failed%2Ccanceled&limit=1',
    '/v1/webhook-deliveries?endpoint_id=whe_1&status=failed%2Ccanceled&limit=1&after=c',
    '/v1/webhook-deliveries/dlv_2/redeliver?',
  ]);
});

it("the project's secret is read and rotated", async () => {
  server.otherwise = json({ secret: 'whsec_x' });
  expect(await client.webhookSecret.retrieve()).toEqual({ secret: 'whsec_x' });
  await client.webhookSecret.rotate();
  expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /v1/webhook-secret',
    'POST /v1/webhook-secret/rotate',
  ]);
});
