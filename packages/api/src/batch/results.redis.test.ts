import { crc32 } from 'node:zlib';
import type { Batch } from '@songmill/shared/contract/batch';
import type { Generation } from '@songmill/shared/contract/generation';
import type { Problem } from '@songmill/shared/contract/problem';
import { itemId } from '@songmill/shared/runtime/ids';
import { cancelGeneration } from '@songmill/shared/runtime/records/cancel';
import { itemsKey, readBatchRecord } from '@songmill/shared/runtime/records/batches';
import { ingestItems, type SpooledItem } from '@songmill/shared/runtime/records/ingest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiFixture, startFixture } from '../testing/api-fixture.ts';
import { fail, publish } from '../testing/settle.ts';

let fixture: ApiFixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

/** Submits items and records them, as a worker does. */
async function batchOf(lines: readonly (object | string)[], query = ''): Promise<Batch> {
  const body = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  const headers = { 'content-type': 'application/x-ndjson' };
  const response = await fixture.call(`/v1/batches${query}`, { method: 'POST', body, headers });
  expect(response.status, await response.clone().text()).toBe(202);
  const batch = (await response.json()) as Batch;
  const { bytes } = (await readBatchRecord(fixture.store, batch.id))!;
  const spool = fixture.storage.songs.get(itemsKey(batch.id))!.toString().trimEnd().split('\n');
  const items = spool.map((line) => {
    const { index, request } = JSON.parse(line) as SpooledItem;
    return { id: itemId(batch.id, index), index, policy: 'retry' as const, request };
  });
  await ingestItems(fixture.store, { id: batch.id, from: 0, to: bytes, items });
  return batch;
}

const song = (custom_id: string | null, more: object = {}) => ({ lyrics: 'la', refer_voice: 'v', custom_id, ...more });
const get = (batch: Batch, what: string) => fixture.call(`/v1/batches/${batch.id}/${what}`);
const linesOf = async (response: Response) => {
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  const text = await response.text();
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
};
const problem = async (response: Response) => (await response.json()) as Problem;

/** The files of a zip by its directory, each checked against its sum. */
function filesOf(zip: Buffer): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [crc, bytes, name] = [zip.readUInt32LE(at + 16), zip.readUInt32LE(at + 20), zip.readUInt16LE(at + 28)];
    const local = zip.readUInt32LE(at + 42);
    const from = local + 30 + zip.readUInt16LE(local + 26);
    const file = zip.subarray(from, from + bytes);
    expect(crc32(file)).toBe(crc);
    files[zip.toString('utf8', at + 46, at + 46 + name)] = file;
    at += 46 + name + zip.readUInt16LE(at + 30);
  }
  return files;
}

describe('results of a batch', () => {
  it('are settled items in input order, while it runs, too', async () => {
    const batch = await batchOf([song('a'), song('b'), song('c'), song('d')]);
    await fail(fixture, itemId(batch.id, 2));
    await publish(fixture, itemId(batch.id, 0), Buffer.from('song a'));
    await cancelGeneration(fixture.store, itemId(batch.id, 3));
    const lines = await linesOf(await get(batch, 'results'));
    expect(lines.map(({ batch_index, custom_id, status }) => [batch_index, custom_id, status])).toEqual([
      [0, 'a', 'succeeded'],
      [2, 'c', 'failed'],
      [3, 'd', 'canceled'],
    ]);
    const shown = (await (await fixture.call(`/v1/generations/${String(lines[0]!['id'])}`)).json()) as Generation;
    expect(lines[0]).toEqual(shown);
    const some = await linesOf(await get(batch, 'results?status=failed,canceled&after=2'));
    expect(some.map(({ custom_id }) => custom_id)).toEqual(['d']);
  });

  it('refuse what no parameter is, and are told apart from another project by nobody', async () => {
    const batch = await batchOf([song('a')]);
    expect((await problem(await get(batch, 'results?format=tar'))).errors).toMatchObject([{ parameter: 'format' }]);
    expect((await problem(await get(batch, 'results?status=queued'))).errors).toMatchObject([{ parameter: 'status' }]);
    expect((await problem(await get(batch, 'results?after=x'))).errors).toMatchObject([{ parameter: 'after' }]);
    expect((await problem(await get(batch, 'errors?include=all'))).errors).toMatchObject([{ parameter: 'include' }]);
    expect((await fixture.call('/v1/batches/bat_0/results')).status).toBe(404);
    const head = await fixture.call(`/v1/batches/${batch.id}/results?format=zip`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'application/zip']);
  });

  it('as CSV hold nothing that a spreadsheet would run', async () => {
    const batch = await batchOf([song('=1+1', { lyrics: '@cmd, "now"\nlast' })]);
    await fail(fixture, itemId(batch.id, 0));
    const text = await (await get(batch, 'results?format=csv')).text();
    const [header = '', ...rest] = text.split('\r\n');
    expect(header).toMatch(/^batch_index,custom_id,id,status,model,lyrics,/);
    expect(rest.join('\r\n')).toContain(`0,'=1+1,${itemId(batch.id, 0)},failed,music-01,"'@cmd, ""now""\nlast",`);
  });

  it('as a zip are the songs by index and custom_id, and a manifest of everything that is settled', async () => {
    const batch = await batchOf([
      song('../a:b'),
      song(null),
      song('春'),
      ...Array.from({ length: 8 }, () => song(null)),
    ]);
    const ids = Array.from({ length: 11 }, (_, index) => itemId(batch.id, index));
    await publish(fixture, ids[0]!, Buffer.from('first'));
    await publish(fixture, ids[2]!, Buffer.from('third'));
    await fail(fixture, ids[3]!);
    const lost = await publish(fixture, ids[10]!, Buffer.from('last'));
    fixture.storage.songs.delete(lost.key);
    const response = await get(batch, 'results?format=zip');
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="${batch.id}.zip"`);
    const files = filesOf(Buffer.from(await response.arrayBuffer()));
    expect(Object.keys(files)).toEqual(['00-.._a_b.mp3', '02-春.mp3', 'manifest.jsonl']);
    expect(files['02-春.mp3']!.toString()).toBe('third');
    const manifest = files['manifest.jsonl']!.toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(manifest.map(({ batch_index, file }) => [batch_index, file])).toEqual([
      [0, '00-.._a_b.mp3'],
      [2, '02-春.mp3'],
      [3, null],
      [10, null],
    ]);
  });

  it('fault: storage that fails in the middle breaks a zip off, so that half of it does not look whole', async () => {
    const batch = await batchOf([song('a'), song('b')]);
    await publish(fixture, itemId(batch.id, 0), Buffer.from('first'));
    fixture.storage.fault = new Error('no storage');
    try {
      const read = get(batch, 'results?format=zip').then((response) => response.arrayBuffer());
      await expect(read).rejects.toThrow(/terminated|fetch failed/);
    } finally {
      fixture.storage.fault = null;
    }
  });
});

describe('a caller that leaves', () => {
  it('ends the work for its zip', async () => {
    const count = 100;
    const batch = await batchOf(Array.from({ length: count }, () => song(null)));
    const bytes = Buffer.alloc(200_000, 1);
    for (let index = 0; index < count; index++) await publish(fixture, itemId(batch.id, index), bytes);
    const { open } = fixture.storage;
    let opened = 0;
    fixture.storage.open = async (...asked) => {
      opened += 1;
      return open.apply(fixture.storage, asked);
    };
    const before = fixture.logs.length;
    const leaves = new AbortController();
    const path = `/v1/batches/${batch.id}/results?format=zip`;
    const response = await fixture.call(path, { signal: leaves.signal });
    await response.body!.getReader().read();
    leaves.abort();
    const left = () => fixture.logs.slice(before).some((line) => line.includes('"status":499'));
    await expect.poll(left, { timeout: 20_000 }).toBe(true);
    fixture.storage.open = open;
    expect(opened).toBeGreaterThan(0);
    expect(opened).toBeLessThan(count);
  });
});

describe('errors of a batch', () => {
  it('can be submitted again as they are, with what was wrong and where beside them', async () => {
    const lines = [
      song('a', { metadata: { k: 'v' }, audio_setting: { format: 'wav' } }),
      song('b'),
      '{"lyrics":',
      song('c', { model: 'none' }),
      song('d', { start_by: new Date(Date.now() + 3_600_000).toISOString() }),
    ];
    const batch = await batchOf(lines, '?on_invalid=skip');
    expect(await linesOf(await get(batch, 'errors'))).toEqual([]);
    await fail(fixture, itemId(batch.id, 0));
    await cancelGeneration(fixture.store, itemId(batch.id, 4));
    await publish(fixture, itemId(batch.id, 1), Buffer.from('b'));
    const errors = await linesOf(await get(batch, 'errors'));
    expect(errors).toEqual([
      {
        ...{ lyrics: 'la', refer_voice: 'v', custom_id: 'a', metadata: { k: 'v' }, audio_setting: { format: 'wav' } },
        ...{ model: 'music-01', _error_code: 'invalid_request', _error_message: 'as the test says', _line: 1 },
        _generation_id: itemId(batch.id, 0),
      },
      expect.objectContaining({ custom_id: 'd', _error_code: 'canceled', _line: 5 }),
    ]);
    const again = await batchOf(errors);
    expect(again.counts).toMatchObject({ total: 2, queued: 2 });
    const all = await linesOf(await get(batch, 'errors?include=skipped'));
    expect(all.map(({ _line, _error_code }) => [_line, _error_code])).toEqual([
      [1, 'invalid_request'],
      [3, 'malformed_json'],
      [4, 'unknown_model'],
      [5, 'canceled'],
    ]);
    expect(all[1]).toMatchObject({ _raw: '{"lyrics":', _generation_id: null });
    expect(all[2]).toMatchObject({ custom_id: 'c', model: 'none' });
  });

  it('fault: storage that is away is said with Retry-After', async () => {
    const batch = await batchOf([song('a')]);
    fixture.storage.fault = new Error('no storage');
    const response = await get(batch, 'errors');
    fixture.storage.fault = null;
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    expect((await problem(response)).code).toBe('storage_unavailable');
  });
});
