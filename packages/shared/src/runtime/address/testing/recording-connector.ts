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
 * dialled and answers with a socket to nowhere, which was refused unless `far` says otherwise.
 */
export function recordingConnector(far: FarEnd = { refused: true }): {
  readonly dials: Dial[];
  readonly connect: OpenSocket;
} {
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
      return fakeSocket(far);
    },
  };
}

/** What a socket to nowhere pretends. */
export interface FarEnd {
  readonly refused?: boolean;
  readonly remoteAddress?: string;
  /** Fills with what was sent. */
  readonly written?: Buffer[];
  /** Said at the first byte that arrives, before the far end closes. Without it the far end says nothing. */
  readonly answer?: string;
}

export function fakeSocket(options: FarEnd): Socket {
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      options.written?.push(chunk);
      done();
      if (options.answer === undefined || options.written?.length !== 1) return;
      // Later, as on a wire: the writer has not yet made itself ready for an answer.
      setImmediate(() => {
        socket.push(options.answer);
        socket.push(null);
      });
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
