import type { DeliveryError, DeliveryStatus } from '../../contract/webhook.ts';
import { jobId, type Pointer } from '../queues.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const feedScript = loadScript('deliver-feed');
const claimScript = loadScript('deliver-claim');
const freezeScript = loadScript('deliver-freeze');
const endScript = loadScript('deliver-end');

/** One attempt of one delivery; `run` is the attempt's number. All of them are of one class. */
function deliveryPointer(id: string, number: number): Pointer {
  return { id, run: number, priority: 'normal' };
}

/**
 * Takes what is due into BullMQ's window, of each target as many as it takes at once. The caller adds the
 * pointers; what a crash leaves out {@link findMissingDeliveries} finds.
 *
 * @param input.aheadMs by which the clock runs ahead; for tests of long stories
 */
export async function feedDeliveries(
  store: RecordStore,
  input: { readonly most: number; readonly windowSize: number; readonly aheadMs: number },
): Promise<{ pointers: Pointer[]; recovering: boolean }> {
  const [recovering, ...flat] = words(await feedScript.run(store, [input.most, input.windowSize, input.aheadMs]));
  const pointers: Pointer[] = [];
  for (let i = 0; i < flat.length; i += 2) pointers.push(deliveryPointer(flat[i]!, Number(flat[i + 1])));
  return { pointers, recovering: recovering === '1' };
}

/** What an attempt needs to know. */
export interface ClaimedDelivery {
  readonly id: string;
  readonly number: number;
  /** Unix ms of Redis' clock, so that a worker whose own clock is wrong still signs times that receivers take. */
  readonly nowMs: number;
  readonly url: string;
  readonly event: string;
  readonly type: string;
  readonly eventMs: number;
  readonly subject: string;
  /** Null until the first attempt of any of the event's deliveries froze it. */
  readonly body: string | null;
  /** How the subject was at the event: JSON list of names and values. */
  readonly snapshot: string;
  /** Steps of the schedule taken so far. */
  readonly step: number;
  /** Each signs; the newest first. */
  readonly secrets: readonly string[];
}

/** Null when nothing is to be sent: it is settled, gone, or another attempt's turn. */
export async function claimDelivery(
  store: RecordStore,
  input: { readonly pointer: Pointer; readonly newSecret: string; readonly aheadMs: number },
): Promise<ClaimedDelivery | null> {
  const { id, run } = input.pointer;
  const reply = words(await claimScript.run(store, [id, run, input.newSecret, input.aheadMs]));
  if (reply[0] !== 'send') return null;
  const [, now, url, event, type, at, subject, body, snapshot, step, ...secrets] = reply as [
    ...[string, string, string, string, string, string, string, string, string, string],
    ...string[],
  ];
  return {
    ...{ id, number: run, nowMs: Number(now), url, event, type, eventMs: Number(at), subject },
    ...{ body: body || null, snapshot, step: Number(step), secrets },
  };
}

/** The bytes that count: these, or those that somebody froze before. Null when the event was erased. */
export async function freezeBody(store: RecordStore, event: string, body: string): Promise<string | null> {
  const [frozen] = words(await freezeScript.run(store, [event, body]));
  return frozen === undefined || frozen === 'gone' ? null : frozen;
}

/** How one attempt ended. */
export interface DeliveryEnd {
  /** `gone`: the receiver answered 410. */
  readonly outcome: 'succeeded' | 'failed' | 'gone';
  readonly statusCode: number | null;
  readonly error: DeliveryError | null;
  /** How the answer began. */
  readonly answer: string;
  readonly durationMs: number;
  /** For how long the receiver asks to be left alone; 0 = it does not. */
  readonly throttleMs: number;
}

export interface EndInput extends DeliveryEnd {
  readonly id: string;
  readonly number: number;
  /** Unix ms. */
  readonly startedMs: number;
  /** Until the next attempt; null when the schedule has none left. */
  readonly againMs: number | null;
  /** First pause of a target that fails again and again. */
  readonly pauseMs: number;
  readonly aheadMs: number;
}

/** Writes down how an attempt ended. Null when the delivery is no more. */
export async function endDelivery(
  store: RecordStore,
  input: EndInput,
): Promise<{ status: DeliveryStatus; nextMs: number | null } | null> {
  const reply = words(
    await endScript.run(store, [
      ...[input.id, input.number, input.outcome, Math.round(input.startedMs), Math.round(input.durationMs)],
      ...[input.statusCode ?? '', input.error ?? '', input.answer],
      ...[input.againMs === null ? '' : Math.ceil(input.againMs), Math.ceil(input.throttleMs)],
      ...[input.pauseMs, input.aheadMs],
    ]),
  );
  if (reply[0] === 'gone') return null;
  return { status: reply[0] as DeliveryStatus, nextMs: Number(reply[1]) || null };
}

/** One page of the window whose pointer BullMQ does not have: a crash between taking and adding, or a Redis that forgot. */
export async function findMissingDeliveries(
  { redis, keys }: RecordStore,
  page: { readonly from: number; readonly count: number; readonly olderThanMs: number },
): Promise<{ lookedAt: number; missing: Pointer[] }> {
  const [seconds] = await redis.time();
  const latest = Number(seconds) * 1000 - page.olderThanMs;
  const ids = await redis.zrangebyscore(`${keys.root}deliver-window`, '-inf', latest, 'LIMIT', page.from, page.count);
  const pointers = await Promise.all(
    ids.map(async (id) => deliveryPointer(id, Number((await redis.hget(`${keys.root}d:${id}`, 'tries')) ?? -1) + 1)),
  );
  const there = await Promise.all(pointers.map((each) => redis.exists(`${keys.root}bull:deliver:${jobId(each)}`)));
  return { lookedAt: ids.length, missing: pointers.filter(({ run }, i) => run > 0 && there[i] === 0) };
}
