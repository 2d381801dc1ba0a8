import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { OwnChaosSystem } from './cluster.ts';
import { noteOperation } from './history.ts';
import { pick } from './random.ts';
import type { ChaosProcess, Operation, Random } from './types.ts';

/** A request as a client of the API makes it. */
export interface Asked {
  readonly op: Operation['op'];
  readonly job: number;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly id?: string | null;
  readonly key?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly detail?: string;
  /** How long the client waits for the answer. */
  readonly limitMs?: number;
}

export interface Answered {
  readonly outcome: Operation['outcome'];
  readonly status: number | null;
  readonly body: Readonly<Record<string, unknown>> | null;
  readonly replayed: boolean;
}

const LIMIT_MS = 8000;

/** One request to one API, noted in the history when it ends. Never rejects: no answer is an outcome too. */
export async function ask(system: OwnChaosSystem, api: ChaosProcess, asked: Asked): Promise<Answered> {
  const sentAt = new Date();
  const answered = await send(system, api, asked);
  const id = typeof answered.body?.['id'] === 'string' ? answered.body['id'] : (asked.id ?? null);
  const details = [asked.detail, answered.detail].filter((text) => text !== undefined);
  noteOperation(system, {
    op: asked.op,
    sent_at: sentAt.toISOString(),
    ended_at: new Date().toISOString(),
    outcome: answered.outcome,
    status: answered.status,
    job: asked.job,
    idempotency_key: asked.key ?? null,
    id,
    replayed: answered.replayed,
    ...(details.length === 0 ? {} : { detail: details.join('; ') }),
  });
  return answered;
}

async function send(
  system: OwnChaosSystem,
  api: ChaosProcess,
  asked: Asked,
): Promise<Answered & { readonly detail?: string }> {
  const url = api.url;
  if (url === null) return { outcome: 'unknown', status: null, body: null, replayed: false, detail: 'never started' };
  try {
    const response = await fetch(`${url}${asked.path}`, {
      method: asked.method,
      headers: {
        authorization: `Bearer ${system.apiKey}`,
        ...(asked.method === 'POST' ? { 'content-type': 'application/json' } : {}),
        ...(asked.key === undefined ? {} : { 'idempotency-key': asked.key }),
        ...asked.headers,
      },
      ...(asked.method === 'POST' ? { body: JSON.stringify(asked.body ?? {}) } : {}),
      signal: AbortSignal.timeout(asked.limitMs ?? LIMIT_MS),
    });
    const text = await response.text();
    const { status } = response;
    return {
      outcome: status < 400 ? 'ok' : status < 500 ? 'failed' : 'unknown',
      status,
      body: objectIn(text),
      replayed: response.headers.get('idempotent-replayed') === 'true',
      ...(status < 400 ? {} : { detail: text.slice(0, 300) }),
      // The checker looks for the secrets of the run in everything that is written down, so that it will find this.
      ...(system.secrets.some((secret) => text.includes(secret)) ? { detail: text } : {}),
    };
  } catch (error) {
    const { message, cause } = error as Error;
    const detail = cause instanceof Error ? `${message}: ${cause.message}` : message;
    return { outcome: 'unknown', status: null, body: null, replayed: false, detail };
  }
}

/**
 * Asks until the outcome is known: each time with the same key, of whichever API. Null when `over` said to stop first.
 */
export async function askUntilKnown(
  system: OwnChaosSystem,
  asked: Asked & { readonly key: string },
  random: Random,
  over: () => boolean,
): Promise<Answered | null> {
  while (!over()) {
    const answered = await ask(system, pick(system.apis, random), asked);
    // A full queue or a rate limit promises nothing either, but says so.
    if (answered.outcome !== 'unknown' && answered.status !== 429) return answered;
    await delay(100 + random() * 400);
  }
  return null;
}

/** Downloads a song; its digest, or why there is none. */
export async function download(
  system: OwnChaosSystem,
  api: ChaosProcess,
  id: string,
): Promise<{ readonly sha256: string } | { readonly status: number | null }> {
  try {
    const response = await fetch(`${api.url}/v1/generations/${id}/audio`, {
      headers: { authorization: `Bearer ${system.apiKey}` },
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.status !== 200) return { status: response.status };
    return { sha256: createHash('sha256').update(bytes).digest('hex') };
  } catch {
    // Cut off by a fault: a download may be asked for again.
    return { status: null };
  }
}

function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}
