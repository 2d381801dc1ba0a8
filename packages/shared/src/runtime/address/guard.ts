import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { callbackify } from 'node:util';
import { Agent, type buildConnector, type Dispatcher } from 'undici';
import type { Part } from '../lifecycle.ts';
import { type OpenSocket, openConnection } from './connection.ts';
import { type Deadline, deadline } from './deadline.ts';
import { GuardError } from './guard-error.ts';
import type { AddressPolicy } from './policy.ts';
import { allowedAddresses, type Refusal, type Resolve, systemResolve } from './resolve.ts';
import { judgeTarget } from './target.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 30_000;

export interface GuardOptions {
  readonly policy: AddressPolicy;
  /** The system's look-up unless given. Its answers are judged, all of them, at every connection. */
  readonly resolve?: Resolve;
  /** `net.connect` unless given. */
  readonly connect?: OpenSocket;
  /** Look-up, connection and TLS together; 10 s unless given. */
  readonly connectTimeoutMs?: number;
  /** Longest silence before the headers and between two pieces of the body; 30 s unless given. */
  readonly idleTimeoutMs?: number;
  /** Certificates to trust instead of the well-known ones. */
  readonly ca?: ConnectionOptions['ca'];
  /** Told why something was blocked. For our own log: the error itself says nothing about addresses. */
  readonly onRefusal?: (refusal: Refusal) => void;
}

/** A way out for requests to addresses given by strangers. */
export interface Guard extends Part {
  /** For undici's `request`, with a total deadline and a byte limit of the caller's own. */
  readonly dispatcher: Dispatcher;
}

/**
 * Opens a dispatcher that refuses what the policy does not allow. Each request has a connection of
 * its own, looked up and judged anew, so no answer of a name server outlives its check and no two
 * tenants share a socket. Redirects are answers like any other, and proxies named by the environment
 * are not used.
 *
 * Requests reject with `GuardError` when no connection was made; see `guardFailure` for the rest.
 * A caller must not set `Host` from foreign input: it would go out as given.
 *
 * @public
 */
export function openGuardedDispatcher(options: GuardOptions): Guard {
  const { policy, resolve = systemResolve, connect = connectTcp, onRefusal: report = () => {} } = options;
  const pending = new Set<Deadline>();

  async function connectGuarded(origin: buildConnector.Options): Promise<Socket> {
    const verdict = judgeTarget(urlOf(origin), policy);
    if (!verdict.ok) {
      report({ host: origin.hostname, address: null, why: verdict.faults.map(({ code }) => code).join(',') });
      throw new GuardError('blocked');
    }
    const limit = deadline(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    pending.add(limit);
    try {
      const addresses = await limit.bound(allowedAddresses(verdict.target, policy, resolve, report));
      return await openConnection(verdict.target, addresses, limit, { open: connect, ca: options.ca, report });
    } finally {
      limit.clear();
      pending.delete(limit);
    }
  }

  const idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  const dispatcher = new Agent({
    connect: (origin, callback) =>
      callbackify(connectGuarded)(origin, (error, socket) => (error ? callback(error, null) : callback(null, socket))),
    // Zero is undici's word for a connection per request.
    pipelining: 0,
    allowH2: false,
    headersTimeout: idleTimeoutMs,
    bodyTimeout: idleTimeoutMs,
  });

  return {
    dispatcher,
    stop: async () => {
      for (const limit of pending) limit.end(new GuardError('connect'));
      await dispatcher.destroy();
    },
  };
}

/** What undici is about to connect to, as a URL again. It has taken the brackets off. */
function urlOf({ protocol, hostname, port }: buildConnector.Options): URL {
  return new URL(`${protocol}//${isIPv6(hostname) ? `[${hostname}]` : hostname}${port === '' ? '' : `:${port}`}`);
}
