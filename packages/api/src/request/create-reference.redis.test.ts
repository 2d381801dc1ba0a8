import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reference } from '@songmill/shared/contract/reference';
import { StorageError } from '@songmill/shared/runtime/storage/storage-error';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiFixture, KEY, problemOf, startFixture } from '../testing/api-fixture.ts';

let fixture: ApiFixture;
let folder: string;
const { TMPDIR } = process.env;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sgm-tmp-'));
  process.env['TMPDIR'] = folder;
  fixture = await startFixture({ MAX_REFERENCE_BYTES: '400000' });
});
afterAll(async () => {
  await fixture.stop();
  if (TMPDIR === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = TMPDIR;
  rmSync(folder, { recursive: true, force: true });
});

/** Eleven seconds of silence, 176 KB. */
function silence(): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(44 + 11 * 16_000);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8);
  for (const [at, value] of [
    [16, 16],
    [24, 8000],
    [28, 16_000],
    [40, bytes.length - 44],
  ] as const) {
    bytes.writeUInt32LE(value, at);
  }
  for (const [at, value] of [
    [20, 1],
    [22, 1],
    [32, 2],
    [34, 16],
  ] as const)
    bytes.writeUInt16LE(value, at);
  bytes.write('data', 36);
  return bytes;
}

function form(filename: string, bytes: Buffer<ArrayBuffer> = silence()): FormData {
  const made = new FormData();
  made.set('purpose', 'voice');
  made.set('file', new Blob([bytes]), filename);
  return made;
}

const send = (body: FormData, headers: Record<string, string> = {}) =>
  fixture.call('/v1/references', { method: 'POST', body, headers });
const leftovers = () => readdirSync(folder).filter((name) => name.startsWith('songmill-reference-'));

describe('POST /v1/references', () => {
  it('keeps the file under the id, says where the record is, and no name becomes a path', async () => {
    const answer = await send(form('../../etc/pass"wd\u2028.wav'));
    expect(answer.status).toBe(202);
    const reference = (await answer.json()) as Reference;
    expect(answer.headers.get('location')).toBe(`/v1/references/${reference.id}`);
    expect(reference.filename).not.toMatch(/[/\\\u2028]/);
    const keys = [...fixture.storage.songs.keys()].filter((key) => key.startsWith(`${reference.id}/`));
    expect(keys).toEqual([expect.stringMatching(/^ref_\w+\/[0-9a-f]+\.wav$/)]);
    expect(fixture.storage.songs.get(keys[0]!)?.equals(silence())).toBe(true);
    expect((await fixture.call(`/v1/references/${reference.id}`)).headers.get('retry-after')).toBe('1');
  });

  it('a replay and a reused key leave one file', async () => {
    const before = fixture.storage.songs.size;
    const headers = { 'idempotency-key': 'one' };
    const answers = await Promise.all([send(form('a.wav'), headers), send(form('b.wav'), headers)]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    const other = silence();
    other[100] = 1;
    expect((await send(form('a.wav', other), headers)).status).toBe(422);
    expect(fixture.storage.songs.size).toBe(before + 1);
  });

  it('fault: a storage that is away is a 503 that does not use the key up', async () => {
    const headers = { 'idempotency-key': 'later' };
    fixture.storage.fault = new StorageError('unavailable', 'away');
    const away = await send(form('a.wav'), headers);
    expect([away.status, (await problemOf(away)).code]).toEqual([503, 'storage_unavailable']);
    expect(away.headers.get('retry-after')).toBe('5');
    fixture.storage.fault = null;
    const back = await send(form('a.wav'), headers);
    expect([back.status, back.headers.get('idempotent-replayed')]).toEqual([202, null]);
  });

  it.each([
    ['application/json', '{}', 415, 'unsupported_media_type'],
    ['multipart/form-data', 'x', 400, 'malformed_body'],
    [
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="file"; filename="a"',
      400,
      'malformed_body',
    ],
  ])('a body of type %s that is no whole form is refused', async (type, body, status, code) => {
    const answer = await fixture.call('/v1/references', { method: 'POST', body, headers: { 'content-type': type } });
    expect([answer.status, (await problemOf(answer)).code]).toEqual([status, code]);
  });

  it('fault: a file that grows over the limit without being announced is cut off, and nothing is left of it', async () => {
    const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n';
    async function* endless() {
      yield Buffer.from(head);
      for (;;) yield Buffer.alloc(50_000);
    }
    const answer = await fixture.call('/v1/references', {
      method: 'POST',
      body: ReadableStream.from(endless()),
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      ...{ duplex: 'half' },
    });
    expect([answer.status, (await problemOf(answer)).code]).toEqual([413, 'body_too_large']);
    expect(leftovers()).toEqual([]);
  });

  it('fault: a caller that leaves halfway leaves nothing behind', async () => {
    const { hostname, port } = new URL(fixture.api.url);
    const logged = fixture.logs.length;
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /v1/references HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\nContent-Length: 300000\r\n` +
        'Content-Type: multipart/form-data; boundary=b\r\n\r\n' +
        `--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n${'x'.repeat(100_000)}`,
    );
    await expect.poll(leftovers).toHaveLength(1);
    socket.destroy();
    await expect.poll(leftovers).toEqual([]);
    await expect.poll(() => fixture.logs.slice(logged).some((line) => line.includes('"status":499'))).toBe(true);
  });
});
