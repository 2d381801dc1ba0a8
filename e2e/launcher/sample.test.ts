import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseBuffer } from 'music-metadata';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { load } from './load.ts';

const { runSample } = await load('sample.mjs');
const { summarise } = await load('sample-summary.mjs');
const { summariseWebhooks } = await load('sample-webhooks.mjs');
const { nextCommands } = await load('next-commands.mjs');
const { readLyricSets, withReferences } = await load('lyric-sets.mjs');
const { makeReferences } = await load('sample-references.mjs');
const { chordLoop, sungMelody } = await load('tones.mjs');
const { createReport } = await load('report.mjs');

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const signal = new AbortController().signal;

interface FakeGeneration {
  id: string;
  status: string;
  queue: unknown;
  attempts: { charge: string }[];
  result: unknown;
  error: unknown;
}

/** A server in memory: a song is queued, then being made, then settled, one step per look. */
function fakeClient(fates: Record<string, Partial<FakeGeneration>> = {}) {
  const keys: string[] = [];
  const steps = new Map<string, string[]>();
  const settledAs = (id: string): FakeGeneration => ({
    id,
    status: 'succeeded',
    queue: null,
    attempts: [{ charge: 'charged' }],
    result: { format: 'mp3', duration_ms: 12_340 },
    error: null,
    ...fates[id],
  });
  const record = (id: string): FakeGeneration => {
    const state = steps.get(id)?.shift();
    return state === undefined
      ? settledAs(id)
      : { ...settledAs(id), status: state, attempts: [], result: null, error: null };
  };
  return {
    keys,
    generations: {
      async create({ custom_id }: { custom_id: string }, { idempotencyKey }: { idempotencyKey: string }) {
        keys.push(idempotencyKey);
        steps.set(`gen_${custom_id}`, ['queued', 'processing']);
        return record(`gen_${custom_id}`);
      },
      retrieve: async (id: string) => record(id),
      async download(id: string, stream: WritableStream<Uint8Array>) {
        if (id === 'gen_broken') throw new Error('the song broke off');
        const writer = stream.getWriter();
        await writer.write(new TextEncoder().encode(`song of ${id}`));
        await writer.close();
      },
    },
  };
}

describe('the sample', () => {
  let folder: string;
  let shown: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'sgm-sample-'));
    shown = '';
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const sample = (client: object, names: string[]) => {
    const report = createReport({ write: (text: string) => (shown += text) });
    return runSample({ client, sets: names.map((custom_id) => ({ custom_id })), folder, report, signal });
  };

  it('saves every song under its name, whole, and lists them in order with lengths and what was billed', async () => {
    const sampled = await sample(fakeClient(), ['one', 'two', 'three']);
    expect(readdirSync(folder).sort()).toEqual(['one.mp3', 'three.mp3', 'two.mp3']);
    expect(readFileSync(path.join(folder, 'two.mp3'), 'utf8')).toBe('song of gen_two');
    expect(summarise(sampled, { from: folder, ledger: 3 })).toEqual([
      '  one     12.3 s  one.mp3',
      '  two     12.3 s  two.mp3',
      '  three   12.3 s  three.mp3',
      '',
      "billed: 3 calls, for 3 songs; the simulator's ledger says 3 (no real money)",
    ]);
    expect(shown).toMatch(/0 of 3 songs, 1 being made, 2 waiting|0 of 3 songs, 3 waiting|0 of 3 songs, 3 being made/);
  });

  it('says of a song that was not made why, and that its call may have been billed', async () => {
    const client = fakeClient({
      gen_two: {
        status: 'needs_review',
        attempts: [{ charge: 'unknown' }],
        result: null,
        error: { code: 'unknown_charge', message: 'the answer never came' },
      },
    });
    const sampled = await sample(client, ['one', 'two']);
    expect(summarise(sampled, { from: folder, ledger: null })).toEqual([
      '  one   12.3 s  one.mp3',
      '  two  needs_review: unknown_charge (the answer never came)',
      '',
      'billed: 1 calls and 1 more that may have been, for 1 songs',
    ]);
  });

  it('a song that breaks off leaves no file', async () => {
    await expect(sample(fakeClient(), ['broken'])).rejects.toThrow('the song broke off');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('uses new idempotency keys in every run, and no key twice', async () => {
    const client = fakeClient();
    await sample(client, ['one', 'two']);
    await sample(client, ['one', 'two']);
    expect(new Set(client.keys).size).toBe(4);
  });
});

describe('the lyric sets of the examples', () => {
  const sets: Record<string, string>[] = readLyricSets(path.join(EXAMPLES, 'lyrics.jsonl'));

  it('are twenty, within the rules, and show what the upstream can do', () => {
    expect(sets).toHaveLength(20);
    expect(new Set(sets.map(({ custom_id }) => custom_id)).size).toBe(20);
    for (const { custom_id, lyrics = '' } of sets) {
      expect([...lyrics].length, custom_id).toBeLessThanOrEqual(200);
      expect(lyrics.startsWith('##'), custom_id).toBe(lyrics.endsWith('##'));
      expect(lyrics, custom_id).not.toMatch(/[\0-\t\v-\x1f]/);
    }
    const lyrics = sets.map((set) => set.lyrics ?? '');
    expect(lyrics.filter((text) => /\p{Script=Han}/u.test(text)).length).toBeGreaterThanOrEqual(4);
    expect(lyrics.some((text) => text.includes('\n\n'))).toBe(true);
    expect(lyrics.some((text) => text !== '' && !text.startsWith('##'))).toBe(true);
    expect(lyrics.some((text) => [...text].length === 200)).toBe(true);
    expect(sets.filter((set) => !set.refer_voice)).toMatchObject([{ lyrics: '' }]);
    expect(sets.filter((set) => !set.refer_instrumental)).toHaveLength(1);
  });

  it('say the same as jsonl and as csv', () => {
    const cell = (text = '') => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const columns = ['custom_id', 'lyrics', 'refer_voice', 'refer_instrumental'];
    const rows = [columns, ...sets.map((set) => columns.map((column) => cell(set[column])))];
    expect(readFileSync(path.join(EXAMPLES, 'lyrics.csv'), 'utf8')).toBe(
      `${rows.map((row) => row.join(',')).join('\n')}\n`,
    );
  });

  it('take other reference ids where they have one', () => {
    const own: Record<string, string>[] = withReferences(sets, { voice: 'v', instrumental: 'i' });
    expect(new Set(own.map((set) => `${set.refer_voice} ${set.refer_instrumental}`))).toEqual(
      new Set(['v i', 'undefined i', 'v undefined']),
    );
  });
});

describe('the references of the sample', () => {
  const signalled = { report: createReport({ write: () => {} }), signal };

  it.each([
    ['a sung melody', sungMelody],
    ['a chord loop', chordLoop],
  ])('%s is a wav that the upstream takes, loud enough and without overload', async (_what, make) => {
    const bytes = Buffer.from(await (make as () => Blob)().arrayBuffer());
    const { format } = await parseBuffer(bytes, undefined, { duration: true });
    expect(format).toMatchObject({ container: 'WAVE', duration: 12, numberOfChannels: 1 });
    let loudest = 0;
    for (let at = 44; at < bytes.length; at += 2) loudest = Math.max(loudest, Math.abs(bytes.readInt16LE(at)));
    expect(loudest).toBeGreaterThan(5000);
    expect(loudest).toBeLessThan(32_767);
  });

  it('are made where no id of one’s own is given, and a refused upload is told', async () => {
    const uploaded: string[] = [];
    let refusal: string | null = null;
    const client = {
      references: {
        async upload({ purpose }: { purpose: string }) {
          uploaded.push(purpose);
          return { id: purpose };
        },
        wait: async (id: string) =>
          refusal === null
            ? { status: 'succeeded', [`${id}_id`]: `new ${id}` }
            : { status: 'failed', error: { message: refusal } },
      },
    };
    const made = (own: object) => makeReferences({ client, own, ...signalled });
    expect(await made({ voice: 'mine', instrumental: 'too' })).toMatchObject({ voice: 'mine', instrumental: 'too' });
    expect(uploaded).toEqual([]);
    expect(await made({ voice: 'mine' })).toEqual({ voice: 'mine', instrumental: 'new instrumental' });
    expect(await made({})).toEqual({ voice: 'new voice', instrumental: 'new instrumental' });
    refusal = 'too quiet';
    await expect(made({})).rejects.toThrow(/could not be uploaded: too quiet/);
  });
});

describe('the next commands', () => {
  it('are three, name the key without showing it, and can be pasted', () => {
    const lines: string[] = nextCommands({
      url: 'http://127.0.0.1:8080',
      keyInShell: '$(cat data/api-key)',
      folder: 'songs',
      voice: 'vocal-1',
      instrumental: 'instrumental-1',
      generationId: 'gen_1',
    });
    expect(lines.filter((line) => line.startsWith('curl '))).toHaveLength(3);
    expect(lines.join('\n')).not.toMatch(/…|<|>/);
    expect(lines.filter((line) => line.includes('Bearer $(cat data/api-key)'))).toHaveLength(3);
    const body = /-d '(.*)'/.exec(lines.join('\n'))?.[1] ?? '';
    expect(JSON.parse(body)).toMatchObject({ refer_voice: 'vocal-1', lyrics: expect.stringContaining('\n') });
  });
});

describe('the webhooks of the sample', () => {
  const hook = (id: string | null, verdict = 'verified') => ({ webhook_id: id, verdict });

  it('are counted by their ids, as one may come twice', () => {
    const both = [hook('evt_1'), hook('evt_2'), hook('evt_2')];
    expect(summariseWebhooks(both, 2)).toEqual({
      text: '2 webhooks received, all signatures verified',
      complete: true,
    });
    expect(summariseWebhooks(both, 3).text).toBe('2 of 3 webhooks received so far, all signatures verified');
  });

  it('count only when their signature verifies, and are named otherwise', () => {
    const odd = [hook('evt_1'), hook('evt_2', 'wrong_signature'), hook(null, 'missing_headers')];
    expect(summariseWebhooks(odd, 2)).toEqual({
      text: '1 of 2 webhooks received so far, 2 with a signature that does not verify',
      complete: false,
    });
  });
});
