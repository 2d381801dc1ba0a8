import { request as httpRequest } from 'node:http';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, KEY, problemOf, startFixture } from '../testing/api-fixture.ts';

describe('bodies', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture({ MAX_BODY_BYTES: '4096' });
  });
  afterAll(async () => fixture?.stop());

  async function send(body: RequestInit['body'], type = 'application/json', headers: Record<string, string> = {}) {
    const response = await fixture.call('/v1/generations', {
      ...{ method: 'POST', body: body ?? null, duplex: 'half' },
      headers: { ...(type ? { 'content-type': type } : {}), ...headers },
    });
    const problem = await problemOf(response);
    return { status: response.status, code: problem.code, errors: problem.errors ?? [] };
  }

  it.each([
    ['nothing', ''],
    ['cut JSON', '{"lyrics":"la"'],
    ['text', 'hello'],
    ['two values', '{} {}'],
  ])('%s is malformed', async (_name, body) => {
    expect(await send(body)).toMatchObject({ status: 400, code: 'malformed_body' });
  });

  it('bytes that are not UTF-8 are malformed, never replaced', async () => {
    const bytes = Buffer.concat([Buffer.from('{"lyrics":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    expect(await send(bytes)).toMatchObject({ status: 400, code: 'malformed_body' });
  });

  it('an error of the parser quotes nothing of the text', async () => {
    const response = await fixture.call('/v1/generations', {
      ...{ method: 'POST', body: '{"lyrics": secret-words}', headers: { 'content-type': 'application/json' } },
    });
    expect(await response.text()).not.toContain('secret');
    expect(fixture.logs.join('')).not.toContain('secret-words');
  });

  it.each(['[]', '"text"', '7', 'null', 'true'])('%s is JSON but no object: validation_failed', async (body) => {
    expect(await send(body)).toMatchObject({ status: 422, code: 'validation_failed' });
  });

  it('prototype names are refused by pointer, once, at any depth', async () => {
    const body = '{"lyrics":"la","refer_voice":"v","__proto__":{"a":1},"metadata":{"constructor":"x","prototype":"y"}}';
    const { status, errors } = await send(body);
    expect(status).toBe(422);
    const told = errors.map((fault) => `${fault.pointer} ${fault.code}`).sort();
    expect(told).toEqual([
      '/__proto__ forbidden_key',
      '/metadata/constructor forbidden_key',
      '/metadata/prototype forbidden_key',
    ]);
  });

  it('a key that is there twice is refused, however it is spelled', async () => {
    const { errors } = await send('{"lyrics":"a","refer_voice":"v","lyr\\u0069cs":"b"}');
    expect(errors).toMatchObject([{ pointer: '/lyrics', code: 'duplicate_key' }]);
  });

  it('deep nesting is refused by itself', async () => {
    const body = `{"metadata":${'['.repeat(2000)}${']'.repeat(2000)}}`;
    const { status, errors } = await send(body);
    expect(status).toBe(422);
    expect(errors.map((fault) => fault.code)).toEqual(['too_deep']);
  });

  it.each([
    ['no type', ''],
    ['plain text', 'text/plain'],
    ['a form of the other kind', 'application/x-www-form-urlencoded'],
    ['another charset', 'application/json; charset=utf-7'],
    ['latin1', 'application/json;charset="iso-8859-1"'],
  ])('%s is an unsupported media type', async (_name, type) => {
    expect(await send(Buffer.from(JSON.stringify(ASK)), type)).toMatchObject({
      ...{ status: 415, code: 'unsupported_media_type' },
    });
  });

  it('UTF-8 may be named', async () => {
    const response = await fixture.call('/v1/generations', {
      ...{
        method: 'POST',
        body: JSON.stringify(ASK),
        headers: { 'content-type': 'Application/JSON; Charset="UTF-8"' },
      },
    });
    expect(response.status).toBe(202);
  });

  it('an encoded body is refused, identity is not', async () => {
    const zipped = await send('x', 'application/json', { 'content-encoding': 'gzip' });
    expect(zipped).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    const plain = await send('x', 'application/json', { 'content-encoding': 'identity' });
    expect(plain.status).toBe(400);
  });

  it('a body over the limit is refused, announced or in chunks, and the connection lives on', async () => {
    const large = JSON.stringify({ ...ASK, lyrics: 'x'.repeat(10_000) });
    expect(await send(large)).toMatchObject({ status: 413, code: 'body_too_large' });
    const chunks = new ReadableStream({
      pull(controller) {
        controller.enqueue(Buffer.from(large));
        controller.close();
      },
    });
    expect(await send(chunks)).toMatchObject({ status: 413, code: 'body_too_large' });
  });

  it('a caller that asks before it sends is told no before it sends', async () => {
    const headers = { 'content-type': 'application/json', 'content-length': '100000', expect: '100-continue' };
    const outcome = await new Promise<string>((resolve, reject) => {
      const request = httpRequest(`${fixture.api.url}/v1/generations`, {
        ...{ method: 'POST', headers: { ...headers, authorization: `Bearer ${KEY}` } },
      });
      request.on('continue', () => resolve('continue'));
      request.on('response', (response) => {
        resolve(String(response.statusCode));
        request.destroy();
      });
      request.on('error', reject);
      request.flushHeaders();
    });
    expect(outcome).toBe('413');
  });

  it('a caller that asks before it sends is told to go on', async () => {
    const body = JSON.stringify(ASK);
    const headers = {
      'content-type': 'application/json',
      'content-length': String(body.length),
      expect: '100-continue',
    };
    const status = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(`${fixture.api.url}/v1/generations`, {
        ...{ method: 'POST', headers: { ...headers, authorization: `Bearer ${KEY}` } },
      });
      request.on('continue', () => request.end(body));
      request.on('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.on('error', reject);
      request.flushHeaders();
    });
    expect(status).toBe(202);
  });
});
