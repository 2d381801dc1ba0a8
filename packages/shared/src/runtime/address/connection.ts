import { once } from 'node:events';
import { isIP, type LookupFunction, type Socket, type TcpNetConnectOpts } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type Address, parseAddress } from './address.ts';
import type { Deadline } from './deadline.ts';
import { GuardError } from './guard-error.ts';
import type { Refusal } from './resolve.ts';
import type { Target } from './target.ts';

/**
 * When the next address is tried. Node's own 250 ms are less than a round trip to the other side of the
 * world, and it gives a slow address up for good if the ones after it fail.
 */
const ATTEMPT_TIMEOUT_MS = 2500;

/** Opens a TCP connection as `net.connect` does, looking the host up through `options.lookup`. */
export type OpenSocket = (options: TcpNetConnectOpts) => Socket;

export interface OpeningOptions {
  readonly open: OpenSocket;
  readonly ca: ConnectionOptions['ca'];
  readonly report: (refusal: Refusal) => void;
}

/**
 * Connects to one of the addresses, by the target's own name, so that the name for TLS and the
 * certificate stay right. Nothing is sent before the far end has been compared with the addresses.
 *
 * @returns a connected socket; for a secure target after the handshake
 * @throws GuardError
 */
export async function openConnection(
  target: Target,
  addresses: readonly Address[],
  limit: Deadline,
  options: OpeningOptions,
): Promise<Socket> {
  const plain = options.open({
    host: target.host,
    port: target.port,
    lookup: pinnedLookup(addresses),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    noDelay: true,
  });
  await reached(plain, 'connect', limit, 'connect');
  confirmFarEnd(plain, target, addresses, options.report);
  if (!target.secure) return plain;
  const secure = connectTls({
    socket: plain,
    host: target.host,
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ALPNProtocols: ['http/1.1'],
    // Said here, so that no environment variable can say otherwise.
    rejectUnauthorized: true,
  });
  await reached(secure, 'secureConnect', limit, 'tls');
  return secure;
}

/**
 * Answers every look-up with the addresses already checked, in both shapes that `net.connect` asks
 * for: all of them, or the first of the family wanted.
 */
export function pinnedLookup(addresses: readonly Address[]): LookupFunction {
  return (host, options, callback) => {
    const family = String(options.family ?? 0).replace(/^IPv/, '');
    const usable = addresses
      .filter((address) => family === '0' || family === String(address.family))
      .map((address) => ({ address: address.text, family: address.family }));
    const first = usable[0];
    if (first === undefined) {
      callback(Object.assign(new Error(`no checked address for ${host}`), { code: 'ENOTFOUND' }), '', 0);
    } else if (options.all === true) callback(null, usable);
    else callback(null, first.address, first.family);
  };
}

async function reached(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  limit: Deadline,
  failure: 'connect' | 'tls',
): Promise<void> {
  // Stays on: between this wait and undici's own listeners an error would have nobody to hear it.
  socket.on('error', () => {});
  // A far end that closes without an error would leave the wait to the deadline.
  const closed = Promise.withResolvers<never>();
  const onClose = () => closed.reject(new GuardError(failure));
  socket.once('close', onClose);
  const waiting = new AbortController();
  try {
    await limit.bound(Promise.race([once(socket, event, { signal: waiting.signal }), closed.promise]));
  } catch (error) {
    socket.destroy();
    throw error instanceof GuardError ? error : new GuardError(failure);
  } finally {
    socket.off('close', onClose);
    waiting.abort();
  }
}

function confirmFarEnd(
  socket: Socket,
  target: Target,
  addresses: readonly Address[],
  report: (refusal: Refusal) => void,
): void {
  const remote = socket.remoteAddress;
  const found = remote === undefined ? undefined : parseAddress(remote);
  if (found !== undefined && addresses.some(({ text }) => text === found.text)) return;
  socket.destroy();
  // Without an address it has gone already; with another one something between us and it has lied.
  if (remote === undefined) throw new GuardError('connect');
  report({ host: target.host, address: remote, why: 'not_pinned' });
  throw new GuardError('blocked');
}
