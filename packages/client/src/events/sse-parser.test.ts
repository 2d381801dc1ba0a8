import { expect, it } from 'vitest';
import { createSseParser } from './sse-parser.ts';

const TEXT =
  '\uFEFFretry: 3000\n\nid: 1\nevent: a\ndata: one\ndata:two\n\n: ping\n\nid: 2\n\nid: 3\ndata:  x\r\nother: y\r\n\r\ndata\rid\r\r';

it('a stream is read by the standard, wherever its pieces are cut', () => {
  for (let cut = 0; cut <= TEXT.length; cut += 1) {
    const parser = createSseParser('0');
    const messages = [...parser.push(TEXT.slice(0, cut)), ...parser.push(TEXT.slice(cut)), ...parser.push('\n')];
    expect(messages, `cut at ${cut}`).toEqual([
      { event: 'a', data: 'one\ntwo', id: '1' },
      { event: 'message', data: ' x', id: '3' },
      { event: 'message', data: '', id: '' },
    ]);
    expect([parser.lastId, parser.retryMs]).toEqual(['', 3000]);
  }
});

it('an id counts once its message is complete, with data or without', () => {
  const parser = createSseParser(null);
  parser.push('id: 7\n');
  expect(parser.lastId).toBeNull();
  expect(parser.push('\n')).toEqual([]);
  expect(parser.lastId).toBe('7');
  parser.push('id: 8\ndata: half');
  expect(parser.lastId).toBe('7');
  parser.push('\nid: with\0zero\nretry: soon\n\n');
  expect([parser.lastId, parser.retryMs]).toEqual(['8', null]);
});
