import { afterEach, beforeEach, expect, it } from 'vitest';
import { Songmill } from './client.ts';
import * as errors from './errors.ts';
import { json, problem, type ScriptedServer, startScriptedServer } from './testing/scripted-server.ts';

let server: ScriptedServer;
let client: Songmill;

beforeEach(async () => {
  server = await startScriptedServer();
  client = new Songmill({ url: server.url, apiKey: 'sgm_secret', maxRetries: 0 });
});
afterEach(() => server.close());

const failure = (): Promise<unknown> =>
  client.generations.retrieve('gen_1').then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => error,
  );

it.each([
  [400, 'ValidationError'],
  [401, 'AuthenticationError'],
  [403, 'PermissionError'],
  [404, 'NotFoundError'],
  [409, 'ConflictError'],
  [410, 'ApiError'],
  [418, 'ApiError'],
  [422, 'ValidationError'],
  [429, 'RateLimitError'],
  [500, 'ApiError'],
  [502, 'UnavailableError'],
  [503, 'UnavailableError'],
  [504, 'UnavailableError'],
] as const)('%i becomes %s', async (status, name) => {
  server.otherwise = problem('internal', status);
  const error = await failure();
  expect(error).toBeInstanceOf(new Map<string, unknown>(Object.entries(errors)).get(name));
  expect(error).toMatchObject({ name, status, code: 'internal', requestId: 'req_1', detail: 'because internal' });
  expect(errors.isApiError(error) && errors.isSongmillError(error)).toBe(true);
  expect(errors.isConnectionError(error) || errors.isTimeoutError(error)).toBe(false);
});

it('a validation error names every fault, for programs and in its message', async () => {
  const faults = [
    { pointer: '/lyrics', code: 'too_long', message: '201 characters' },
    { header: 'Idempotency-Key', code: 'too_long', message: '256 characters' },
  ];
  server.otherwise = problem('validation_failed', 422, {}, { errors: faults });
  const error = await failure();
  expect(error).toMatchObject({ errors: faults });
  expect(String(error)).toBe(
    'ValidationError: 422 validation_failed: because validation_failed: /lyrics 201 characters: Idempotency-Key 256 characters',
  );
});

it('an error page of a proxy gives an error by its status alone', async () => {
  server.otherwise = (response) => {
    response.writeHead(503, { 'content-type': 'text/html', 'x-request-id': 'req_9' });
    response.end('<h1>down</h1>');
  };
  const error = await failure();
  expect(error).toBeInstanceOf(errors.UnavailableError);
  expect(error).toMatchObject({ code: null, detail: null, errors: [], requestId: 'req_9' });
});

it('a stranger’s JSON error cannot put other types into our fields', async () => {
  server.otherwise = json({ code: 7, detail: {}, request_id: null, errors: ['x', null] }, 404);
  expect(await failure()).toMatchObject({ code: null, detail: null, requestId: 'req_1', errors: [] });
});

it('a redirect is an error that names the other address, and is not followed', async () => {
  server.otherwise = (response) => void response.writeHead(301, { location: 'https://other.example/' }).end();
  const error = await failure();
  expect(error).toMatchObject({ name: 'ApiError', status: 301 });
  expect(String(error)).toContain('https://other.example/');
});

it('nobody listening is a connection error that keeps its cause and says why', async () => {
  await server.close();
  const error = await failure();
  expect(error).toBeInstanceOf(errors.ConnectionError);
  expect(errors.isConnectionError(error)).toBe(true);
  expect((error as Error).cause).toBeInstanceOf(TypeError);
  expect(String(error)).toContain('ECONNREFUSED');
  expect(String(error)).not.toContain('sgm_secret');
});

it('an error of another copy of the package is recognised', () => {
  const foreign = { [Symbol.for('songmill.error')]: true, name: 'ConnectionError' };
  expect(errors.isConnectionError(foreign)).toBe(true);
  expect(errors.isConnectionError(new DOMException('x', 'TimeoutError'))).toBe(false);
  expect(errors.isTimeoutError(new DOMException('x', 'TimeoutError'))).toBe(false);
  expect(errors.isSongmillError(null)).toBe(false);
});

it.each(['', 'ftp://x', 'localhost:8080', 'http://u:p@host', 'http://host/?a=1'])('refuses the url "%s"', (url) => {
  expect(() => new Songmill({ url })).toThrow(errors.SongmillError);
});

it('refuses a key that no header can carry, without quoting it', () => {
  const make = () => new Songmill({ apiKey: 'sgm_secret\n' });
  expect(make).toThrow(errors.SongmillError);
  expect(make).not.toThrow(/sgm_secret/);
});

it.each(['', '.', '..'])('refuses the id "%s", which would name another route', async (id) => {
  await expect(client.generations.delete(id)).rejects.toThrow('not an id');
  await expect(client.generations.cancel(id)).rejects.toThrow('not an id');
  expect(server.received).toHaveLength(0);
});
