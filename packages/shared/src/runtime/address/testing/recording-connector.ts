import { isIP, type LookupFunction, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { OpenSocket } from '../connection.ts';

/** Addresses in one shape of a look-up's answer, or the code of its error. */
type Answer = readonly string[] | string;

export interface Dial {
  readonly host: string;
  readonly port: number;
  /** What `net.connect` would have connected to: the host itself if it is an address, else its look-up. */
  readonly all: Answer;
  readonly first: Answer;
}

/**
 * Stands in for `net.connect` and connects to nothing: it writes down which addresses would have been
 * dialled and answers with a socket that was refused.
 */
export function recordingConnector(): { readonly dials: Dial[]; readonly connect: OpenSocket } {
  const dials: Dial[] = [];
  return {
    dials,
    connect: (options) => {
      const { host = '', port, lookup } = options;
      const literal = isIP(host) === 0 ? undefined : [host];
      dials.push({
        host,
        port,
        all: literal ?? (lookup === undefined ? 'no look-up' : ask(lookup, host, true)),
        first: literal ?? (lookup === undefined ? 'no look-up' : ask(lookup, host, false)),
      });
      return fakeSocket({ refused: true });
    },
  };
}

/** A socket to nowhere. `written` fills with what was sent; `remoteAddress` is what it claims. */
export function fakeSocket(options: { refused?: boolean; remoteAddress?: string; written?: Buffer[] }): Socket {
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      options.written?.push(chunk);
      done();
    },
  });
  Object.assign(socket, { remoteAddress: options.remoteAddress });
  process.nextTick(() => {
    if (options.refused === true) socket.destroy(new Error('connect ECONNREFUSED'));
    else socket.emit('connect');
  });
  return socket as Socket;
}

function ask(lookup: LookupFunction, host: string, all: boolean): Answer {
  let answer: Answer = 'no answer';
  lookup(host, { all }, (error, found) => {
    if (error !== null) answer = String(error.code);
    else answer = typeof found === 'string' ? [found] : found.map(({ address }) => address);
  });
  return answer;
}
