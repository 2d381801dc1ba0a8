import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { API_KEY, startSystem, type TestSystem } from '../testing/system.ts';
import { wav } from '../testing/wav.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({ apis: 2, env: { MAX_REFERENCE_BYTES: '2000000' } });
});
afterAll(() => system.stop());

const voice = () => ({ file: wav(11), purpose: 'voice', filename: 'me singing.wav' }) as const;

async function clientOf(project: string) {
  const { key } = await system.client.apiKeys.create({ name: project, project, scopes: ['generate'] });
  return system.clientOf(1, key);
}

describe('references', () => {
  it('an uploaded song gives both ids, an instrumental its own alone', async () => {
    const { references } = system.client;
    const accepted = await references.upload({ file: wav(11, { hertz: 300 }), purpose: 'song', filename: 'a.wav' });
    expect(accepted).toMatchObject({ object: 'reference', status: 'queued', purpose: 'song', duration_ms: 11_000 });
    const both = await references.wait(accepted.id);
    expect(both).toMatchObject({
      status: 'succeeded',
      filename: 'a.wav',
      bytes: accepted.bytes,
      error: null,
      voice_id: expect.stringMatching(/^vocal-/),
      instrumental_id: expect.stringMatching(/^instrumental-/),
    });
    const { id } = await references.upload({ file: wav(12), purpose: 'instrumental' });
    expect(await references.wait(id)).toMatchObject({
      voice_id: null,
      instrumental_id: expect.stringMatching(/^instrumental-/),
      filename: 'file',
    });
    expect((await references.list({ limit: 1 })).data.map((each) => each.id)).toEqual([id]);
    const all = [];
    for await (const each of references.list({ limit: 1 })) all.push(each.id);
    expect(all).toEqual([id, accepted.id]);
  });

  it('the same file under the same key is one reference, another file is refused', async () => {
    const { references } = system.client;
    const [one, two] = await Promise.all([
      references.upload(voice(), { idempotencyKey: 'mine' }).withResponse(),
      system.clientOf(1).references.upload(voice(), { idempotencyKey: 'mine' }).withResponse(),
    ]);
    expect(two.data.id).toBe(one.data.id);
    expect(one.replayed).not.toBe(two.replayed);
    await expect(
      references.upload({ ...voice(), file: wav(11, { hertz: 333 }) }, { idempotencyKey: 'mine' }),
    ).rejects.toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  });

  it.each([
    ['too_short', wav(10)],
    ['too_long', wav(601, { rate: 1000 })],
    ['not_audio', new Blob(['certainly a wav'], { type: 'audio/wav' })],
    ['not_audio', new Blob([])],
  ])('what is %s is refused by its content, whatever it is called', async (code, file) => {
    const refusal = system.client.references.upload({ file, purpose: 'voice', filename: 'song.wav' });
    await expect(refusal).rejects.toMatchObject({ status: 422, errors: [{ field: 'file', code }] });
  });

  it('a file over the limit is refused as too large, announced or not', async () => {
    const file = wav(300);
    expect(file.size).toBeGreaterThan(2_100_000);
    await expect(system.client.references.upload({ file, purpose: 'voice' })).rejects.toMatchObject({
      status: 413,
      code: 'body_too_large',
    });
  });

  it('every fault of a form is told at once', async () => {
    const form = new FormData();
    form.set('purpose', 'karaoke');
    form.set('mood', 'blue');
    form.set('file', 'not a file');
    const answer = await fetch(`${system.apis[0]!.url}/v1/references`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}` },
      body: form,
    });
    expect(answer.status).toBe(422);
    const { errors } = (await answer.json()) as { errors: { field: string; code: string }[] };
    expect(errors.map(({ field, code }) => `${field} ${code}`).sort()).toEqual([
      'file file_required',
      'mood unknown_field',
      'purpose invalid_value',
    ]);
  });

  it('another project’s reference is not found, whatever is done with its id', async () => {
    const [owner, stranger] = [await clientOf('owner'), await clientOf('stranger')];
    const { id } = await owner.references.upload(voice());
    for (const attempt of [
      () => stranger.references.retrieve(id),
      () => stranger.references.retry(id),
      () => stranger.references.delete(id),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ status: 404, code: 'not_found' });
    }
    expect((await stranger.references.list()).data).toEqual([]);
  });

  it('a settled reference is uploaded again on request and gets new ids, a deleted one is gone with its file', async () => {
    const client = await clientOf('again');
    const { id } = await client.references.upload(voice());
    const first = await client.references.wait(id);
    expect((await client.references.retry(id)).status).toBe('queued');
    const second = await client.references.wait(id);
    expect(second.voice_id).not.toBe(first.voice_id);
    await client.references.delete(id);
    await expect(client.references.retrieve(id)).rejects.toMatchObject({ status: 404 });
    await expect(client.references.retry(id)).rejects.toMatchObject({ status: 404 });
  });
});

describe('an upload that meets trouble', () => {
  it('fault: the upstream refuses the file: it failed, and says why', async () => {
    const { references } = system.client;
    const { id } = await references.upload({ ...voice(), filename: '[sim:code=2013].wav' });
    expect(await references.wait(id)).toMatchObject({
      status: 'failed',
      voice_id: null,
      error: { code: 'invalid_request', retryable: false, upstream: { code: 2013 } },
    });
  });

  it('fault: a lost answer, a reset and a rate limit are waited out and repeated: an upload costs nothing', async () => {
    const { references } = system.client;
    const { id } = await references.upload({
      ...voice(),
      filename: '[sim:lost,x1][sim:rst,x1][sim:code=1002,retry_after=1,x1][sim:object,x1].wav',
    });
    expect(await references.wait(id)).toMatchObject({ status: 'succeeded', error: null });
  });

  it('fault: what fails every time is tried MAX_ATTEMPTS times and may be retried', async () => {
    const { references } = system.client;
    const { id } = await references.upload({ ...voice(), filename: '[sim:code=1024,x5].wav' });
    expect(await references.wait(id)).toMatchObject({
      status: 'failed',
      error: { code: 'upstream_unavailable', retryable: true },
    });
    await references.retry(id);
    expect(await references.wait(id)).toMatchObject({ status: 'succeeded', error: null });
  });

  it('fault: a worker killed during an upload: another one uploads the file again', async () => {
    const own = await startSystem();
    try {
      const { references } = own.client;
      const { id } = await references.upload({ ...voice(), filename: '[sim:hang,x1].wav' });
      await own.sim.until((state) => state.open_calls > 0);
      await expect(references.delete(id)).rejects.toMatchObject({ status: 409, code: 'conflict' });
      await own.workers[0]!.kill('SIGKILL');
      await own.startWorker();
      expect(await references.wait(id)).toMatchObject({ status: 'succeeded' });
    } finally {
      await own.stop();
    }
  });

  it('fault: an account without balance stops uploads and songs, and one upload finds out that it is over', async () => {
    const { references } = system.client;
    const { id } = await references.upload({ ...voice(), filename: '[sim:code=1008,x2].wav' });
    expect(await references.wait(id)).toMatchObject({ status: 'succeeded' });
    expect(await system.client.generations.generate(song())).toMatchObject({ status: 'succeeded' });
  });
});
