import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '@songmill/shared/testing/processes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { songmill } from '../testing/songmill-command.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sgm-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function validate(name: string, text: string | Uint8Array, ...args: string[]) {
  await writeFile(join(folder, name), text);
  return songmill(['batch', 'validate', name, ...args], { cwd: folder });
}

describe('songmill batch validate, without a server', () => {
  it('finds no fault in the example', async () => {
    const run = await songmill(['batch', 'validate', join(ROOT, 'examples/lyrics.csv')]);
    expect(run).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('20 songs, 20 good, 0 bad') });
  });

  it('names every bad line with its column, and ends with 6', async () => {
    const long = 'la\n'.repeat(80);
    const csv = `custom_id,lyrics,refer_voice\na,"${long}",v\nb,fine,v\nb,again,v\nc,no voice,\n`;
    const run = await validate('bad.csv', csv);
    expect(run.code).toBe(6);
    const lines = run.stdout.trim().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^bad\.csv:2:2: \/lyrics 240 characters, 80 of them line breaks/);
    expect(lines[1]).toMatch(/^bad\.csv:84:1: \/custom_id line 83 has the same custom_id/);
    expect(lines[2]).toMatch(/^bad\.csv:85: give refer_voice/);
    expect(run.stderr).toMatch(/4 songs, 1 good, 3 bad/);
    expect(run.stderr).toMatch(/spaces, line breaks and ## too/);
    const json = await validate('bad.csv', csv, '--json');
    const records = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records[0]).toMatchObject({ line: 2, column: 2, pointer: '/lyrics', code: 'too_long' });
    expect(records.at(-1)).toMatchObject({ object: 'batch_validation', total: 4, valid: 1, invalid: 3, duplicates: 1 });
  });

  it('reads other headers, fields for every item, NDJSON and JSON', async () => {
    const args = ['--columns', 'lyrics:Text,custom_id:Id', '--set', 'refer_voice=v', '--extra-columns', 'ignore'];
    expect(await validate('own.csv', 'Id;Text;Note\n1;la;x\n', ...args)).toMatchObject({ code: 0 });
    expect(await validate('own.csv', 'Id;Text;Note\n1;la;x\n')).toMatchObject({ code: 6 });
    expect(await validate('a.jsonl', '{"lyrics":"la","refer_voice":"v"}\n\n')).toMatchObject({ code: 0 });
    const json = { items: [{ lyrics: 'la' }], defaults: { refer_voice: 'v' } };
    expect(await validate('a.json', JSON.stringify(json))).toMatchObject({ code: 0 });
    expect(await validate('utf16.csv', Buffer.from('lyrics\nla', 'utf16le'))).toMatchObject({ code: 6 });
    expect(await validate('empty.csv', '')).toMatchObject({ code: 6 });
  });

  it('cuts long lyrics at their stanzas into parts that are good and belong together', async () => {
    const stanza = 'A mill by the river\nturns all night long';
    const lyrics = Array(12).fill(stanza).join('\n\n');
    const csv = `custom_id,lyrics,refer_voice\nlong,"${lyrics}",v\nshort,la,v\n`;
    const run = await validate('long.csv', csv, '--split', 'parts.jsonl');
    expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('1 songs in parts') });
    const parts = (await readFile(join(folder, 'parts.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { lyrics: string; custom_id: string; metadata?: object });
    expect(parts.map((part) => part.custom_id)).toEqual(['long-1', 'long-2', 'long-3', 'short']);
    expect(
      parts
        .slice(0, 3)
        .map((part) => part.lyrics)
        .join('\n\n'),
    ).toBe(lyrics);
    expect(parts[1]!.metadata).toEqual({ song: 'long', part: '2', parts: '3' });
    expect(await songmill(['batch', 'validate', 'parts.jsonl'], { cwd: folder })).toMatchObject({ code: 0 });
  });
});
