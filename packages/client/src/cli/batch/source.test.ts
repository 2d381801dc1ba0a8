import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { batchFile, columnsOf, defaultsOf, keyOf, submitOptionsOf } from './source.ts';
import { submitQueryOf } from '../../resources/batch-calls.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sgm-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function keyFor(text: string, name: string, options: object = {}): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  const file = await batchFile(path, options);
  return keyOf(file, submitOptionsOf(file));
}

it('the key of a file is made of its bytes and options, not of its name', async () => {
  const key = await keyFor('lyrics\nla\n', 'a.csv');
  expect(key).toMatch(/^file-[0-9a-f]{64}$/);
  expect(await keyFor('lyrics\nla\n', 'b.csv')).toBe(key);
  expect(await keyFor('lyrics\nlo\n', 'a.csv')).not.toBe(key);
  expect(await keyFor('lyrics\nla\n', 'a.csv', { set: { refer_voice: 'v' } })).not.toBe(key);
  expect(await keyFor('lyrics\nla\n', 'a.txt')).toBe(key);
  expect(await keyFor('lyrics\nla\n', 'a.jsonl')).not.toBe(key);
});

it('the order in which options are given makes no other key', async () => {
  const one = { set: { refer_voice: 'v', model: 'm' }, columns: { lyrics: 'A', custom_id: 'B' } };
  const other = { columns: { custom_id: 'B', lyrics: 'A' }, set: { model: 'm', refer_voice: 'v' } };
  expect(await keyFor('A\n', 'a.csv', one)).toBe(await keyFor('A\n', 'a.csv', other));
});

it('columns name the header of each field, and a header may hold a colon', () => {
  expect(columnsOf('lyrics:Song text,custom_id:Id:2')).toEqual({ lyrics: 'Song text', custom_id: 'Id:2' });
  expect(() => columnsOf('lyrics')).toThrow('field:Header');
});

it('fields set for every item are nested by their dots, and typed', () => {
  const set = { refer_voice: 'v', 'audio_setting.format': 'wav', 'audio_setting.bitrate': '128000', 'metadata.a': '1' };
  expect(defaultsOf(set)).toEqual({
    refer_voice: 'v',
    audio_setting: { format: 'wav', bitrate: 128000 },
    metadata: { a: '1' },
  });
});

it('the query of a file says its options as the API reads them', () => {
  const query = submitQueryOf({
    ...{ name: 'n', onInvalid: 'skip', columns: { lyrics: 'Text', custom_id: 'Id' }, extraColumns: 'ignore' },
    ...{ metadata: { tour: 'x' }, defaults: { refer_voice: 'v', audio_setting: { format: 'wav', bitrate: 128000 } } },
  });
  expect(query).toMatchObject({
    ...{ name: 'n', on_invalid: 'skip', columns: 'custom_id:Id,lyrics:Text', extra_columns: 'ignore' },
    ...{ 'metadata.tour': 'x', 'defaults.refer_voice': 'v', 'defaults.audio_setting.format': 'wav' },
    'defaults.audio_setting.bitrate': '128000',
  });
});

it('a file whose name says nothing needs its format said', async () => {
  await writeFile(join(folder, 'songs'), 'x');
  await expect(batchFile(join(folder, 'songs'), {})).rejects.toMatchObject({ exit: 2 });
  expect((await batchFile(join(folder, 'songs'), { format: 'csv' })).format).toBe('csv');
  await expect(batchFile(join(folder, 'none.csv'), {})).rejects.toMatchObject({ exit: 6 });
});
