import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { INSTRUMENTAL, startSystem, type TestSystem } from '../testing/system.ts';
import { wav } from '../testing/wav.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({ apis: 2 });
});
afterAll(() => system.stop());

const upload = (filename = 'a.wav', purpose: 'voice' | 'instrumental' | 'song' = 'voice') =>
  system.client.references.upload({ file: wav(11), purpose, filename });
const SLOW = '[sim:latency=1500].wav';

/** A song that names our references. */
const naming = (voice: string | undefined, instrumental?: string, more = {}) => {
  const { refer_voice: _voice, refer_instrumental: _instrumental, ...rest } = song();
  return {
    ...rest,
    ...(voice ? { voice_reference: voice } : {}),
    ...(instrumental ? { instrumental_reference: instrumental } : {}),
    ...more,
  };
};

describe('a song that names references', () => {
  it('waits until both are uploaded and then goes its way with their ids', async () => {
    const { generations, references } = system.client;
    const [voice, instrumental] = [await upload(SLOW), await upload('b.wav', 'instrumental')];
    const request = naming(voice.id, instrumental.id);
    const created = await generations.create(request);
    expect(created).toMatchObject({ status: 'queued', request: { refer_voice: null, voice_reference: voice.id } });
    expect((await generations.retrieve(created.id)).queue).toMatchObject({
      blocked_by: 'reference',
      position: null,
      eta_seconds: null,
    });
    const settled = await generations.wait(created.id);
    const [{ voice_id }, { instrumental_id }] = [
      await references.retrieve(voice.id),
      await references.retrieve(instrumental.id),
    ];
    expect(settled).toMatchObject({
      status: 'succeeded',
      attempts_total: 1,
      request: { refer_voice: voice_id, refer_instrumental: instrumental_id, voice_reference: voice.id },
      result: { kind: 'song' },
    });
    const sha = createHash('sha256').update(request.lyrics).digest('hex');
    expect((await system.sim.ledger()).by_lyrics[sha]).toMatchObject({ calls: 1, charges: 1 });
  });

  it('takes the id at once when the reference was uploaded before, and a foreign id beside it is fine', async () => {
    const { generations, references } = system.client;
    const { id } = await upload();
    const { voice_id } = await references.wait(id);
    const created = await generations.create(naming(id, undefined, { refer_instrumental: INSTRUMENTAL }));
    expect(created.request).toMatchObject({ refer_voice: voice_id, refer_instrumental: INSTRUMENTAL });
    expect(await generations.wait(created.id)).toMatchObject({ status: 'succeeded' });
  });

  it('of a hundred and fifty waiting songs every one comes into line, and a canceled one stays canceled', async () => {
    const { generations, references } = system.client;
    const { id } = await upload(SLOW);
    const made = await Promise.all(Array.from({ length: 150 }, () => generations.create(naming(id))));
    await expect(references.delete(id)).rejects.toMatchObject({ status: 409, code: 'conflict' });
    expect((await generations.cancel(made[0]!.id)).status).toBe('canceled');
    const settled = await Promise.all(made.map((each) => generations.wait(each.id)));
    expect(settled.map(({ status }) => status)).toEqual([
      'canceled',
      ...Array.from({ length: 149 }, () => 'succeeded'),
    ]);
    await references.delete(id);
  });

  it('fault: fails with the reference, is charged nothing, and waits again when it is retried', async () => {
    const { generations, references } = system.client;
    const { id } = await upload('[sim:latency=800][sim:code=2013,made,x1].wav');
    const before = await system.sim.ledger();
    const created = await generations.create(naming(id));
    const failed = await generations.wait(created.id);
    expect(failed).toMatchObject({
      status: 'failed',
      attempts_total: 0,
      error: { code: 'reference_failed', retryable: true },
    });
    expect(await generations.generate(naming(id))).toMatchObject({ error: { code: 'reference_failed' } });
    expect((await generations.retry(created.id)).status).toBe('failed');
    expect((await system.sim.ledger()).charges).toBe(before.charges);
    await references.retry(id);
    await generations.retry(created.id);
    expect(await generations.wait(created.id)).toMatchObject({ status: 'succeeded', error: null });
  });

  it('is refused when the reference is not its project’s, gives no such id, or stands beside an id', async () => {
    const { key } = await system.client.apiKeys.create({ name: 's', project: 'stranger', scopes: ['generate'] });
    const stranger = system.clientOf(1, key);
    const { id } = await upload('c.wav', 'instrumental');
    const { instrumental_id } = await system.client.references.wait(id);
    const refused = (pointer: string, code: string) => ({ status: 422, errors: [{ pointer, code }] });
    const { generations } = stranger;
    await expect(generations.create(naming(undefined, id))).rejects.toMatchObject(
      refused('/instrumental_reference', 'unknown_reference'),
    );
    await expect(
      generations.create(naming(undefined, undefined, { refer_instrumental: instrumental_id })),
    ).rejects.toMatchObject(refused('/refer_instrumental', 'foreign_id'));
    await expect(system.client.generations.create(naming(id))).rejects.toMatchObject(
      refused('/voice_reference', 'wrong_purpose'),
    );
    await expect(
      system.client.generations.create(naming(undefined, id, { refer_instrumental: INSTRUMENTAL })),
    ).rejects.toMatchObject(refused('/instrumental_reference', 'given_twice'));
    await expect(system.client.generations.create(naming('gen_1'))).rejects.toMatchObject(
      refused('/voice_reference', 'invalid_id'),
    );
  });
});
