import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Batch, BatchQuote } from '@songmill/shared/contract/batch';
import type { Problem } from '@songmill/shared/contract/problem';
import { itemId } from '@songmill/shared/runtime/ids';
import { itemsKey, readBatchRecord } from '@songmill/shared/runtime/records/batches';
import { ingestItems, type SpooledItem } from '@songmill/shared/runtime/records/ingest';
import { StorageError } from '@songmill/shared/runtime/storage/storage-error';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ApiFixture, KEY, startFixture } from '../testing/api-fixture.ts';

let fixture: ApiFixture;

beforeAll(async () => {
  const PRICES = JSON.stringify({ 'music-01': { amount: '0.05', currency: 'PTC' } });
  const tests = {
    MAX_BATCH_BYTES: '2000000',
    MAX_BATCH_ITEMS: '5000',
    MAX_WAITING: '8000',
    WEBHOOK_ALLOW_PRIVATE: 'true',
  };
  fixture = await startFixture({ ...tests, PRICES });
  // Bodies are received into a folder of this file's own, so that what is left there is its own.
  vi.stubEnv('TMPDIR', fixture.dir);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await fixture.stop();
});

const PATIENCE = { timeout: 20_000 };
/** Bodies with an idempotency key that are on their way. */
const arriving = async () => (await fixture.store.redis.keys(`${fixture.store.keys.root}arriving:*`)).length;

const song = (lyrics: string, more: object = {}) => JSON.stringify({ lyrics, refer_voice: 'v', ...more });

function submit(body: string | Uint8Array, query = '', headers: Record<string, string> = {}) {
  const type = { 'content-type': 'application/x-ndjson' };
  return fixture.call(`/v1/batches${query}`, {
    method: 'POST',
    body: body as NonNullable<RequestInit['body']>,
    headers: { ...type, ...headers },
  });
}

async function accepted(body: string, query = '', headers: Record<string, string> = {}): Promise<Batch> {
  const response = await submit(body, query, headers);
  expect(response.status, await response.clone().text()).toBe(202);
  return (await response.json()) as Batch;
}

const problem = async (response: Response) =>
  (await response.json()) as Problem & { error_count?: number; truncated?: boolean };
const spooled = (id: string) =>
  fixture.storage.songs
    .get(itemsKey(id))!
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SpooledItem);
const waiting = async () => Number(await fixture.store.redis.get(fixture.store.keys.waiting));
const batches = () => fixture.store.redis.zcard(fixture.store.keys.batches('default'));

/** Records everything that storage holds of a batch, as a worker does. */
async function ingest(id: string) {
  const { bytes } = (await readBatchRecord(fixture.store, id))!;
  const items = spooled(id).map(({ index, request: asked }) => ({
    ...{ id: itemId(id, index), index, policy: 'retry' as const, request: asked },
  }));
  expect(await ingestItems(fixture.store, { id, from: 0, to: bytes, items })).toMatchObject({ outcome: 'ingested' });
}

describe('POST /v1/batches', () => {
  it('NDJSON, CSV and JSON of the same songs are the same batch', async () => {
    const options =
      'name=Album&metadata.a=1&defaults.refer_voice=d&defaults.audio_setting.format=wav&webhook.url=http://127.0.0.1:9/x';
    const bodies = [
      ['application/x-ndjson', '{"lyrics":"a"}\n{"lyrics":"b","custom_id":"x"}\n', options],
      ['text/csv; charset=utf-8', 'Text,custom_id\na,\nb,x\n', `${options}&columns=lyrics:Text`],
      [
        'application/json',
        JSON.stringify({
          items: [{ lyrics: 'a' }, { lyrics: 'b', custom_id: 'x' }],
          ...{ name: 'Album', metadata: { a: '1' }, webhook: { url: 'http://127.0.0.1:9/x' } },
          defaults: { refer_voice: 'd', audio_setting: { format: 'wav' } },
        }),
        '',
      ],
    ] as const;
    for (const [type, body, query] of bodies) {
      const batch = await accepted(body, query && `?${query}`, { 'content-type': type });
      expect(batch).toMatchObject({
        ...{ object: 'batch', status: 'ingesting', project: 'default', name: 'Album', metadata: { a: '1' } },
        webhook: { url: 'http://127.0.0.1:9/x', events: ['batch.completed', 'batch.canceled'] },
        counts: { total: 2, queued: 2, processing: 0, skipped: 0 },
        cost: { currency: 'PTC', estimated: '0.10', charged: '0.00', unknown: '0.00' },
      });
      expect(
        spooled(batch.id).map(({ index, request: { lyrics, refer_voice, priority, price } }) => [
          index,
          lyrics,
          refer_voice,
          priority,
          price,
        ]),
      ).toEqual([
        [0, 'a', 'd', 'bulk', { amount: '0.05', currency: 'PTC' }],
        [1, 'b', 'd', 'bulk', { amount: '0.05', currency: 'PTC' }],
      ]);
    }
  });

  it('every bad line is told, and nothing is kept or enqueued', async () => {
    const [before, known] = [await waiting(), await batches()];
    const lines = [
      song('a'),
      '{',
      song('b', { refer_voice: '' }),
      song('c', { voice_reference: 'ref_x', refer_voice: '' }),
    ];
    const response = await submit(lines.join('\n'));
    expect(response.status).toBe(422);
    const told = await problem(response);
    expect(told.errors!.map(({ line, pointer, code }) => [line, pointer, code])).toEqual([
      [2, '', 'malformed_json'],
      [3, '', 'reference_required'],
      [4, '/voice_reference', 'unknown_reference'],
    ]);
    expect(told).toMatchObject({ error_count: 3, truncated: false });
    expect([await waiting(), await batches()]).toEqual([before, known]);
  });

  it('the first 1,000 faults are told and all are counted; who asks for NDJSON gets every one', async () => {
    const body = '{}\n'.repeat(1500);
    const told = await problem(await submit(body));
    expect(told).toMatchObject({ error_count: 3000, truncated: true });
    expect(told.errors).toHaveLength(1000);
    const all = await submit(body, '', { accept: 'application/x-ndjson' });
    expect([all.status, all.headers.get('content-type')]).toEqual([422, 'application/x-ndjson']);
    expect((await all.text()).trimEnd().split('\n')).toHaveLength(3000);
  });

  it('skip takes the good lines and counts the bad ones, unless none is good', async () => {
    const batch = await accepted(`${song('a')}\n{\n${song('b')}\n`, '?on_invalid=skip');
    expect(batch.counts).toMatchObject({ total: 3, queued: 2, skipped: 1 });
    expect(spooled(batch.id).map(({ index, line }) => [index, line])).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(fixture.storage.songs.get(`${batch.id}/skipped.ndjson`)!.toString()).toContain('"raw":"{"');
    expect((await submit('{\n', '?on_invalid=skip')).status).toBe(422);
  });

  it('a dry run quotes and keeps nothing', async () => {
    const [before, known] = [await waiting(), await batches()];
    const body = `${song('a', { custom_id: 'x' })}\n${song('b', { custom_id: 'x' })}\n`;
    const response = await submit(body, '?dry_run=true', { 'idempotency-key': 'dry' });
    expect(response.status).toBe(200);
    expect((await response.json()) as BatchQuote).toMatchObject({
      ...{ object: 'batch_quote', would_accept: false, total: 2, valid: 1, invalid: 1, duplicates: 1, error_count: 1 },
      cost: { currency: 'PTC', low: '0.05', high: '0.10' },
    });
    expect([await waiting(), await batches()]).toEqual([before, known]);
  });

  it('the same key gives the same batch for the same bytes, and is refused for others', async () => {
    const headers = { 'idempotency-key': 'same' };
    const first = await accepted(song('a'), '', headers);
    const again = await submit(song('a'), '', headers);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
    expect(((await again.json()) as Batch).id).toBe(first.id);
    expect((await submit(`${song('a')}\n`, '', headers)).status).toBe(422);
    expect((await submit(song('a'), '?name=x', headers)).status).toBe(422);
  });

  it('two at once with one key give one batch; the one that comes while the other arrives is told to come back', async () => {
    const headers = {
      'idempotency-key': 'slow',
      'content-type': 'application/x-ndjson',
      authorization: `Bearer ${KEY}`,
    };
    await expect.poll(arriving, PATIENCE).toBe(0);
    const slow = request(`${fixture.api.url}/v1/batches`, { method: 'POST', headers });
    const answered = new Promise<number>((resolve, reject) => {
      slow.once('response', (response) => resolve(response.resume().statusCode ?? 0)).once('error', reject);
    });
    slow.write(`${song('a')}\n`);
    await expect.poll(arriving, PATIENCE).toBe(1);
    const early = await submit(song('a'), '', headers);
    expect([early.status, early.headers.get('retry-after')]).toEqual([409, '5']);
    slow.end();
    expect(await answered).toBe(202);
    expect((await submit(`${song('a')}\n`, '', headers)).status).toBe(202);
  });

  it('a caller that leaves while sending leaves nothing behind', async () => {
    const known = await batches();
    const headers = {
      'idempotency-key': 'left',
      'content-type': 'application/x-ndjson',
      authorization: `Bearer ${KEY}`,
    };
    await expect.poll(arriving, PATIENCE).toBe(0);
    const leaving = request(`${fixture.api.url}/v1/batches`, { method: 'POST', headers });
    leaving.on('error', () => {});
    leaving.write(`${song('a')}\n`);
    await expect.poll(arriving, PATIENCE).toBe(1);
    leaving.destroy();
    await expect.poll(arriving, PATIENCE).toBe(0);
    expect(await batches()).toBe(known);
    const folders = async () => (await readdir(fixture.dir)).filter((name) => name.startsWith('songmill-batch-'));
    await expect.poll(folders, PATIENCE).toEqual([]);
    expect((await submit(`${song('a')}\n`, '', headers)).status).toBe(202);
  });

  it.each([
    ['too many bytes', 'x'.repeat(2_000_001), '', {}, 413, 'body_too_large'],
    ['too many items', `${song('a')}\n`.repeat(5001), '', {}, 422, 'validation_failed'],
    ['a compressed body', gzipSync(song('a')), '', { 'content-encoding': 'gzip' }, 415, 'unsupported_media_type'],
    ['gzip without saying so', gzipSync(song('a')), '', {}, 422, 'validation_failed'],
    ['UTF-16', Buffer.from(`\ufeff${song('a')}`, 'utf16le'), '', {}, 422, 'validation_failed'],
    ['another type', song('a'), '', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['broken JSON', '{"items":[{}', '', { 'content-type': 'application/json' }, 400, 'malformed_body'],
    ['an unknown option', song('a'), '?nme=x', {}, 422, 'validation_failed'],
    ['options of CSV for NDJSON', song('a'), '?columns=lyrics:a', {}, 422, 'validation_failed'],
    ['no item', '\n', '', {}, 422, 'validation_failed'],
    ['a webhook to a URL that is none', song('a'), '?webhook.url=ftp://x', {}, 422, 'validation_failed'],
    ['a start_by that is over', song('a', { start_by: '2020-01-01T00:00:00Z' }), '', {}, 422, 'validation_failed'],
  ] as const)('%s is refused', async (_title, body, query, headers, status, code) => {
    const response = await submit(body, query, headers);
    expect([response.status, (await problem(response)).code]).toEqual([status, code]);
  });

  it('more than may wait is refused as a whole', async () => {
    const response = await submit(`${song('a')}\n`.repeat(5000));
    expect(response.status).toBe(202);
    const full = await submit(`${song('a')}\n`.repeat(5000));
    expect([full.status, (await problem(full)).code]).toEqual([429, 'queue_full']);
    expect(await fixture.store.redis.zcard(fixture.store.keys.spools)).toBeGreaterThan(0);
  });

  it('fault: storage that is away keeps nothing, and the key can be used again', async () => {
    const headers = { 'idempotency-key': 'away' };
    fixture.storage.fault = new StorageError('unavailable', 'away');
    const response = await submit(song('a'), '', headers);
    fixture.storage.fault = null;
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    expect((await submit(song('a'), '', headers)).status).toBe(202);
  });
});

describe('reading batches', () => {
  it('items are listed in input order, page by page and filtered', async () => {
    const batch = await accepted(['a', 'b', 'c'].map((text) => song(text, { custom_id: text })).join('\n'));
    await ingest(batch.id);
    const list = async (query: string) => {
      const response = await fixture.call(`/v1/generations?batch_id=${batch.id}&${query}`);
      const page = (await response.json()) as {
        data: { custom_id: string }[];
        next_cursor: string | null;
        has_more: boolean;
      };
      return { ids: page.data.map(({ custom_id }) => custom_id), next: page.next_cursor };
    };
    const first = await list('limit=2');
    expect(first.ids).toEqual(['a', 'b']);
    expect(await list(`limit=2&after=${first.next}`)).toEqual({ ids: ['c'], next: null });
    expect((await list('limit=3')).next).toBeNull();
    expect((await list('custom_id=b&status=queued')).ids).toEqual(['b']);
    expect((await list('status=failed')).ids).toEqual([]);
  });

  it('one batch and the list show live counts; other projects see none of it', async () => {
    const batch = await accepted(`${song('a')}\n${song('b')}`);
    await ingest(batch.id);
    const shown = (await (await fixture.call(`/v1/batches/${batch.id}`)).json()) as Batch;
    expect(shown).toMatchObject({ status: 'processing', counts: { total: 2, queued: 2 }, eta_seconds: null });
    const list = (await (await fixture.call('/v1/batches?limit=1')).json()) as { data: Batch[]; has_more: boolean };
    expect([list.data[0]!.id, list.has_more]).toEqual([batch.id, true]);
    const made = await fixture.post('/v1/api-keys', { name: 'other', project: 'other', scopes: ['read'] });
    const { key } = (await made.json()) as { key: string };
    const headers = { authorization: `Bearer ${key}` };
    expect((await fixture.call(`/v1/batches/${batch.id}`, { headers })).status).toBe(404);
    expect((await fixture.call(`/v1/batches/${batch.id}/events`, { headers })).status).toBe(404);
    expect(await (await fixture.call('/v1/batches', { headers })).json()).toMatchObject({ data: [] });
    expect(await (await fixture.call(`/v1/generations?batch_id=${batch.id}`, { headers })).json()).toMatchObject({
      data: [],
    });
  });

  it('the stream ends when its key has been revoked', async () => {
    const made = await fixture.post('/v1/api-keys', { name: 'leaves', project: 'default', scopes: ['read'] });
    const { id, key } = (await made.json()) as { id: string; key: string };
    const batch = await accepted(song('a'));
    await ingest(batch.id);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const headers = { authorization: `Bearer ${key}` };
      const stream = await fixture.call(`/v1/batches/${batch.id}/events`, { headers });
      const text = stream.text();
      expect((await fixture.call(`/v1/api-keys/${id}`, { method: 'DELETE' })).status).toBe(204);
      vi.advanceTimersByTime(15_000);
      expect(await text).not.toContain('batch.completed');
    } finally {
      vi.useRealTimers();
    }
  });

  it('the stream tells progress and the end, and a reader that comes back after the end gets 204', async () => {
    const batch = await accepted(song('a'));
    await ingest(batch.id);
    const stream = await fixture.call(`/v1/batches/${batch.id}/events`);
    const text = stream.text();
    expect((await fixture.call(`/v1/generations/${itemId(batch.id, 0)}/cancel`, { method: 'POST' })).status).toBe(200);
    const events = [...(await text).matchAll(/^event: (\S+)\nid: (\d+)\ndata: (.*)$/gm)];
    expect(events.map(([, type]) => type)).toEqual(['batch.progress', 'batch.completed']);
    const [, , id, data] = events[1]!;
    expect((JSON.parse(data!) as { data: Batch }).data).toMatchObject({ status: 'failed', counts: { canceled: 1 } });
    const again = await fixture.call(`/v1/batches/${batch.id}/events`, { headers: { 'last-event-id': id! } });
    expect(again.status).toBe(204);
    const ahead = await fixture.call(`/v1/batches/${batch.id}/events`, { headers: { 'last-event-id': '99999' } });
    expect(await ahead.text()).toMatch(/event: reset[\s\S]*event: batch\.completed/);
  });
});
