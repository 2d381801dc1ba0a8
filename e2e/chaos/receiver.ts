import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Event } from '@songmill/shared/contract/event';
import { mustBeEnded } from '@songmill/shared/testing/leftovers';
import { Webhook } from 'standardwebhooks';
import type { DeliveryLine, Manner, WebhookReceiver } from './types.ts';

/** Beyond the paths that were told, all are the project's. */
const OWN = '*';

/** A receiver whose secrets can still be told. */
export interface OwnReceiver extends WebhookReceiver {
  /** What signs for this path; without a path, for every other one. */
  expectSecret(secret: string, path?: string): void;
  stop(): Promise<void>;
}

/**
 * Receives the webhooks of a run, in the suite's own process, and notes each request as it ends.
 *
 * @param log file that gets a {@link DeliveryLine} for each
 */
export async function startReceiver(log: string): Promise<OwnReceiver> {
  const lines: DeliveryLine[] = [];
  const secrets = new Map<string, string>();
  const plain = (): Manner => 'well';
  let manner: (path: string) => Manner = plain;
  let origin = '';

  function note(line: DeliveryLine): void {
    lines.push(line);
    appendFileSync(log, `${JSON.stringify(line)}\n`);
  }

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const arrivedAt = new Date().toISOString();
    const path = request.url ?? '';
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const seen = {
      at: arrivedAt,
      url: `${origin}${path}`,
      webhook_id: String(request.headers['webhook-id']),
      sha256: createHash('sha256').update(body).digest('hex'),
      verified: isSigned(body, request.headers, secrets.get(path) ?? secrets.get(OWN)),
      ...aboutEvent(body),
    };
    note({ ...seen, ...(await answerIn(manner(path), response)) });
  }

  const server = createServer((request, response) => {
    // Half a request that breaks off is no delivery.
    receive(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ended = mustBeEnded('receiver of webhooks', () => server.closeAllConnections());
  return {
    url: origin,
    lines,
    answer(how) {
      manner = how;
    },
    answerWell() {
      manner = plain;
    },
    expectSecret(secret, path = OWN) {
      secrets.set(path, secret);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          ended();
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** Resolves when nothing more will be said. */
async function answerIn(
  manner: Manner,
  response: ServerResponse,
): Promise<Pick<DeliveryLine, 'manner' | 'answered' | 'whole'>> {
  const whole = (answered: number, headers: Record<string, string> = {}) =>
    new Promise<Pick<DeliveryLine, 'manner' | 'answered' | 'whole'>>((resolve) => {
      response.once('close', () => resolve({ manner, answered, whole: response.writableFinished }));
      response.writeHead(answered, headers).end();
    });
  switch (manner) {
    case 'well':
      return whole(204);
    case 'refuse':
      return whole(500);
    case 'redirect':
      return whole(307, { location: '/elsewhere' });
    case 'gone':
      return whole(410);
    case 'silent':
      if (!response.destroyed) await new Promise((resolve) => response.once('close', resolve));
      return { manner, answered: null, whole: false };
    case 'reset':
      response.socket?.resetAndDestroy();
      return { manner, answered: null, whole: false };
    case 'half':
      response.writeHead(200, { 'content-length': '100' });
      await new Promise((resolve) => response.write('half', resolve));
      response.destroy();
      return { manner, answered: 200, whole: false };
    case 'lose':
      response.destroy();
      return { manner, answered: 204, whole: false };
  }
}

function isSigned(body: Buffer, headers: IncomingHttpHeaders, secret: string | undefined): boolean {
  if (secret === undefined) return false;
  const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  try {
    new Webhook(secret).verify(body.toString('utf8'), texts);
    return true;
  } catch {
    return false;
  }
}

function aboutEvent(body: Buffer): Pick<DeliveryLine, 'type' | 'event_at' | 'subject' | 'sequence'> {
  const { type, timestamp, data } = JSON.parse(body.toString('utf8')) as Event;
  const { id, sequence } = data as { id?: string; sequence?: number };
  return { type, event_at: timestamp, subject: id ?? null, sequence: sequence ?? null };
}
