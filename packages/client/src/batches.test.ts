import { afterEach, beforeEach, expect, it } from 'vitest';
import { Songmill } from './client.ts';
import { ConnectionError, TimeoutError, ValidationError } from './errors.ts';
import { formatOfName } from './resources/batch-calls.ts';
import {
  hangUp,
  json,
  problem,
  type Reply,
  type ScriptedServer,
  startScriptedServer,
} from './testing/scripted-server.ts';

let server: ScriptedServer;
let client: Songmill;
beforeEach(async () => {
  server = await startScriptedServer();
  server.otherwise = json({ id: 'bat_1', status: 'processing' }, 202);
  client = new Songmill({ url: server.url, apiKey: 'sgm_test', pause: () => Promise.resolve() });
});
afterEach(() => server.close());

const events =
  (...told: [string, object][]): Reply =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const text = told.map(([type, data], index) => {
      return `event: ${type}\nid: ${index + 1}\ndata: ${JSON.stringify({ type, timestamp: '', data })}\n\n`;
    });
    response.end(text.join(''));
  };

it('items are sent as NDJSON with the options in the query, and a lost answer is asked for again with the same key', async () => {
  server.script(hangUp);
  async function* items() {
    yield { lyrics: 'la', custom_id: 'a' };
    yield { lyrics: 'lo' };
  }
  const options = {
    name: 'two',
    onInvalid: 'skip',
    defaults: { refer_voice: 'v', audio_setting: { format: 'wav' } },
  } as const;
  const answer = await client.batches.submit(items(), options).withResponse();
  expect(answer).toMatchObject({ data: { id: 'bat_1' }, tries: 2 });
  const [first, second] = server.received;
  expect(second!.body).toBe('{"lyrics":"la","custom_id":"a"}\n{"lyrics":"lo"}\n');
  expect(second!.headers['content-type']).toBe('application/x-ndjson');
  expect(Object.fromEntries(second!.query)).toEqual({
    ...{ name: 'two', on_invalid: 'skip', 'defaults.refer_voice': 'v', 'defaults.audio_setting.format': 'wav' },
  });
  expect(second!.headers['idempotency-key']).toBe(first!.headers['idempotency-key']);
});

it('a file is sent as what its type, its name or the caller says it is', async () => {
  await client.batches.submit(new File(['lyrics\nla\n'], 'songs.csv'));
  await client.batches.submit(new Blob(['{}\n']), { idempotencyKey: 'mine' });
  await client.batches.quote(new Blob(['lyrics\nla\n'], { type: 'text/plain' }), {
    format: 'csv',
    columns: { lyrics: 'Text' },
  });
  expect(server.received.map(({ headers }) => headers['content-type'])).toEqual([
    ...['text/csv', 'application/x-ndjson', 'text/csv'],
  ]);
  expect(server.received[1]!.headers['idempotency-key']).toBe('mine');
  expect(Object.fromEntries(server.received[2]!.query)).toEqual({ columns: 'lyrics:Text', dry_run: 'true' });
  expect(['a.CSV', 'a.tsv', 'a.jsonl', 'a.ndjson', 'a.json', 'a'].map(formatOfName)).toEqual([
    ...['csv', 'csv', 'ndjson', 'ndjson', 'json', null],
  ]);
});

it('every bad line is in the error', async () => {
  const errors = [{ line: 3, column: 2, pointer: '/lyrics', code: 'too_long', message: 'long' }];
  server.script(problem('validation_failed', 422, {}, { errors, error_count: 1 }));
  const refused = await client.batches.submit([{ lyrics: 'la' }]).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ValidationError);
  expect(refused).toMatchObject({ errors, problem: { error_count: 1 } });
});

it('a wait follows the progress through a lost connection and gives the settled batch', async () => {
  const running = { id: 'bat_1', status: 'processing' };
  const ended = { id: 'bat_1', status: 'completed' };
  server.script(events(['batch.progress', running]), hangUp, events(['batch.completed', ended]), json(ended));
  const seen: string[] = [];
  const batch = await client.batches.wait('bat_1', { onUpdate: ({ status }) => seen.push(status) });
  expect(seen).toEqual(['processing', 'completed']);
  expect(batch).toEqual(ended);
});

it('a wait that is over leaves the batch alone', async () => {
  server.otherwise = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  };
  await expect(client.batches.wait('bat_1', { timeoutMs: 100 })).rejects.toThrow(TimeoutError);
});

it('songs come one by one from a stream of lines, also when a line comes in pieces', async () => {
  server.script((response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const bytes = Buffer.from('{"id":"gen_1","custom_id":"月"}\n\n{"id":"gen_2"}');
    response.write(bytes.subarray(0, 28));
    setImmediate(() => response.end(bytes.subarray(28)));
  });
  const ids = [];
  for await (const song of client.batches.items('bat_1', { status: ['succeeded', 'failed'], after: 4 }))
    ids.push(song.id);
  expect(ids).toEqual(['gen_1', 'gen_2']);
  const [{ path, query }] = server.received as [(typeof server.received)[number]];
  expect(`${path}?${query.toString()}`).toBe(
    '/v1/batches/bat_1/results?format=jsonl&status=succeeded%2Cfailed&after=4',
  );
});

it('results that break off are an error, never the end', async () => {
  server.script((response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write('{"id":"gen_1"}\n');
    setTimeout(() => response.destroy(), 50);
  });
  const ids: string[] = [];
  const reading = (async () => {
    for await (const song of client.batches.items('bat_1')) ids.push(song.id);
  })();
  await expect(reading).rejects.toThrow(ConnectionError);
  expect(ids).toEqual(['gen_1']);
});

it('retry and resolve carry keys of their own, and a cancel is never repeated by itself', async () => {
  await client.batches.retry('bat_1', { status: ['failed'], error_codes: ['upstream_timeout'] });
  await client.batches.resolve('bat_1', { charged: false, action: 'retry' });
  server.script(hangUp);
  await expect(client.batches.cancel('bat_1')).rejects.toThrow(ConnectionError);
  const [retry, resolve, ...cancels] = server.received;
  expect(retry!.body).toBe('{"status":["failed"],"error_codes":["upstream_timeout"]}');
  expect(retry!.headers['idempotency-key']).not.toBe(resolve!.headers['idempotency-key']);
  expect(cancels).toHaveLength(1);
});
