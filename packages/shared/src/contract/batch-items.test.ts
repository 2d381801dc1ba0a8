import { describe, expect, it } from 'vitest';
import { type BatchLine, type BatchReading, readBatch, readBatchOptions } from './batch-items.ts';
import { MODELS } from './models.ts';

const rules = { models: MODELS, defaultModel: 'music-01', onUnknownCharge: 'retry' } as const;
const csv = { columns: new Map<string, string>(), extraColumns: 'reject', delimiter: null } as const;
const plain: BatchReading = { format: 'ndjson', defaults: {}, csv, rules, mostItems: 1000, mostItemBytes: 5000 };

/** The body in pieces of any size. */
function bodyOf(body: string | Uint8Array, pieceBytes = 7) {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return async function* () {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.slice(at, at + pieceBytes);
  };
}

async function read(body: string | Uint8Array, reading: Partial<BatchReading> = {}, pieceBytes?: number) {
  const lines: BatchLine[] = [];
  for await (const page of readBatch(bodyOf(body, pieceBytes), { ...plain, ...reading })) lines.push(...page);
  return lines;
}

/** One word for each line: its custom_id or lyrics when it is good, else where and why it is not. */
function told(lines: readonly BatchLine[]): string[] {
  return lines.flatMap((line) =>
    line.kind === 'item'
      ? [`${line.index}@${line.line} ${line.request.lyrics}`]
      : line.faults.map((fault) => `${fault.line}:${fault.column ?? ''} ${fault.pointer} ${fault.code}`),
  );
}

const song = (lyrics: string, more: object = {}) => JSON.stringify({ lyrics, refer_voice: 'v', ...more });

describe('NDJSON', () => {
  it('is read the same whatever pieces it comes in', async () => {
    const body = `\ufeff${song('ä\\n🎵')}\r\n\n  \n${song('b')}\n${song('c')}`;
    for (const size of [1, 2, 3, 7, 100_000]) {
      expect(told(await read(body, {}, size))).toEqual(['0@1 ä\\n🎵', '1@4 b', '2@5 c']);
    }
  });

  it('each bad line is told with its number, and what follows it is read', async () => {
    const lines = [
      '{"lyrics":',
      '[1]',
      song('x'.repeat(300)),
      song('good'),
      '{"a":1,"a":2}',
      'null',
      song('y', { no: 1 }),
    ];
    expect(told(await read(lines.join('\n')))).toEqual([
      '1:  malformed_json',
      '2:  invalid_type',
      '3: /lyrics too_long',
      '3@4 good',
      '5: /a duplicate_key',
      '5:  reference_required',
      '5: /lyrics words_required',
      '6:  invalid_type',
      '7: /no unknown_field',
    ]);
  });

  it('a line that is too long is one fault, and costs no memory', async () => {
    const body = `${song('a')}\n{"lyrics":"${'x'.repeat(1_000_000)}"}\n${song('b')}\n`;
    expect(told(await read(body, {}, 65_536))).toEqual(['0@1 a', '2:  line_too_long', '2@3 b']);
  });

  it('bytes that are no UTF-8 spoil their own line', async () => {
    const body = new Uint8Array([...new TextEncoder().encode(`${song('a')}\n"`), 0xc3, 0x28, 0x0a]);
    expect(told(await read(body))).toEqual(['0@1 a', '2:  not_utf8']);
  });

  it.each([
    ['UTF-16 with a mark', new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0])],
    ['UTF-16 without', new Uint8Array([0x7b, 0, 0x7d, 0])],
    ['gzip', new Uint8Array([0x1f, 0x8b, 8, 0])],
    ['a spreadsheet', new Uint8Array([0x50, 0x4b, 3, 4])],
  ])('%s is refused as a whole, with what to do', async (_title, body) => {
    for (const format of ['ndjson', 'csv'] as const)
      expect(told(await read(body, { format }))).toEqual(['1:  not_utf8']);
    const [fault] = await read(body, { format: 'json' });
    expect(fault).toMatchObject({ kind: 'file', malformed: true });
  });

  it('the later line with a custom_id is the fault, and names the first', async () => {
    const lines = await read([song('a', { custom_id: 'x' }), song('b'), song('c', { custom_id: 'x' })].join('\n'));
    expect(told(lines)).toEqual(['0@1 a', '1@2 b', '3: /custom_id duplicate_custom_id']);
    expect(lines[2]).toMatchObject({ duplicate: true, faults: [{ message: 'line 1 has the same custom_id' }] });
  });

  it('defaults fill what an item leaves out, notes are ignored, and items are bulk', async () => {
    const defaults = { refer_voice: 'd', audio_setting: { format: 'wav' }, metadata: { a: '1', b: '1' } };
    const [line] = await read('{"lyrics":"a","audio_setting":{"bitrate":32000},"metadata":{"b":"2"},"_line":4}', {
      defaults,
    });
    expect(line).toMatchObject({
      request: {
        ...{ refer_voice: 'd', audio_setting: { format: 'wav', bitrate: 32000 }, metadata: { a: '1', b: '2' } },
        priority: 'bulk',
      },
    });
  });

  it('a batch without an item, or with too many, is refused', async () => {
    expect(told(await read('\n\n'))).toEqual(['1:  no_items']);
    expect(told(await read(`${song('a')}\n${song('b')}`, { mostItems: 1 }))).toEqual(['0@1 a', '2:  too_many_items']);
  });
});

describe('CSV', () => {
  const rows = (body: string, more: Partial<typeof csv> | object = {}, pieceBytes?: number) =>
    read(body, { format: 'csv', csv: { ...csv, ...more } }, pieceBytes);

  it('quotes, doubled quotes and line breaks inside them are read as RFC 4180 says', async () => {
    const body = '\ufefflyrics,refer_voice\r\n"a, ""b""\r\nc",v\r\n\r\n"",v\r\nd,v';
    for (const size of [1, 3, 100_000]) {
      expect(told(await rows(body, {}, size))).toEqual(['0@2 a, "b"\nc', '5:1 /lyrics words_required', '2@6 d']);
    }
  });

  it.each([';', '\t', ','])('the delimiter %j is found from the header', async (delimiter) => {
    const body = ['"lyrics"', 'refer_voice', 'audio_setting.sample_rate'].join(delimiter);
    const [line] = await rows(`${body}\n${['a;b'.replace(delimiter, ' '), 'v', '44100'].join(delimiter)}`);
    expect(line).toMatchObject({ request: { refer_voice: 'v', audio_setting: { sample_rate: 44100 } } });
  });

  it('columns may be called otherwise, ignored or kept as metadata', async () => {
    const columns = new Map([['Text', 'lyrics']]);
    const body = 'Text,refer_voice,Mood,\na,v,sad,\n';
    expect(told(await rows(body, { columns }))).toEqual(['1:3  unknown_column']);
    expect(told(await rows(body, { columns, extraColumns: 'ignore' }))).toEqual(['0@2 a']);
    const [line] = await rows(body, { columns, extraColumns: 'metadata' });
    expect(line).toMatchObject({ request: { lyrics: 'a', metadata: { Mood: 'sad' } } });
    expect(told(await rows('lyrics,lyrics\n', { columns }))).toEqual(['1:2  duplicate_column', '1:  missing_column']);
  });

  it('bad quotes spoil their own line and no other', async () => {
    const body = 'lyrics,refer_voice\na"b,v\n"a"b,v\ngood,v\n"never closed,v\nalso good,v\n';
    expect(told(await rows(body))).toEqual([
      ...['2:1  bad_quote', '3:1  bad_quote', '2@4 good', '5:  unclosed_quote', '4@6 also good'],
    ]);
  });

  it('a fault names the column of its field', async () => {
    expect(told(await rows('refer_voice,lyrics\nv,a\u0000b\nv,a,b\n'))).toEqual([
      ...['2:2 /lyrics control_character', '3:3  too_many_cells'],
    ]);
  });

  it('a million columns are refused by their number or their length', async () => {
    expect(told(await rows(`${','.repeat(1_000_000)}\n`, {}, 65_536))).toEqual(['1:  line_too_long']);
    expect(told(await rows(`${','.repeat(4000)}\n`, {}, 65_536))).toEqual(['1:1001  too_many_columns']);
  });

  it('names that mean something to JavaScript are refused, not obeyed', async () => {
    const body = 'lyrics,refer_voice,metadata.__proto__\na,v,x\n';
    expect(told(await rows(body))).toHaveLength(1);
    expect(({} as { x?: string }).x).toBeUndefined();
  });
});

describe('JSON', () => {
  const json = (body: string, pieceBytes?: number) => read(body, { format: 'json' }, pieceBytes);

  it('items are found wherever they stand, whatever pieces the body comes in', async () => {
    const body = `{"name":"n","metadata":{"items":"[1]"},\n "items" : [${song('a]"}')},\n ${song('b')} ],"defaults":{"refer_voice":"d"}}`;
    for (const size of [1, 5, 100_000]) {
      expect(told(await json(body, size))).toEqual(['0@2 a]"}', '1@3 b']);
      const options = await readBatchOptions(bodyOf(body, size)(), 5000);
      expect(options).toMatchObject({ options: { name: 'n', defaults: { refer_voice: 'd' }, on_invalid: 'reject' } });
    }
  });

  it('faults point into the body', async () => {
    expect(told(await json(`{"items":[1,{"lyrics":"a"}, ${song('x', { no: 1 })}]}`))).toEqual([
      ...['1: /items/0 invalid_type', '1: /items/1 reference_required', '1: /items/2/no unknown_field'],
    ]);
  });

  it.each([
    '',
    '[',
    '[]',
    '{',
    '{"items":[}',
    '{"items":[{}{}]}',
    '{"items":[{}]',
    '{"items":[{}]}x',
    '{items:[]}',
    '{"a" 1}',
    '{"a":,}',
    '{,}',
  ])('what is no JSON object is malformed: %s', async (body) => {
    const lines = await json(body);
    expect(lines.at(-1)).toMatchObject({ kind: 'file', malformed: true });
  });

  it('options are judged as strictly as items', async () => {
    const body =
      '{"items":[],"items":1,"nme":"x","on_invalid":"drop","name":"","webhook":{"url":"u","events":["generation.failed"]}}';
    const answer = await readBatchOptions(bodyOf(body)(), 5000);
    expect('faults' in answer && answer.faults.map(({ pointer, code }) => `${pointer} ${code}`)).toEqual([
      ...[
        '/items invalid_type',
        '/name too_small',
        '/webhook/events/0 invalid_value',
        '/on_invalid invalid_value',
        '/nme unknown_field',
      ],
    ]);
  });
});
