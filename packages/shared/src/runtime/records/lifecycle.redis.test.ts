import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS, requestOf, songOf } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { newId, newToken } from '../ids.ts';
import { redisOptions } from '../redis.ts';
import { acceptGeneration } from './accept.ts';
import { cancelGeneration } from './cancel.ts';
import { claimGeneration } from './claim.ts';
import { beat } from './feed.ts';
import { listGenerations } from './list.ts';
import { publishGeneration } from './publish.ts';
import { readGeneration } from './read.ts';
import { releaseGeneration } from './release.ts';
import { reopenGeneration } from './reopen.ts';
import { openRecordStore, type RecordStore } from './store.ts';

let server: TestRedis;
let store: RecordStore;
const request = requestOf();

beforeAll(async () => {
  server = await startRedis();
  store = openRecordStore(new Redis(redisOptions(server.url, 'worker')), 'test');
});
afterAll(async () => {
  store.redis.disconnect();
  await server.stop();
});

async function accepted(): Promise<string> {
  const id = newId('gen');
  const answer = await acceptGeneration(store, {
    id,
    project: 'p',
    request,
    policy: 'retry',
    idempotency: null,
    maxWaiting: 1000,
  });
  expect(answer.outcome).toBe('accepted');
  return id;
}

async function claimed(id: string, run = 1): Promise<string> {
  const token = newToken();
  await beat(store, { worker: 'w1', concurrency: 5, about: {}, leaseMs: 60_000, maxConcurrency: 3 });
  const answer = await claimGeneration(store, {
    id,
    run,
    token,
    worker: 'w1',
    leaseMs: 60_000,
    longestCallMs: 1000,
    ...LIMITS,
  });
  expect(answer.outcome).toBe('claimed');
  return token;
}

describe('the life of a generation', () => {
  it('goes from accepted to a published song, with its history and its indexes', async () => {
    const id = await accepted();
    const token = await claimed(id);
    expect(
      (await publishGeneration(store, { id, token, worker: 'w1', song: songOf(token), upstream: null })).outcome,
    ).toBe('published');
    const record = await readGeneration(store, id);
    expect(record).toMatchObject({ status: 'succeeded', attemptsTotal: 1, song: { token } });
    expect(record?.history.map((entry) => entry.status)).toEqual(['queued', 'processing', 'succeeded']);
    const page = await listGenerations(store, {
      project: 'p',
      statuses: ['succeeded'],
      customId: null,
      errorCode: null,
      model: null,
      createdAfterMs: null,
      createdBeforeMs: null,
      limit: 10,
      after: null,
    });
    expect(page.records.map((each) => each.id)).toContain(id);
  });

  it('keeps the song of a canceled generation as a spare, and a retry publishes it without a call', async () => {
    const id = await accepted();
    const token = await claimed(id);
    expect((await cancelGeneration(store, id)).outcome).toBe('canceled');
    expect(
      (await publishGeneration(store, { id, token, worker: 'w1', song: songOf(token), upstream: null })).outcome,
    ).toBe('spare');
    const reopened = await reopenGeneration(store, { id, action: 'retry', charged: null, idempotency: null });
    expect(reopened).toEqual({ outcome: 'reopened', pointer: null });
    expect(await readGeneration(store, id)).toMatchObject({ status: 'succeeded', attemptsTotal: 1, song: { token } });
  });

  it('asks a human once the attempts with unknown charge reach their limit', async () => {
    const id = await accepted();
    for (let round = 0; round < 2; round++) {
      const token = await claimed(id);
      const answer = await releaseGeneration(store, {
        id,
        token,
        worker: 'w1',
        kind: 'timeout',
        message: 'no answer',
        upstream: null,
        delayMs: 0,
        waitReason: 'backoff',
        hold: null,
        firstProbeMs: 1000,
        gaveUp: false,
        breaker: { firstMs: 1000, longestMs: 1000 },
        ...LIMITS,
      });
      expect(answer).toMatchObject({ outcome: 'released', status: round === 0 ? 'queued' : 'needs_review' });
    }
    expect(await readGeneration(store, id)).toMatchObject({
      status: 'needs_review',
      error: { code: 'unknown_charge' },
    });
  });
});
