import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event } from '@songmill/shared/contract/event';
import type { AcceptedRequest } from '@songmill/shared/contract/generation-rules';
import { newId } from '@songmill/shared/runtime/ids';
import type { Pointer } from '@songmill/shared/runtime/queues';
import type { AcceptInput } from '@songmill/shared/runtime/records/accept';
import type { Limits } from '@songmill/shared/runtime/records/claim';
import { claimDelivery, endDelivery, feedDeliveries, freezeBody } from '@songmill/shared/runtime/records/deliver';
import { saveEndpoint } from '@songmill/shared/runtime/records/endpoints';
import { eraseGeneration, forgetSwept } from '@songmill/shared/runtime/records/erase';
import { fieldsOf, presentEvent } from '@songmill/shared/runtime/records/event-body';
import { publishGeneration } from '@songmill/shared/runtime/records/publish';
import { retainPage } from '@songmill/shared/runtime/records/retain';
import type { Song } from '@songmill/shared/runtime/records/types';
import { newSecret } from '@songmill/shared/runtime/records/webhook-secret';
import { openFileStorage } from '@songmill/shared/runtime/storage/file-storage';
import { LIMITS, openTestRecords, requestOf, type TestRecords } from '@songmill/shared/testing/records';
import { Ledger, type LedgerEntry } from '@songmill/simulator/ledger/ledger';
import { type Journal, openJournal } from '@songmill/worker/storage/journal';
import type { DeliveryLine, Operation, RunLeft } from '../../types.ts';

const CANARY = 'canary-3f1c9e-of-the-checker';
const WORKER = newId('wrk');
const ENDPOINT = { url: 'http://receiver.test/all', id: newId('whe') };
const OWN = { url: 'http://receiver.test/own', events: ['generation.queued', 'generation.succeeded'] as const };

/** What may become of a call that gives no song, and what the upstream writes down of it. */
const ENDS = {
  lost: { kind: 'unknown_failure', accepted: true, charged: true },
  refused: { kind: 'rate_limited', accepted: false, charged: false },
  rejected: { kind: 'content_rejected', accepted: false, charged: false },
} as const;

/** A small run in the making: real scripts, a real storage folder, ledger and journal, and no process. */
export interface RunInTheMaking {
  readonly left: RunLeft;
  readonly canary: string;
  readonly records: TestRecords;
  readonly journal: Journal;
  /** Generations by what happened to them. */
  readonly made: Readonly<Record<Story, string>>;
  readonly ledger: Ledger;
  readonly ledgerLine: (id: string, call: string) => Omit<LedgerEntry, 'event'>;
  note(operation: Partial<Operation> & Pick<Operation, 'op' | 'id'>): Promise<void>;
  create(input?: Partial<AcceptInput>, webhook?: AcceptedRequest['webhook']): Promise<string>;
  /** Claims and writes the intent down. */
  intend(id: string, run?: number, limits?: Partial<Limits>): Promise<string>;
  /** One call without a song. */
  callInVain(id: string, end: keyof typeof ENDS, run?: number, limits?: Partial<Limits>): Promise<string>;
  /** The call that was intended is made, and its song kept. */
  bringSong(id: string, token: string): Promise<Song>;
  /** What the receiver of webhooks notes of one request. */
  receive(line: Partial<DeliveryLine>): Promise<void>;
  /** Sends every webhook that is owed; the receiver takes each, or answers the first of them as told. */
  deliver(first?: Partial<DeliveryLine>): Promise<void>;
  /** Redis forgets it whole, as after a power cut: nothing of it is left but files. */
  lose(id: string): Promise<void>;
  close(): Promise<void>;
}

type Story = 'simple' | 'repeated' | 'resolved' | 'spared' | 'rejected' | 'held' | 'deleted';

/** Makes a run in which everything that may happen has happened once, and all of it is right. */
export async function honestRun(redisUrl: string, prefix: string): Promise<RunInTheMaking> {
  const data = await mkdtemp(join(tmpdir(), 'sgm-'));
  await writeFile(join(data, 'canaries.json'), JSON.stringify([CANARY]));
  const records = openTestRecords(redisUrl, prefix);
  const storage = await openFileStorage(join(data, 'songs'));
  const ledger = await Ledger.open(join(data, 'ledger.jsonl'));
  const journal = await openJournal(join(data, 'spool'), WORKER);
  const jobs = new Map<string, number>();
  const made: Partial<Record<Story, string>> = {};

  const wordsOf = (id: string) => `job ${jobs.get(id)}\nla la la`;
  const ledgerLine = (id: string, call: string): Omit<LedgerEntry, 'event'> => ({
    call,
    key: 'key1',
    path: '/minimaxi/v1/music_generation',
    model: 'music-01',
    lyrics: wordsOf(id),
    lyrics_sha256: createHash('sha256').update(wordsOf(id)).digest('hex'),
  });

  const run: RunInTheMaking = {
    left: { data, redisUrl, prefix, limits: { ...LIMITS, mayLose: 0 } },
    canary: CANARY,
    records,
    journal,
    made: made as Record<Story, string>,
    ledger,
    ledgerLine,
    async note(operation) {
      const now = new Date().toISOString();
      const whole: Operation = {
        sent_at: now,
        ended_at: now,
        outcome: 'ok',
        status: 200,
        job: jobs.get(operation.id ?? '') ?? -1,
        idempotency_key: null,
        replayed: false,
        ...operation,
      };
      await appendFile(join(data, 'history.jsonl'), `${JSON.stringify(whole)}\n`);
    },
    async create(input = {}, webhook) {
      const job = jobs.size + 1;
      const id = newId('gen');
      jobs.set(id, job);
      const request = requestOf({ lyrics: wordsOf(id), ...(webhook ? { webhook } : {}) });
      const idempotency = { key: `hash-${job}`, fingerprint: 'f' };
      await records.accepted({ id, request, idempotency, ...input });
      await run.note({ op: 'create', id, status: 202, idempotency_key: `key-${job}` });
      return id;
    },
    async intend(id, number = 1, limits = {}) {
      const token = await records.claimed(id, { run: number, worker: WORKER, ...limits });
      await journal.write({ event: 'intent', id, token });
      return token;
    },
    async callInVain(id, end, number = 1, limits = {}) {
      const token = await run.intend(id, number, limits);
      const { kind, accepted, charged } = ENDS[end];
      const line = ledgerLine(id, token);
      if (accepted) ledger.append({ event: 'call', ...line });
      if (charged) ledger.append({ event: 'charge', ...line });
      ledger.append(accepted ? { event: 'gone', ...line } : { event: 'answer', ...line, status: 200 });
      await records.release(id, token, kind, limits);
      await journal.write({ event: 'settled', id, token });
      return token;
    },
    async bringSong(id, token) {
      for (const event of ['call', 'charge', 'answer'] as const) ledger.append({ event, ...ledgerLine(id, token) });
      const bytes = `the song of ${token}`;
      const song: Song = {
        ...{ token, key: `${id}/${token}.mp3`, kind: 'song', format: 'mp3', bytes: bytes.length, duration_ms: 1000 },
        sha256: createHash('sha256').update(bytes).digest('hex'),
        trace_id: null,
      };
      await writeFile(journal.pathOf(token), bytes);
      await storage.store(song.key, journal.pathOf(token));
      await storage.commit({ generation_id: id, song, committed_at: new Date().toISOString() });
      await publishGeneration(records.store, { id, token, worker: WORKER, song, upstream: null });
      await journal.write({ event: 'settled', id, token });
      return song;
    },
    async receive(line) {
      const whole = {
        at: new Date().toISOString(),
        verified: true,
        manner: 'well',
        answered: 204,
        whole: true,
        ...line,
      };
      await appendFile(join(data, 'deliveries.jsonl'), `${JSON.stringify(whole)}\n`);
    },
    async deliver(first = {}) {
      let answer = first;
      for (;;) {
        const { pointers } = await feedDeliveries(records.store, { most: 100, windowSize: 100, aheadMs: 0 });
        for (const pointer of pointers) {
          await sendOne(run, pointer, answer);
          answer = {};
        }
        if (pointers.length === 0) return;
      }
    },
    async lose(id) {
      const { redis, keys } = records.store;
      const { status, ordinal } = await records.read(id);
      await redis.del(keys.generation(id), keys.idempotency(`hash-${jobs.get(id)}`));
      for (const name of [keys.list('p'), keys.list('p', status)]) await redis.zremrangebyscore(name, ordinal, ordinal);
      for (const step of ['settled', 'songs', 'records']) await redis.zrem(`${keys.root}keep:${step}`, id);
    },
    async close() {
      records.close();
      await Promise.all([ledger.close(), journal.stop(), storage.stop()]);
      await rm(data, { recursive: true, force: true });
    },
  };
  await saveEndpoint(records.store, {
    ...{ id: ENDPOINT.id, project: 'p', url: ENDPOINT.url, description: '', enabled: true, secret: newSecret() },
    events: ['generation.succeeded', 'generation.failed', 'generation.canceled', 'generation.needs_review'],
  });
  await tell(run, made, storage.remove);
  await run.deliver();
  // Two of them are old enough to be packed.
  await retainPage(records.store, { step: 'settled', ageMs: -1000, most: 2 });
  await ledger.settled();
  return run;
}

/** One attempt of one delivery, as a worker makes it. */
async function sendOne({ records, receive }: RunInTheMaking, pointer: Pointer, answer: Partial<DeliveryLine>) {
  const { store } = records;
  const claimed = await claimDelivery(store, { pointer, newSecret: newSecret(), aheadMs: 0 });
  if (claimed === null) return;
  const { event: webhook_id, type, subject, url } = claimed;
  const rendered =
    claimed.body ??
    JSON.stringify(
      presentEvent({ type, atMs: claimed.eventMs, subject }, fieldsOf(claimed.snapshot), {
        publicUrl: null,
        resultTtlDays: 30,
      }),
    );
  const body = (await freezeBody(store, webhook_id, rendered)) ?? '';
  const { timestamp, data } = JSON.parse(body) as Event;
  const line = {
    ...{ url, webhook_id, type, subject, event_at: timestamp, sequence: Number(data['sequence']) },
    sha256: createHash('sha256').update(body).digest('hex'),
    ...answer,
  };
  await receive(line);
  const statusCode = line.answered === undefined ? 204 : line.answered;
  const outcome = statusCode === 410 ? 'gone' : statusCode === 204 ? 'succeeded' : 'failed';
  await endDelivery(store, {
    ...{ id: claimed.id, number: claimed.number, outcome, statusCode, answer: '', durationMs: 1, throttleMs: 0 },
    ...{ error: null, startedMs: claimed.nowMs, againMs: null, pauseMs: 0, aheadMs: 0 },
  });
}

async function tell(
  run: RunInTheMaking,
  made: Partial<Record<Story, string>>,
  removeFiles: (id: string) => Promise<void>,
): Promise<void> {
  const { records, note } = run;
  const songFor = async (id: string, number = 1) => run.bringSong(id, await run.intend(id, number));

  made.simple = await run.create({}, { url: OWN.url, events: [...OWN.events] });
  await songFor(made.simple);

  made.repeated = await run.create();
  await run.callInVain(made.repeated, 'refused');
  await run.callInVain(made.repeated, 'lost');
  await songFor(made.repeated);

  made.resolved = await run.create();
  await run.callInVain(made.resolved, 'lost');
  await run.callInVain(made.resolved, 'lost');
  await records.reopen(made.resolved, { action: 'resolve_retry', charged: false });
  await note({ op: 'resolve', id: made.resolved });
  await songFor(made.resolved, 2);

  made.spared = await run.create();
  const token = await run.intend(made.spared);
  await records.cancel(made.spared);
  await note({ op: 'cancel', id: made.spared });
  await run.bringSong(made.spared, token);

  made.rejected = await run.create();
  await run.callInVain(made.rejected, 'rejected');

  made.held = await run.create({ policy: 'hold' });
  await run.callInVain(made.held, 'lost');

  made.deleted = await run.create();
  await run.callInVain(made.deleted, 'lost');
  await songFor(made.deleted);
  await eraseGeneration(records.store, made.deleted, 90);
  await removeFiles(made.deleted);
  await forgetSwept(records.store, made.deleted);
  await note({ op: 'delete', id: made.deleted, status: 204 });
}
