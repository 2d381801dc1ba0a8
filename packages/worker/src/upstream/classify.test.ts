import { OUTCOME_TABLE, type OutcomeKind } from '@songmill/shared/contract/outcomes';
import { describe, expect, it } from 'vitest';
import { type Classified, classify, type Happened } from './classify.ts';
import { GATEWAY_CODES, MINIMAX_CODES } from './codes.ts';
import { AnswerReader } from './decode.ts';
import { success } from './testing/songs.ts';

/** The answer with this body, judged. A body that is no text is written as JSON. */
function judged(status: number | null, body: unknown, more: Partial<Happened> = {}): Classified {
  const reader = new AnswerReader({ digits: (source, from, to) => /^[0-9a-f]*$/i.test(slice(source, from, to)) });
  reader.push(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
  const ending = more.ending ?? 'complete';
  return classify({
    ending,
    trouble: null,
    status,
    retryAfter: null,
    traceId: null,
    answer: status === null ? null : reader.finish(ending === 'complete'),
    modelHasWorked: true,
    nowMs: Date.parse('2026-01-31T12:00:00Z'),
    ...more,
  });
}
const slice = (source: Uint8Array, from: number, to: number) =>
  Buffer.from(source.subarray(from, to)).toString('latin1');
const minimax = (code: unknown, text = 'words') => ({ base_resp: { status_code: code, status_msg: text } });
const gateway = (code: unknown, text = 'words') => ({ error: { err_code: code, message: text, type: 'api_error' } });
const song = success(Buffer.from('a song'));

describe('a row of the outcome table', () => {
  /**
   * One way to each row that an answer can lead to. `worker_died` is judged by whoever finds the open intent,
   * `song_lost` and `commit_damaged` by whoever stores the song.
   */
  const ways: Record<Exclude<OutcomeKind, 'worker_died' | 'song_lost' | 'commit_damaged'>, () => Classified> = {
    not_sent: () => judged(null, '', { ending: 'not_sent', trouble: 'ECONNREFUSED' }),
    invalid_request: () => judged(200, minimax(2013)),
    content_rejected: () => judged(200, minimax(1026)),
    output_rejected: () => judged(200, minimax(1027)),
    quota: () => judged(429, minimax(2056)),
    rate_limited: () => judged(429, ''),
    account: () => judged(200, minimax(1008)),
    model: () => judged(503, gateway(-10008), { modelHasWorked: false }),
    stated_failure: () => judged(503, gateway(-10008), { modelHasWorked: true }),
    unknown_failure: () => judged(502, '<html>'),
    timeout: () => judged(null, '', { ending: 'deadline' }),
    unreadable: () => judged(200, '{}'),
    too_large: () => judged(200, song, { ending: 'too_large' }),
    unusable_audio: () => judged(200, { data: { audio: '', status: 2 } }),
    song: () => judged(200, song),
  };

  it.each(Object.entries(ways))('%s is reached', (kind, way) => {
    expect(way().kind).toBe(kind);
  });

  it('is never missing from this list', () => {
    expect([...Object.keys(ways), 'worker_died', 'song_lost', 'commit_damaged'].sort()).toEqual(
      Object.keys(OUTCOME_TABLE).sort(),
    );
  });
});

describe('a listed code', () => {
  const minimaxCodes = Object.entries(MINIMAX_CODES);
  it.each(minimaxCodes)('base_resp %s is %s, as a number or as text and whatever the status', (code, kind) => {
    for (const status of [200, 400, 429, 500]) {
      expect(judged(status, minimax(Number(code))).kind).toBe(kind);
      expect(judged(status, minimax(code)).kind).toBe(kind);
    }
    expect(judged(200, minimax(Number(code), 'why')).upstream).toMatchObject({ code: Number(code), message: 'why' });
  });

  it.each(Object.entries(GATEWAY_CODES))(
    'err_code %s is %s, as a number or as text and whatever the status',
    (code, kind) => {
      for (const status of [200, 401, 429, 500, 503]) {
        expect(judged(status, gateway(Number(code))).kind).toBe(kind);
        expect(judged(status, gateway(code)).kind).toBe(kind);
      }
      expect(judged(503, gateway(code, 'why')).upstream).toMatchObject({ code: Number(code), message: 'why' });
    },
  );

  it.each(minimaxCodes)('base_resp %s beside a whole song is no song', (code) => {
    const both = { ...JSON.parse(song), ...minimax(Number(code)) };
    expect(judged(200, both).kind).not.toBe('song');
  });

  it.each([
    [1002, 'rate_limited', 'none'],
    [1027, 'rejected', 'unknown'],
    [1026, 'rejected', 'none'],
    [1000, 'unknown', 'unknown'],
    [1013, 'unknown', 'unknown'],
    [1001, 'retryable', 'none'],
    [1028, 'rate_limited', 'none'],
    [1004, 'account', 'none'],
    [2061, 'account', 'none'],
  ])('%i has outcome %s and charge %s', (code, outcome, charge) => {
    expect(OUTCOME_TABLE[judged(200, minimax(code)).kind]).toMatchObject({ outcome, charge });
  });

  it('is found in the text of routes that state it only there', () => {
    expect(judged(429, { error: { message: 'usage limit exceeded (2056)' } }).kind).toBe('quota');
    expect(judged(500, { error: { message: 'insufficient balance (1008)' } }).kind).toBe('account');
    expect(judged(200, { data: { audio: '00' }, error: 'note (1008)' }).kind).toBe('song');
  });
});

describe('an unlisted code', () => {
  it('may have been billed', () => {
    for (const status of [200, 500, 503]) {
      expect(judged(status, minimax(7777)).kind).toBe('unknown_failure');
      expect(judged(status, gateway(-19999)).kind).toBe('unknown_failure');
    }
    expect(judged(200, minimax('odd')).kind).toBe('unknown_failure');
  });

  it('beside a 4xx is refused as that status says', () => {
    expect(judged(401, gateway(-19999)).kind).toBe('account');
    expect(judged(429, minimax(7777)).kind).toBe('rate_limited');
    expect(judged(422, minimax(7777)).kind).toBe('invalid_request');
  });
});

describe('an HTTP status without an envelope', () => {
  it.each([
    [301, 'unknown_failure'],
    [400, 'invalid_request'],
    [401, 'account'],
    [402, 'account'],
    [403, 'account'],
    [404, 'invalid_request'],
    [408, 'timeout'],
    [413, 'invalid_request'],
    [415, 'invalid_request'],
    [422, 'invalid_request'],
    [429, 'rate_limited'],
    [500, 'unknown_failure'],
    [502, 'unknown_failure'],
    [503, 'unknown_failure'],
    [504, 'timeout'],
    [520, 'unknown_failure'],
    [524, 'timeout'],
    [200, 'unreadable'],
    [204, 'unreadable'],
  ])('%i is %s, whether the body is HTML, empty or cut', (status, kind) => {
    for (const body of ['<html>why</html>', '', '{"error":{"err_c']) expect(judged(status, body).kind).toBe(kind);
  });

  it('a refusal stays one when its body breaks off; anything else is open', () => {
    expect(judged(429, '{"er', { ending: 'broken' }).kind).toBe('rate_limited');
    expect(judged(401, '{"er', { ending: 'deadline' }).kind).toBe('account');
    expect(judged(503, '{"er', { ending: 'deadline' }).kind).toBe('timeout');
    expect(judged(200, song, { ending: 'broken' }).kind).toBe('unreadable');
    expect(judged(200, song, { ending: 'deadline' }).kind).toBe('timeout');
    expect(judged(200, song, { ending: 'given_up' }).kind).toBe('unknown_failure');
    expect(judged(null, '', { ending: 'broken' }).kind).toBe('unknown_failure');
  });

  it('quotes what came, on one line', () => {
    const { message, upstream } = judged(502, '<html>\n<h1>Bad\tGateway</h1></html>');
    expect(message).toBe('the upstream answered HTTP 502: Bad Gateway');
    expect(upstream).toEqual({ http_status: 502, code: null, message: 'Bad Gateway', trace_id: null });
    expect(judged(500, 'x'.repeat(10_000)).upstream.message).toHaveLength(500);
  });
});

describe('a success', () => {
  const body = (data: unknown, more: object = {}) => judged(200, { data, ...more }).kind;

  it('needs no base_resp, no trace and no status', () => {
    expect(body({ audio: '0011', status: 2 })).toBe('song');
    expect(body({ audio: '0011', status: '2' })).toBe('song');
    expect(body({ audio: '0011' })).toBe('song');
    expect(body({ audio: '0011' }, { base_resp: null, error: null })).toBe('song');
  });

  it('is none while the song is still being made, whatever audio it holds', () => {
    for (const status of [1, '1', 3, 'done', true]) {
      expect(body({ audio: '0011', status }, { base_resp: { status_code: 0 } })).toBe('unreadable');
    }
  });

  it('without usable audio was paid for', () => {
    for (const audio of ['', '0', 'zz', `https://files.example/${'a'.repeat(5000)}`]) {
      expect(body({ audio, status: 2 })).toBe('unusable_audio');
      expect(body({ audio })).toBe('unusable_audio');
    }
    for (const audio of [null, 7, {}]) expect(body({ audio, status: 2 })).toBe('unusable_audio');
    expect(judged(200, minimax(0)).kind).toBe('unusable_audio');
  });

  it('may hold links to the song: the upstream’s own first, then the copy of it', () => {
    const [own, copy] = ['https://oss.example/a.mp3?Expires=1', 'https://file.302.ai/a.mp3'];
    const links = (data: unknown) => judged(200, { data });
    expect(links({ audio: own, status: 2, audio_url: copy })).toMatchObject({ kind: 'song', links: [own, copy] });
    expect(links({ audio: own, audio_url: own })).toMatchObject({ kind: 'song', links: [own] });
    for (const audio of [null, '', '0', 'zz']) {
      expect(links({ audio, audio_url: copy })).toMatchObject({ kind: 'song', links: [copy] });
    }
    expect(links({ audio: '0011', audio_url: copy })).toMatchObject({ kind: 'song', links: [] });
    expect(links({ audio: 'ftp://oss.example/a.mp3', status: 2 })).toMatchObject({ kind: 'unusable_audio', links: [] });
    expect(judged(200, { data: { audio: own }, base_resp: { status_code: 1002 } })).toMatchObject({ links: [] });
    expect(links({ audio: own, status: 1 })).toMatchObject({ kind: 'unreadable', links: [] });
  });

  it('needs to be said: an empty object is unreadable', () => {
    for (const answer of [{}, { data: {} }, { data: null }, { base_resp: {} }, { error: 'x' }]) {
      expect(judged(200, answer).kind).toBe('unreadable');
    }
  });

  it('under a status that is none is judged by that status', () => {
    expect(judged(500, song).kind).toBe('unknown_failure');
  });

  it('carries the trace id of the body, else of the header', () => {
    expect(judged(200, song, { traceId: 'head' }).upstream.trace_id).toBe('04ede0ab069fb1ba8be5156a24b1e081');
    expect(judged(200, '{}', { traceId: 'head' }).upstream.trace_id).toBe('head');
    expect(judged(200, '{"trace_id":"a\\nb"}').upstream.trace_id).toBe(null);
  });
});

describe('the message', () => {
  it('quotes the upstream and says what can be done about it, when something can', () => {
    const { message } = judged(200, minimax(1026, 'input new_sensitive'));
    expect(message).toMatch(/^the upstream answered 1026: input new_sensitive; the words were refused, so change them/);
    expect(judged(200, minimax(20132)).message).toContain('upload the voice or instrumental again');
    expect(judged(200, minimax(1033)).message).not.toContain(';');
  });
});
