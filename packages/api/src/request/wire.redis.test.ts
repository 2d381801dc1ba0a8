import { once } from 'node:events';
import { connect } from 'node:net';
import type { Problem } from '@songmill/shared/contract/problem';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiFixture, KEY, problemOf, startFixture } from '../testing/api-fixture.ts';

describe('the wire', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture({}, { limits: { headersMs: 400, requestMs: 800 } });
  });
  afterAll(async () => fixture?.stop());

  /** Sends these bytes and answers what came back until the server closed the connection. */
  async function raw(text: string): Promise<{ status: number; problem: Problem }> {
    const socket = connect(Number(new URL(fixture.api.url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
    socket.on('error', () => {});
    socket.write(text);
    await once(socket, 'close');
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head.toLowerCase()).toContain('content-type: application/problem+json');
    expect(head.toLowerCase()).toContain('x-request-id: ');
    return { status: Number(head.split(' ')[1]), problem: JSON.parse(body) as Problem };
  }

  it('bytes that are no HTTP are answered and the connection is closed', async () => {
    const { status, problem } = await raw('hello\r\n\r\n');
    expect([status, problem.code]).toEqual([400, 'bad_request']);
  });

  it('two ways of telling a length are no request', async () => {
    const { status } = await raw(
      'POST /v1/generations HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    );
    expect(status).toBe(400);
  });

  it('headers over 16 KiB are refused', async () => {
    const { status, problem } = await raw(`GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect([status, problem.code]).toEqual([431, 'headers_too_large']);
  });

  it('headers that never end are given up', async () => {
    const { status, problem } = await raw('GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    expect([status, problem.code]).toEqual([408, 'request_timeout']);
  });

  it('a body that never ends is given up', async () => {
    const head = `POST /v1/generations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\n`;
    const { status, problem } = await raw(
      `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"lyrics":`,
    );
    expect([status, problem.code]).toEqual([408, 'request_timeout']);
  });

  it('a file may take longer to arrive than any other request', async () => {
    const socket = connect(Number(new URL(fixture.api.url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
    const head = `POST /v1/references HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\nConnection: close\r\n`;
    const part = '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvoice\r\n--b--\r\n';
    socket.write(`${head}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${part.length}\r\n\r\n`);
    // Twice the time that other bodies have here.
    await new Promise((resolve) => setTimeout(resolve, 1600));
    expect(answer).not.toContain('408');
    socket.write(part);
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 (100 Continue[\s\S]*HTTP\/1\.1 )?422 /);
  });

  it('a URL over 8 KiB is refused', async () => {
    const response = await fixture.call(`/v1/generations?model=${'x'.repeat(9000)}`);
    expect([response.status, (await problemOf(response)).code]).toEqual([414, 'uri_too_long']);
  });

  it('an unknown path is 404, another method 405 with Allow, OPTIONS 204 with Allow', async () => {
    const nothing = await fixture.call('/nothing');
    expect([nothing.status, (await problemOf(nothing)).code]).toEqual([404, 'not_found']);
    for (const [path, allow] of [
      ['/v1/generations', 'POST, GET, HEAD, OPTIONS'],
      ['/v1/generations/gen_1', 'GET, DELETE, HEAD, OPTIONS'],
      ['/v1/generations/gen_1/cancel', 'POST, OPTIONS'],
      ['/livez', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const wrong = await fixture.call(path, { method: 'PUT' });
      expect([wrong.status, wrong.headers.get('allow'), (await problemOf(wrong)).code], path).toEqual([
        ...[405, allow, 'method_not_allowed'],
      ]);
      const options = await fixture.call(path, { method: 'OPTIONS' });
      expect([options.status, options.headers.get('allow')]).toEqual([204, allow]);
    }
  });

  it('paths are exact: no trailing slash, no other case, no dots', async () => {
    for (const path of ['/v1/generations/', '/V1/generations', '/v1//generations', '/docs/assets/..%2fpackage.json']) {
      const response = await fixture.call(path);
      expect(response.status, path).toBe(404);
    }
  });

  it('every answer carries a request id, the caller’s own if it is one, and the headers that never change', async () => {
    const own = await fixture.call('/livez', { headers: { 'x-request-id': 'my-id.1' } });
    expect(own.headers.get('x-request-id')).toBe('my-id.1');
    for (const [path, init] of [
      ['/livez', { headers: { 'x-request-id': 'has space' } }],
      ['/v1/generations', { headers: { authorization: '', 'x-request-id': 'x'.repeat(129) } }],
      ['/nothing', {}],
      ['/v1/generations', { method: 'OPTIONS' }],
      ['/docs', {}],
    ] as const) {
      const response = await fixture.call(path, init);
      expect(response.headers.get('x-request-id'), path).toMatch(/^req_[0-9a-f]{24}$/);
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(response.headers.get('x-powered-by')).toBeNull();
    }
  });

  it('a problem names its request, its path and its code', async () => {
    const response = await fixture.call('/v1/nothing?secret=1');
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const problem = await problemOf(response);
    expect(problem).toEqual({
      ...{ type: '/docs/errors#not_found', title: 'Nothing is here', status: 404, detail: 'nothing is at this path' },
      ...{ instance: '/v1/nothing', code: 'not_found', request_id: response.headers.get('x-request-id') },
    });
  });
});
