import { createHash } from 'node:crypto';
import type { GenerationInput } from '@songmill/shared/contract/generation';
import { fakeUpstream } from '@songmill/worker/upstream/testing/fake-upstream';
import { silentMp3 } from '@songmill/worker/upstream/testing/songs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

const PRICES = { 'music-01': { amount: '0.1', currency: 'PTC' }, 'music-2.5': { amount: '0.15', currency: 'PTC' } };
/** Answers as MiniMax documents them, and as 302.AI gives them for later models: with links and nothing beside. */
const ANSWERS = {
  hex: { audio: 'hex', base_resp: true, trace_id: true, extra_info: true },
  url: { audio: 'url', base_resp: false, trace_id: false, extra_info: false },
} as const;
const LATER = ['music-1.5', 'music-2.0', 'music-2.5'];

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({ env: { PRICES: JSON.stringify(PRICES), MAX_ATTEMPTS: '3' } });
});
afterEach(() => system.sim.config({ models: ['music-01', ...LATER], answer: ANSWERS.hex }));
afterAll(() => system.stop());

/** A request of a later model: words and a prompt, no references. */
function later(model: string, words = ''): GenerationInput & { lyrics: string } {
  return { model, prompt: 'slow jazz with a piano', lyrics: song(`[Verse] ${words}`).lyrics };
}

async function billedFor({ lyrics }: { lyrics: string }): Promise<number> {
  const sha = createHash('sha256').update(lyrics).digest('hex');
  return (await system.sim.ledger()).by_lyrics[sha]?.charges ?? 0;
}

describe('models', () => {
  it.each((['hex', 'url'] as const).flatMap((audio) => ['music-01', ...LATER].map((model) => [model, audio] as const)))(
    '%s makes a song out of an answer with %s, billed once',
    async (model, audio) => {
      await system.sim.config({ answer: ANSWERS[audio] });
      const request = model === 'music-01' ? song() : later(model);
      const settled = await system.client.generations.generate(request, { timeoutMs: 60_000 });
      expect(settled).toMatchObject({
        status: 'succeeded',
        attempts_total: 1,
        result: { kind: 'song', format: 'mp3' },
      });
      expect(settled.request).toMatchObject({ model, prompt: request.prompt ?? null });
      const bytes = Buffer.from(await (await system.client.generations.audio(settled.id)).arrayBuffer());
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(settled.result?.sha256);
      expect(await billedFor(request)).toBe(1);
    },
  );

  it('long lyrics of a later model go upstream whole', async () => {
    const request = { ...later('music-2.5'), lyrics: `${'la la\n'.repeat(500)}你好` };
    const settled = await system.client.generations.generate(request, { timeoutMs: 60_000 });
    expect(settled.status).toBe('succeeded');
    const sent = (await system.sim.requests()).map((each) => Buffer.from(each.lyrics_base64, 'base64').toString());
    expect(sent).toContain(request.lyrics);
  });

  it('every attempt that was billed, or may have been, stands in the cost', async () => {
    const priced = await system.client.generations.generate(later('music-2.5'));
    expect(priced.cost).toEqual({ currency: 'PTC', estimated: '0.15', charged: '0.15', unknown: '0.00' });
    const twice = await system.client.generations.generate(song('[sim:lost,x1]'), { timeoutMs: 60_000 });
    expect(twice.cost).toEqual({ currency: 'PTC', estimated: '0.1', charged: '0.1', unknown: '0.1' });
    const free = await system.client.generations.generate(song('[sim:code=1026]'), { timeoutMs: 60_000 });
    expect(free.cost).toEqual({ currency: 'PTC', estimated: '0.1', charged: '0.0', unknown: '0.0' });
    const unpriced = await system.client.generations.generate(later('music-1.5'));
    expect(unpriced.cost).toEqual({ currency: null, estimated: null, charged: null, unknown: null });
    const { data } = await system.client.models.list();
    expect(data.map(({ id, price }) => [id, price?.amount ?? null])).toEqual([
      ['music-01', '0.1'],
      ['music-1.5', null],
      ['music-2.0', null],
      ['music-2.5', '0.15'],
    ]);
  });

  it('faults of a request are judged by its model, all at once', async () => {
    const body = { ...song(), model: 'music-1.5', prompt: 'short' };
    const failure = await system.client.generations.create(body).then(
      () => null,
      (error: unknown) => error as { errors?: { pointer: string }[] },
    );
    expect(failure?.errors?.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/prompt',
      '/refer_instrumental',
      '/refer_voice',
    ]);
  });
});

describe('a song behind a link', () => {
  it('fault: the host of the link fails: it is asked again, the paid call is not', async () => {
    await system.sim.config({ answer: { audio: 'url' } });
    await system.sim.faults(['503', '504', 'close'].map((fault) => ({ fault, route: 'file' })));
    const request = later('music-2.0');
    const settled = await system.client.generations.generate(request, { timeoutMs: 60_000 });
    expect(settled).toMatchObject({ status: 'succeeded', attempts_total: 1, attempts: [{ charge: 'charged' }] });
    expect(await billedFor(request)).toBe(1);
  });

  it('fault: a link to another port of this machine is not followed, and the calls count as charged', async () => {
    const neighbour = await fakeUpstream((response) => response.end(silentMp3(40)));
    const upstream = await fakeUpstream((response) =>
      response.end(JSON.stringify({ data: { audio: `${neighbour.url}/song.mp3`, status: 2 } })),
    );
    const other = await startSystem({ env: { UPSTREAM_BASE_URL: upstream.url } });
    try {
      const settled = await other.client.generations.generate(later('music-2.5'), { timeoutMs: 60_000 });
      expect(settled).toMatchObject({
        status: 'needs_review',
        attempts: Array.from({ length: 2 }, () => ({ outcome: 'retryable', charge: 'charged' })),
        error: { code: 'bad_response', message: expect.stringContaining('its address is not allowed') },
      });
      expect(upstream.received).toHaveLength(2);
      expect(neighbour.received).toEqual([]);
    } finally {
      await other.stop();
      await upstream.stop();
      await neighbour.stop();
    }
  });
});

describe('a model that the upstream does not have', () => {
  it('fault: the default model is missing: its songs wait, those of other models do not', async () => {
    const fresh = await startSystem();
    try {
      await fresh.sim.config({ models: LATER });
      const waiting = await fresh.client.generations.create(song());
      const hold = async () =>
        (await fresh.client.models.list()).data.find(({ id }) => id === 'music-01')?.hold ?? null;
      while ((await hold()) === null) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await hold()).toMatchObject({ code: 'model_unavailable' });
      const held = await fresh.client.generations.retrieve(waiting.id);
      expect(held).toMatchObject({ status: 'queued', queue: { blocked_by: 'model' } });
      expect(held.attempts.every(({ charge }) => charge === 'none')).toBe(true);
      const others = await Promise.all(
        LATER.map((model) => fresh.client.generations.generate(later(model), { timeoutMs: 60_000 })),
      );
      expect(others.map(({ status }) => status)).toEqual(LATER.map(() => 'succeeded'));
      expect((await fresh.client.generations.retrieve(waiting.id)).status).toBe('queued');
      await fresh.sim.config({ models: ['music-01', ...LATER] });
      const settled = await fresh.client.generations.wait(waiting.id, { timeoutMs: 60_000 });
      expect(settled.status).toBe('succeeded');
      expect(await hold()).toBeNull();
    } finally {
      await fresh.stop();
    }
  });
});
