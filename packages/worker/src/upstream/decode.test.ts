import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerReader } from './decode.ts';
import { type Answer, codeAt, textAt } from './envelope.ts';
import { decodeHex } from './hex.ts';
import { success } from './testing/songs.ts';

/** Collects what the reader hands on, and says no to anything but hex digits, as the file does. */
function collector() {
  let digits = '';
  return {
    digits(source: Uint8Array, from: number, to: number) {
      const text = Buffer.from(source.subarray(from, to)).toString('latin1');
      if (!/^[0-9a-fA-F]*$/.test(text)) return false;
      digits += text;
      return true;
    },
    audio: () => Buffer.from(digits, 'hex').toString('latin1'),
  };
}

interface Read extends Answer {
  readonly decoded: string;
}

function read(body: string | Uint8Array, cuts: readonly number[] = []): Read {
  const bytes = Buffer.from(body);
  const sink = collector();
  const reader = new AnswerReader(sink);
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    reader.push(bytes.subarray(from, cut));
    from = cut;
  }
  reader.push(bytes.subarray(from));
  const answer = reader.finish(true);
  return { ...answer, decoded: sink.audio() };
}

/** Everything but what was decoded before a bad digit: that part is thrown away and depends on the split. */
function verdict(answer: Read) {
  const { decoded, ...rest } = answer;
  return { ...rest, kept: Object.fromEntries(rest.kept), decoded: rest.audio === 'hex' ? decoded : null };
}

const audio = Buffer.from('a song').toString('hex');

describe('where the song is', () => {
  it('is exactly data.audio, in either case of digits', () => {
    const answer = read(`{"data":{"audio":"${audio.toUpperCase()}","status":2},"base_resp":{"status_code":0}}`);
    expect(answer).toMatchObject({ readable: true, audio: 'hex', decoded: 'a song' });
    expect(codeAt(answer, 'data.status')).toBe(2);
    expect(codeAt(answer, 'base_resp.status_code')).toBe(0);
  });

  it('is found after a megabyte of other keys', () => {
    const pad = JSON.stringify({ a: 'x'.repeat(500_000), b: Array.from({ length: 50_000 }, (_, i) => ({ i })) });
    const answer = read(`{"pad":${pad},"data":{"pad":${pad},"audio":"${audio}"}}`);
    expect(answer).toMatchObject({ readable: true, audio: 'hex', decoded: 'a song' });
  });

  it('is found under an escaped key', () => {
    expect(read(`{"d\\u0061ta":{"\\u0061udio":"${audio}"}}`)).toMatchObject({ audio: 'hex', decoded: 'a song' });
  });

  it.each([
    ['nested deeper', `{"x":{"data":{"audio":"${audio}"}}}`],
    ['inside data', `{"data":{"inner":{"audio":"${audio}"}}}`],
    ['in a list', `{"data":[{"audio":"${audio}"}]}`],
    ['at the root', `{"audio":"${audio}"}`],
    ['under a key with a dot', `{"data.audio":"${audio}"}`],
    ['after data has ended', `{"data":{},"other":{"audio":"${audio}"}}`],
    ['under a key with a dot, after data was a number', `{"data":1,"a.b":{"audio":"${audio}"}}`],
    ['under an endless key, after data was a number', `{"data":1,"${'k'.repeat(5000)}":{"audio":"${audio}"}}`],
    ['in another case', `{"data":{"Audio":"${audio}"}}`],
    ['as a value', `{"data":{"x":"audio","y":"${audio}"}}`],
  ])('is not where it looks alike: %s', (_, body) => {
    expect(read(body)).toMatchObject({ readable: true, audio: 'absent', decoded: '' });
  });

  it.each([
    ['audio', `{"data":{"audio":"${audio}","audio":"${audio}"}}`],
    ['audio, once escaped', `{"data":{"audio":"${audio}","\\u0061udio":"00"}}`],
    ['data', `{"data":{"audio":"${audio}"},"data":{"audio":"${audio}"}}`],
    ['data, once null', `{"data":null,"data":{"audio":"${audio}"}}`],
    ['base_resp', `{"base_resp":{"status_code":0},"data":{"audio":"${audio}"},"base_resp":{"status_code":1002}}`],
    ['status_code', `{"base_resp":{"status_code":1002,"status_code":0},"data":{"audio":"${audio}"}}`],
  ])('a decisive key that stands twice makes the answer unreadable: %s', (_, body) => {
    expect(read(body).readable).toBe(false);
  });

  it('a key that decides nothing may stand twice', () => {
    expect(read(`{"trace_id":"a","trace_id":"b","data":{"audio":"${audio}","x":1,"x":2}}`).readable).toBe(true);
  });
});

describe('what the song is written in', () => {
  it.each([
    ['""', 'empty'],
    ['null', 'absent'],
    ['7', 'absent'],
    ['{"a":"00"}', 'absent'],
    ['["00"]', 'absent'],
    ['"0"', 'odd_digits'],
    ['"abc"', 'odd_digits'],
    ['"zz"', 'bad_digit'],
    ['"00 11"', 'bad_digit'],
    ['"0\\u0030"', 'bad_digit'],
    ['"00\\"11"', 'bad_digit'],
    ['"https://files.example/a.mp3"', 'url'],
    ['"HTTP:\\/\\/files.example\\/a.mp3"', 'url'],
    ['"abhttps://files.example"', 'bad_digit'],
    ['"ééé"', 'bad_digit'],
  ])('%s is %s', (value, state) => {
    expect(read(`{"data":{"audio":${value}},"trace_id":"t"}`)).toMatchObject({ readable: true, audio: state });
  });

  it('a link is kept as it was meant, escapes and all, however its bytes were split', () => {
    const meant = 'https://files.example/a.mp3?x=1&y="';
    const written = 'https:\\/\\/files.example\\/a.mp3?x=1\\u0026y=\\"';
    expect(read(`{"data":{"audio":"${written}"}}`).kept.get('data.audio')).toEqual({ type: 'text', text: meant });
    const long = `https://files.example/${'a'.repeat(5000)}`;
    expect(read(`{"data":{"audio":"${long}"}}`).kept.has('data.audio')).toBe(false);
  });

  it('a bad digit at any place is never a song', () => {
    for (let at = 0; at < audio.length; at++) {
      const damaged = `${audio.slice(0, at)}g${audio.slice(at + 1)}`;
      expect(read(`{"data":{"audio":"${damaged}"}}`).audio).toBe('bad_digit');
    }
  });

  it('the fast decoder agrees with a plain reading of every pair of bytes', () => {
    const out = Buffer.alloc(1);
    for (let pair = 0; pair < 65_536; pair++) {
      const source = Buffer.from([pair >> 8, pair & 255]);
      const good = /^[0-9a-fA-F]{2}$/.test(source.toString('latin1'));
      expect(decodeHex(source, 0, 2, out, 0)).toBe(good);
      if (good) expect(out[0]).toBe(Number.parseInt(source.toString('latin1'), 16));
    }
  });
});

describe('what an answer is', () => {
  it('an answer cut at any byte is unreadable', () => {
    const body = success(Buffer.from('a song'));
    expect(read(body).readable).toBe(true);
    for (let length = 0; length < body.length; length++) expect(read(body.slice(0, length)).readable).toBe(false);
  });

  it('an answer whose connection broke is unreadable even if its JSON is whole', () => {
    const reader = new AnswerReader(collector());
    reader.push(Buffer.from(success(Buffer.from('a song'))));
    expect(reader.finish(false).readable).toBe(false);
  });

  it.each([
    '',
    ' ',
    '[]',
    '"text"',
    '1',
    'null',
    '<html><title>504</title></html>',
    '{} {}',
    '{}x',
    '{"a":1,}',
    '{,}',
    '{"a" 1}',
    '{"a":}',
    '{"a":1]',
    '{"a":[1}}',
    '{"a":[1,]}',
    '{a:1}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":tru}',
    '{"a":truefalse}',
    '{"a":"\\x"}',
    '{"a":"line\nbreak"}',
    '{"\\x":1}',
    `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`,
    '\u{fffd}{}',
    '{"a":1}\u0000',
  ])('%j is unreadable', (body) => {
    expect(read(body).readable).toBe(false);
  });

  it('a byte order mark before it is skipped, half of one is not', () => {
    const body = success(Buffer.from('a song'));
    expect(read(`\ufeff${body}`)).toMatchObject({ readable: true, decoded: 'a song' });
    expect(read(Buffer.concat([Buffer.from([0xef, 0xbb]), Buffer.from(body)])).readable).toBe(false);
  });

  it('broken UTF-8 in a text spoils that text only', () => {
    const body = Buffer.concat([
      Buffer.from('{"base_resp":{"status_msg":"a'),
      Buffer.from([0xff, 0xc3]),
      Buffer.from(`"},"data":{"audio":"${audio}"}}`),
    ]);
    const answer = read(body);
    expect(answer).toMatchObject({ readable: true, decoded: 'a song' });
    expect(textAt(answer, 'base_resp.status_msg')).toBe('a\ufffd\ufffd');
  });

  it('keeps the first 4 KiB of a text and reads past the rest', () => {
    const long = 'x'.repeat(4090) + '\\\\'.repeat(100);
    const answer = read(`{"base_resp":{"status_msg":"${long}"},"data":{"audio":"${audio}"}}`);
    expect(answer).toMatchObject({ readable: true, decoded: 'a song' });
    expect(textAt(answer, 'base_resp.status_msg')).toBe(`${'x'.repeat(4090)}\\\\\\`);
  });

  it('codes may be numbers or text, and nothing else is a code', () => {
    const code = (text: string) => codeAt(read(`{"error":{"err_code":${text}}}`), 'error.err_code');
    expect(['-10008', '"-10008"', '" 7 "', 'null'].map(code)).toEqual([-10008, -10008, 7, null]);
    expect(['1.5', 'true', '"x"', '{}', '[]', '1e400'].map(code)).toEqual(Array(6).fill('odd'));
  });

  it('the excerpt is one line of text without tags', () => {
    const answer = read('<html>\n<h1>504 Gateway\tTime-out</h1>\u0007</html>');
    expect(answer.excerpt).toBe('504 Gateway Time-out');
  });

  it('says of any JSON what JSON.parse says', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.string({ maxLength: 3 }), fc.nat(), (json, insert, place) => {
        const object = `{"a":${json}}`;
        const at = place % (object.length + 1);
        for (const text of [object, object.slice(0, at) + insert + object.slice(at)]) {
          expect(read(text).readable).toBe(isObject(text));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('how the bytes were split', () => {
  const long = audio.repeat(3);
  const bodies = [
    success(Buffer.from('a song')),
    `\ufeff{"data":{"\\u0061udio":"${long}","status":"2"},"trace_id":"é"}`,
    `{"data":{"audio":"${long}0"}}`,
    `{"data":{"audio":"${long}\\"${long}","status":2}}`,
    '{"data":{"audio":"https:\\/\\/files.example\\/a.mp3"}}',
    '{"error":{"err_code":"-10008","message":"\\u4e00 \\"none\\""}}',
    `{"data":{"audio":"${long}"},"data":1}`,
    `{"data":{"audio":"${long}"}} x`,
    '<html>504</html>',
  ];

  it('changes nothing when every byte comes alone', () => {
    for (const body of bodies) {
      const bytes = Buffer.from(body);
      const each = Array.from({ length: bytes.length }, (_, i) => i);
      expect(verdict(read(bytes, each))).toEqual(verdict(read(bytes)));
    }
  });

  it('changes nothing wherever it is cut, even when bytes are damaged', () => {
    const damage = fc.option(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { nil: null });
    fc.assert(
      fc.property(fc.constantFrom(...bodies), damage, fc.array(fc.nat(), { maxLength: 8 }), (body, harm, cuts) => {
        const bytes = Buffer.from(body);
        if (harm) bytes[harm[0] % bytes.length] = harm[1];
        const places = cuts.map((cut) => cut % bytes.length);
        expect(verdict(read(bytes, places))).toEqual(verdict(read(bytes)));
      }),
      { numRuns: 3000 },
    );
  });
});

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
