import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiFixture, generationOf, problemOf, startFixture } from '../testing/api-fixture.ts';

describe('the form of the upstream’s clients', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  function form(fields: Record<string, string | Blob>): FormData {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.append(name, value);
    return data;
  }

  const send = (body: RequestInit['body'], headers: Record<string, string> = {}) =>
    fixture.call('/v1/generations', { method: 'POST', body: body ?? null, headers });

  it('the upstream’s own fields are taken, audio_setting as JSON text', async () => {
    const audio_setting = '{"sample_rate":44100,"bitrate":256000,"format":"mp3"}';
    const data = form({ model: 'music-01', lyrics: 'la\nla', refer_voice: 'v', refer_instrumental: '', audio_setting });
    const response = await send(data);
    const generation = await generationOf(response);
    expect(response.status, JSON.stringify(generation)).toBe(202);
    expect(generation.request).toMatchObject({ lyrics: 'la\nla', refer_voice: 'v', refer_instrumental: null });
    expect(generation.request.audio_setting).toEqual({ sample_rate: 44100, bitrate: 256000, format: 'mp3' });
  });

  it('a form and JSON that say the same are the same to an idempotency key', async () => {
    const headers = { 'idempotency-key': 'form-or-json' };
    const first = await generationOf(await send(form({ lyrics: 'la', refer_voice: 'v' }), headers));
    const second = await fixture.post(
      '/v1/generations',
      { refer_voice: 'v', lyrics: 'la', model: 'music-01' },
      headers,
    );
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect((await generationOf(second)).id).toBe(first.id);
  });

  it('every fault is told by its field', async () => {
    const data = form({ lyrics: 'x'.repeat(201), colour: 'blue', audio_setting: '{"format":"ogg"}', refer_voice: 'v' });
    data.append('lyrics', 'again');
    const problem = await problemOf(await send(data));
    expect((problem.errors ?? []).map((fault) => `${fault.field} ${fault.code}`).sort()).toEqual([
      'audio_setting invalid_value',
      'colour unknown_field',
      'lyrics repeated_field',
    ]);
  });

  it('text that is no JSON, prototype names and files are refused by name', async () => {
    const data = form({ lyrics: 'la', refer_voice: 'v', audio_setting: '{', metadata: '{"__proto__":"x"}' });
    data.append('__proto__', 'x');
    data.append('song', new Blob(['bytes']), 'song.mp3');
    const problem = await problemOf(await send(data));
    expect((problem.errors ?? []).map((fault) => `${fault.field} ${fault.code}`).sort()).toEqual([
      '__proto__ forbidden_key',
      'audio_setting invalid_json',
      'metadata forbidden_key',
      'song file_part',
    ]);
  });

  it('a cut form, one without boundary and one that is not UTF-8 are malformed', async () => {
    const type = 'multipart/form-data; boundary=b';
    const part = (text: string) => `--b\r\nContent-Disposition: form-data; name="lyrics"\r\n\r\n${text}`;
    for (const [body, contentType] of [
      [part('la'), type],
      [`${part('la')}\r\n--b--\r\n`, 'multipart/form-data'],
      [Buffer.concat([Buffer.from(part('')), Buffer.from([0xff]), Buffer.from('\r\n--b--\r\n')]), type],
    ] as const) {
      const response = await send(body, { 'content-type': contentType });
      expect(response.status).toBe(400);
      expect((await problemOf(response)).code).toBe('malformed_body');
    }
  });
});
