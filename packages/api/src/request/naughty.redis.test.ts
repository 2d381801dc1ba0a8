import { requires } from '@songmill/shared/testing/requires';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, startFixture } from '../testing/api-fixture.ts';

const FIELDS = [
  ...['lyrics', 'refer_voice', 'refer_instrumental', 'model', 'audio_setting', 'custom_id', 'metadata', 'priority'],
  ...['on_unknown_charge', 'prompt', 'run_at', 'webhook', '__proto__', 'constructor', 'toString', ''],
];

/** Text that has broken programs before. */
const NAUGHTY = [
  ...[
    '',
    ' ',
    '\u0000',
    '\u200b',
    '\ufeff',
    '\u202e',
    '\ud800',
    '\udfff\ud800',
    '𝄞',
    '👨‍👩‍👧‍👦',
    'é'.normalize('NFD'),
    '##',
    '###',
  ],
  ...[
    '../../etc/passwd',
    '${7*7}',
    "' OR 1=1 --",
    '<script>',
    '%s%n',
    '\r\n',
    'a\r\nSet-Cookie: x=1',
    '\u2028',
    '1e999',
  ],
  ...['undefined', 'null', 'NaN', 'true', '__proto__', '{"a":1}', 'x'.repeat(5000), '=cmd()', '\\', '"', 'İ', 'ﷺ'],
];

describe('whatever is sent', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  const value = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...NAUGHTY) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
    { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
    { weight: 1, arbitrary: fc.constantFrom(-0, 1e308, Number.MAX_SAFE_INTEGER + 2, 0.1, -1) },
  );
  const body = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...FIELDS), fc.string()), value), { maxLength: 6 });

  async function answersWell(response: Response, sent: string): Promise<void> {
    const text = await response.text();
    expect(response.status, `${sent}\n${text}\n${fixture.logs.slice(-3).join('')}`).toBeLessThan(500);
    if (response.status >= 400) expect(JSON.parse(text), sent).toMatchObject({ status: response.status });
  }

  it('JSON of any shape is never a 5xx', async () => {
    await fc.assert(
      fc.asyncProperty(body, fc.boolean(), async (pairs, complete) => {
        const base = complete ? Object.entries(ASK) : [];
        const text = `{${[...base, ...pairs].map(([key, inner]) => `${JSON.stringify(key)}:${JSON.stringify(inner)}`).join(',')}}`;
        const headers = { 'content-type': 'application/json' };
        await answersWell(await fixture.call('/v1/generations', { method: 'POST', body: text, headers }), text);
      }),
      { numRuns: 400, seed: 1 },
    );
  });

  it('bytes of any kind are never a 5xx', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('application/json', 'multipart/form-data; boundary=b'),
        async (bytes, type) => {
          const form = type.startsWith('multipart');
          const head = Buffer.from(form ? '--b\r\nContent-Disposition: form-data; name="lyrics"\r\n\r\n' : '');
          const sent = Buffer.concat([head, bytes, Buffer.from(form ? '\r\n--b--\r\n' : '')]);
          const response = await fixture.call('/v1/generations', {
            method: 'POST',
            body: sent,
            headers: { 'content-type': type },
          });
          await answersWell(response, sent.toString('hex'));
        },
      ),
      { numRuns: 200, seed: 2 },
    );
  });

  it('queries and ids of any kind are never a 5xx', async () => {
    const text = fc.oneof(fc.constantFrom(...NAUGHTY.filter((one) => one.isWellFormed())), fc.webQueryParameters());
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.constantFrom('status', 'after', 'limit', 'custom_id', 'model', 'created_after'),
        async (one, name) => {
          const encoded = encodeURIComponent(one);
          if (encoded.length > 7000) return;
          await answersWell(await fixture.call(`/v1/generations?${name}=${encoded}`), encoded);
          await answersWell(await fixture.call(`/v1/generations?${one.replaceAll(/[^\x21-\x7e]|#/g, '')}`), one);
          await answersWell(await fixture.call(`/v1/generations/${encoded}/audio`), encoded);
        },
      ),
      { numRuns: 150, seed: 3 },
    );
  });
});
