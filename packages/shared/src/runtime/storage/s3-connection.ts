import { setTimeout as wait } from 'node:timers/promises';
import type { S3mini } from 's3mini';
import { Agent, fetch } from 'undici';
import type { Part } from '../lifecycle.ts';
import type { S3Place } from './s3-url.ts';
import { StorageError } from './storage-error.ts';

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** All in milliseconds. */
export interface S3Limits {
  /** For one step with all its repetitions. */
  readonly stepMs: number;
  /** For one try of it: until the answer is complete, or for a song that is read, until it begins. */
  readonly tryMs: number;
  /** A body that gives nothing for this long is broken off; a reader who takes his time is not meant. */
  readonly silenceMs: number;
  /** First pause before a repetition; doubles, with full jitter. */
  readonly pauseMs: number;
}

const LIMITS: S3Limits = { stepMs: 10_000, tryMs: 5000, silenceMs: 15_000, pauseMs: 200 };

/** Connections to the store from one process; what is beyond them waits for one. */
const CONNECTIONS = 64;

export interface Step {
  /** Beside those that are signed, which are `host` and all that begin with `x-amz-`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** More time for a step that carries a song. */
  readonly extraMs?: number;
  /** Monotonic time at which the step must be over, if that is sooner. */
  readonly before?: number;
}

export interface S3Connection extends Part {
  /**
   * Runs one step against the store, again after a fault of the moment, until its time is over.
   * @throws StorageError, or `S3Refusal` for an answer that repeating will not change
   */
  run<T>(what: string, work: (client: S3mini) => Promise<T>, step?: Step): Promise<T>;
}

/** The store answered, and would answer the same again. */
export class S3Refusal extends Error {
  override readonly name = 'S3Refusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Answers that say "not now": 409 is a conflict with another write of the same object under way. */
const NOT_NOW: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/**
 * Signs with s3mini and sends with undici's fetch, so that bodies stream in both directions, every try
 * has a deadline, and `stop` leaves no socket. Loads s3mini, which nobody else needs.
 */
export async function connectS3(place: S3Place, keys: S3Keys, given: Partial<S3Limits> = {}): Promise<S3Connection> {
  const { S3mini, S3ServiceError } = await import('s3mini');
  const limits = { ...LIMITS, ...given };
  const stopping = new AbortController();
  const agent = new Agent({
    connections: CONNECTIONS,
    connect: { timeout: limits.tryMs },
    headersTimeout: 0,
    bodyTimeout: limits.silenceMs,
  });

  async function once<T>(work: (client: S3mini) => Promise<T>, headers: Step['headers'], ms: number): Promise<T> {
    // Ended when `work` is: a song that is read goes on after that, watched by `bodyTimeout`.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`no answer within ${Math.round(ms)} ms`)), ms);
    const signal = AbortSignal.any([late.signal, stopping.signal]);
    const send = (url: unknown, init: { headers?: Record<string, string> } = {}) =>
      fetch(url as string, {
        ...init,
        // A gateway that compresses would change lengths.
        headers: { ...init.headers, ...headers, 'accept-encoding': 'identity' },
        redirect: 'error',
        duplex: 'half',
        signal,
        dispatcher: agent,
      });
    try {
      return await work(new S3mini({ ...keys, ...place, endpoint: place.address, fetch: send as never }));
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async function run<T>(what: string, work: (client: S3mini) => Promise<T>, step: Step = {}): Promise<T> {
    const { headers, extraMs = 0, before = Number.POSITIVE_INFINITY } = step;
    const end = Math.min(performance.now() + limits.stepMs + extraMs, before);
    for (let tries = 1; ; tries++) {
      const left = end - performance.now();
      let fault: unknown;
      if (stopping.signal.aborted) throw new StorageError('unavailable', `${what}: the storage is closed`);
      try {
        if (left > 0) return await once(work, headers, Math.min(left, limits.tryMs + extraMs));
        fault = new Error('no time is left');
      } catch (error) {
        if (error instanceof StorageError) throw error;
        // Some of s3mini's methods wrap it.
        const { cause } = error as Error;
        const answer = [error, cause].find((each) => each instanceof S3ServiceError);
        if (answer?.status === 507) throw new StorageError('full', `${what}: the store is full`, error);
        if (answer && !NOT_NOW.has(answer.status)) throw refusal(what, answer);
        fault = error;
      }
      const pause = Math.random() * Math.min(limits.pauseMs * 2 ** tries, limits.tryMs);
      if (performance.now() + pause >= end) throw unavailable(what, tries, fault);
      await wait(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  function refusal(what: string, error: InstanceType<typeof S3ServiceError>): Error {
    const noBucket = error.status === 404 && error.body?.includes('NoSuchBucket') === true;
    if (!noBucket) return new S3Refusal(error.status, `${what}: ${error.message}`);
    return new StorageError('unavailable', `${what}: there is no such bucket`, error);
  }

  let stopped: Promise<void> | null = null;
  return {
    run,
    stop() {
      stopping.abort(new Error('the storage is closed'));
      stopped ??= agent.destroy().then(() => undefined);
      return stopped;
    },
  };
}

function unavailable(what: string, tries: number, fault: unknown): StorageError {
  const { cause, message } = fault as Error;
  const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
  return new StorageError('unavailable', `${what}: ${reason} (tried ${tries} times)`, fault);
}
