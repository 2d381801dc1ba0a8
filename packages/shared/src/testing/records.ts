import type { AcceptedRequest } from '../contract/generation-rules.ts';
import type { OutcomeKind } from '../contract/outcomes.ts';
import { newId, newToken } from '../runtime/ids.ts';
import { type AcceptAnswer, type AcceptInput, acceptGeneration } from '../runtime/records/accept.ts';
import { cancelGeneration } from '../runtime/records/cancel.ts';
import { type ClaimAnswer, type ClaimInput, claimGeneration } from '../runtime/records/claim.ts';
import { beat } from '../runtime/records/feed.ts';
import { publishGeneration } from '../runtime/records/publish.ts';
import { readGeneration } from '../runtime/records/read.ts';
import { type ReleaseAnswer, type ReleaseInput, releaseGeneration } from '../runtime/records/release.ts';
import { type ReopenAnswer, type ReopenInput, reopenGeneration } from '../runtime/records/reopen.ts';
import { openRecordStore, type RecordStore } from '../runtime/records/store.ts';
import type { GenerationRecord, Song } from '../runtime/records/types.ts';
import { connectRedis } from '../runtime/redis.ts';

export const LEASE_MS = 60_000;
export const LIMITS = { maxAttempts: 5, maxUnknownCharges: 2 } as const;

/** A request that passes every rule, with some fields replaced. */
export function requestOf(fields: Partial<AcceptedRequest> = {}): AcceptedRequest {
  return {
    lyrics: 'la',
    prompt: '',
    refer_voice: 'v',
    refer_instrumental: '',
    model: 'music-01',
    audio_setting: {},
    custom_id: null,
    metadata: {},
    priority: 'normal',
    on_unknown_charge: null,
    run_at: null,
    start_by: null,
    ...fields,
  };
}

/** The song that the call with this token brought. */
export function songOf(token: string): Song {
  return {
    token,
    key: `x/${token}.mp3`,
    kind: 'song',
    format: 'mp3',
    bytes: 1,
    duration_ms: 1,
    sha256: 'x',
    trace_id: null,
  };
}

/** The record scripts with the defaults of a test: a short word and what matters for it. */
export interface TestRecords {
  readonly store: RecordStore;
  /** The answer of `accept`, with the id that was asked for. */
  accept(input?: Partial<AcceptInput>): Promise<AcceptAnswer & { readonly asked: string }>;
  /** Accepts and gives the id. */
  accepted(input?: Partial<AcceptInput>): Promise<string>;
  claim(id: string, input?: Partial<ClaimInput>): Promise<ClaimAnswer>;
  /** Claims and gives the token. @throws Error unless the answer is `claimed` */
  claimed(id: string, input?: Partial<ClaimInput>): Promise<string>;
  release(
    id: string,
    token: string,
    kind: Exclude<OutcomeKind, 'song'>,
    input?: Partial<ReleaseInput>,
  ): Promise<ReleaseAnswer>;
  publish(id: string, token: string, worker?: string): ReturnType<typeof publishGeneration>;
  cancel(id: string, operation?: string): ReturnType<typeof cancelGeneration>;
  reopen(id: string, input?: Partial<ReopenInput>): Promise<ReopenAnswer>;
  /** @throws Error when there is no such record */
  read(id: string): Promise<GenerationRecord>;
  /** One beat of a worker: from here on it is alive. */
  alive(worker: string, concurrency?: number): Promise<void>;
  /** Makes a worker silent for longer than its lease, without waiting for it. */
  dead(worker: string): Promise<void>;
  /** Makes the delay of a generation be over, without waiting for it. */
  due(id: string): Promise<void>;
  close(): void;
}

/** Opens records under a prefix of their own on a test's Redis. */
export function openTestRecords(url: string, prefix: string): TestRecords {
  const redis = connectRedis(url, 'worker', () => {});
  const store = openRecordStore(redis, prefix);
  const { keys } = store;
  const records: TestRecords = {
    store,
    async accept(input = {}) {
      const asked = input.id ?? newId('gen');
      const answer = await acceptGeneration(store, {
        project: 'p',
        request: requestOf(),
        policy: 'retry',
        idempotency: null,
        maxWaiting: 1_000_000,
        ...input,
        id: asked,
      });
      return { ...answer, asked };
    },
    async accepted(input) {
      const { asked, outcome } = await records.accept(input);
      if (outcome !== 'accepted') throw new Error(`accept answered ${outcome}`);
      return asked;
    },
    claim(id, input = {}) {
      return claimGeneration(store, {
        id,
        run: 1,
        token: newToken(),
        worker: 'w1',
        leaseMs: LEASE_MS,
        longestCallMs: 300_000,
        ...LIMITS,
        ...input,
      });
    },
    async claimed(id, input = {}) {
      const token = input.token ?? newToken();
      const answer = await records.claim(id, { ...input, token });
      if (answer.outcome !== 'claimed') throw new Error(`claim answered ${JSON.stringify(answer)}`);
      return token;
    },
    release(id, token, kind, input = {}) {
      return releaseGeneration(store, {
        id,
        token,
        worker: 'w1',
        kind,
        message: `it was ${kind}`,
        upstream: null,
        delayMs: 0,
        waitReason: 'backoff',
        hold: null,
        firstProbeMs: 60_000,
        gaveUp: false,
        breaker: { firstMs: 60_000, longestMs: 3_600_000 },
        ...LIMITS,
        ...input,
      });
    },
    publish(id, token, worker = 'w1') {
      return publishGeneration(store, { id, token, worker, song: songOf(token), upstream: null });
    },
    cancel: (id, operation) => cancelGeneration(store, id, operation),
    reopen(id, input = {}) {
      return reopenGeneration(store, { id, action: 'retry', charged: null, idempotency: null, ...input });
    },
    async read(id) {
      const record = await readGeneration(store, id);
      if (record === null) throw new Error(`no record ${id}`);
      return record;
    },
    async alive(worker, concurrency = 10) {
      await beat(store, { worker, concurrency, about: {}, leaseMs: LEASE_MS, maxConcurrency: 0 });
    },
    async dead(worker) {
      await redis.zadd(keys.workers, 1, worker);
    },
    async due(id) {
      await redis.hset(keys.generation(id), 'not_before', 1);
    },
    close: () => redis.disconnect(),
  };
  return records;
}
