import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseBuffer } from 'music-metadata';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem, VOICE } from '../testing/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({ redis: { appendfsync: 'always' } });
});
afterAll(() => system.stop());

describe('one song', () => {
  it('goes from a request over queue, upstream and storage to audio that plays, billed once', async () => {
    const request = song('Höre\n\n春天来了');
    const created = await system.client.generations.create(request);
    expect(created.status).toBe('queued');
    const settled = await system.client.generations.wait(created.id);
    expect(settled).toMatchObject({
      status: 'succeeded',
      attempts: [
        { number: 1, run: 1, outcome: 'succeeded', charge: 'charged', upstream: { http_status: 200, code: 0 } },
      ],
      result: { kind: 'song', format: 'mp3' },
    });
    const audio = Buffer.from(await (await system.client.generations.audio(created.id)).arrayBuffer());
    expect(audio.length).toBe(settled.result!.bytes);
    expect(createHash('sha256').update(audio).digest('hex')).toBe(settled.result!.sha256);
    const { format } = await parseBuffer(audio, 'audio/mpeg', { duration: true });
    expect(Math.round(format.duration! * 1000)).toBeCloseTo(settled.result!.duration_ms, -2);
    const sha = createHash('sha256').update(request.lyrics).digest('hex');
    expect((await system.sim.ledger()).by_lyrics[sha]).toMatchObject({ calls: 1, charges: 1 });
  });

  it('sends line breaks upstream as the line feeds they are', async () => {
    const request = song('one\r\ntwo\n\nthree');
    const settled = await system.client.generations.generate(request);
    expect(settled.status).toBe('succeeded');
    const sent = (await system.sim.requests()).map((each) => Buffer.from(each.lyrics_base64, 'base64').toString());
    expect(sent).toContain(request.lyrics.replaceAll('\r\n', '\n'));
  });

  it('makes WAV when it is asked for', async () => {
    const settled = await system.client.generations.generate(
      song('', { audio_setting: { format: 'wav', sample_rate: 16000 } }),
    );
    expect(settled.result).toMatchObject({ format: 'wav' });
    const answer = await system.client.generations.audio(settled.id, { range: 'bytes=0-3' });
    expect(answer.status).toBe(206);
    expect(await answer.text()).toBe('RIFF');
  });

  it('says what kind of song the references make', async () => {
    const voice = await system.client.generations.generate({ ...song(), refer_instrumental: '' });
    const instrumental = await system.client.generations.generate({ ...song(), refer_voice: '' });
    expect([voice.result?.kind, instrumental.result?.kind]).toEqual(['a_cappella', 'instrumental']);
    expect(voice.request).toMatchObject({ refer_voice: VOICE, refer_instrumental: null });
  });

  it('settles a hundred songs over two workers, each billed once', async () => {
    await system.startWorker();
    const before = await system.sim.ledger();
    const created = await Promise.all(Array.from({ length: 100 }, () => system.client.generations.create(song())));
    const settled = await Promise.all(
      created.map(({ id }) => system.client.generations.wait(id, { timeoutMs: 120_000 })),
    );
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    const after = await system.sim.ledger();
    expect(after.charges - before.charges).toBe(100);
    expect((await system.sim.state()).max_concurrency_seen).toBeLessThanOrEqual(10);
  });
});
