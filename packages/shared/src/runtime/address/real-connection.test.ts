import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { type Agent, request } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { findProgram } from '../../testing/programs.ts';
import { requires } from '../../testing/requires.ts';
import { type Guard, type GuardOptions, openGuardedDispatcher } from './guard.ts';
import { guardFailure } from './guard-error.ts';
import { addressPolicy } from './policy.ts';

const loopback = addressPolicy({ allowPrivate: true });
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closers.splice(0).reverse()) await close();
});

/** Listens on a free port of 127.0.0.1. Connections that are still open at the end are cut. */
async function listening(server: Server | TcpServer): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.once('close', () => sockets.delete(socket))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

function guarded(options: Partial<GuardOptions> = {}): Guard {
  const guard = openGuardedDispatcher({ policy: loopback, resolve: async () => ['127.0.0.1'], ...options });
  closers.push(() => guard.stop());
  return guard;
}

async function get(url: string, { dispatcher }: Guard) {
  const { statusCode, headers, body } = await request(url, { dispatcher });
  return { statusCode, headers, text: await body.text() };
}

const failureOf = (url: string, guard: Guard) =>
  get(url, guard).then(
    () => 'answered',
    (error: unknown) => guardFailure(error),
  );

const echoHost: RequestListener = (incoming, answer) => answer.end(incoming.headers.host);

describe('a connection pinned to an address', () => {
  it('reaches it under a name that no name server knows, with Host as the URL has it', async () => {
    const port = await listening(createServer(echoHost));
    expect(await get(`http://pinned.invalid:${port}/`, guarded())).toMatchObject({
      statusCode: 200,
      text: `pinned.invalid:${port}`,
    });
  });

  it('reaches it also when the address is written mapped, and when it is the URL itself', async () => {
    const port = await listening(createServer(echoHost));
    const mapped = guarded({ resolve: async () => ['::ffff:127.0.0.1'] });
    expect((await get(`http://pinned.invalid:${port}/`, mapped)).statusCode).toBe(200);
    expect((await get(`http://127.0.0.1:${port}/`, guarded())).text).toBe(`127.0.0.1:${port}`);
  });

  it('is refused without the exception, before the server sees anything', async () => {
    let connections = 0;
    const port = await listening(createTcpServer(() => (connections += 1)));
    const strict = guarded({ policy: addressPolicy({ http: true, ports: [port], literals: true }) });
    expect(await failureOf(`http://pinned.invalid:${port}/`, strict)).toBe('blocked');
    expect(await failureOf(`http://127.0.0.1:${port}/`, strict)).toBe('blocked');
    expect(connections).toBe(0);
  });

  it('may be to exactly the origin that is excepted', async () => {
    const port = await listening(createServer(echoHost));
    const guard = guarded({ policy: addressPolicy({ allowOrigins: [`http://127.0.0.1:${port}`] }) });
    expect((await get(`http://127.0.0.1:${port}/`, guard)).statusCode).toBe(200);
    expect(await failureOf(`http://localhost:${port}/`, guard)).toBe('blocked');
  });
});

describe('requests one after the other', () => {
  it('share no connection, are each looked up anew, and leave nothing behind', async () => {
    let connections = 0;
    let lookUps = 0;
    const server = createServer(echoHost).on('connection', () => (connections += 1));
    const port = await listening(server);
    const guard = guarded({
      resolve: async () => {
        lookUps += 1;
        return ['127.0.0.1'];
      },
    });
    for (let i = 0; i < 3; i += 1) {
      const { headers } = await get(`http://pinned.invalid:${port}/`, guard);
      expect(headers.connection).toBe('close');
    }
    expect({ connections, lookUps }).toEqual({ connections: 3, lookUps: 3 });
    await vi.waitUntil(() => Object.keys((guard.dispatcher as Agent).stats).length === 0);
  });

  it('do not follow a redirect', async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((incoming, answer) => {
      seen.push(incoming.url);
      answer.writeHead(302, { location: '/elsewhere' }).end();
    });
    const port = await listening(server);
    expect((await get(`http://pinned.invalid:${port}/first`, guarded())).statusCode).toBe(302);
    expect(seen).toEqual(['/first']);
  });

  it('do not use a proxy that the environment names', async () => {
    let proxied = 0;
    const proxyPort = await listening(createTcpServer(() => (proxied += 1)));
    for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY']) vi.stubEnv(name, `http://127.0.0.1:${proxyPort}`);
    const port = await listening(createServer(echoHost));
    expect((await get(`http://pinned.invalid:${port}/`, guarded())).statusCode).toBe(200);
    expect(proxied).toBe(0);
  });
});

describe('a connection that fails', () => {
  it('is a failed connection when nobody listens', async () => {
    const server = createTcpServer();
    const port = await listening(server);
    await closers.pop()?.();
    expect(await failureOf(`http://pinned.invalid:${port}/`, guarded())).toBe('connect');
  });

  it('is a failed handshake when the far end speaks no TLS, or hangs up', async () => {
    const chatty = await listening(createTcpServer((socket) => socket.on('error', () => {}).end('SSH-2.0-x\r\n')));
    expect(await failureOf(`https://pinned.invalid:${chatty}/`, guarded())).toBe('tls');
    const rude = await listening(createTcpServer((socket) => socket.destroy()));
    expect(await failureOf(`https://pinned.invalid:${rude}/`, guarded())).toBe('tls');
  });

  it('is a timeout when the handshake never ends, or the answer never begins', async () => {
    const mute = await listening(createTcpServer((socket) => socket.on('error', () => {})));
    expect(await failureOf(`https://pinned.invalid:${mute}/`, guarded({ connectTimeoutMs: 200 }))).toBe('timeout');
    const port = await listening(createServer(() => {}));
    expect(await failureOf(`http://pinned.invalid:${port}/`, guarded({ idleTimeoutMs: 200 }))).toBe('timeout');
  });
});

describe('TLS', requires('openssl'), () => {
  let folder: string;
  let key: string;
  let cert: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'songmill-guard-'));
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=pinned.invalid', '-addext', 'subjectAltName=DNS:pinned.invalid'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync(
      findProgram('openssl') ?? '',
      ['req', '-x509', ...curve, ...subject, '-keyout', keyFile, '-out', certFile],
      {
        stdio: 'pipe',
      },
    );
    key = readFileSync(keyFile, 'utf8');
    cert = readFileSync(certFile, 'utf8');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function secureServer(): Promise<number> {
    return listening(
      createSecureServer({ key, cert }, (incoming, answer) => {
        answer.end(`${incoming.headers.host} ${String((incoming.socket as TLSSocket).servername)}`);
      }),
    );
  }

  it('is made in the name of the URL: server name, certificate and Host', async () => {
    const port = await secureServer();
    const { text } = await get(`https://pinned.invalid:${port}/`, guarded({ ca: cert }));
    expect(text).toBe(`pinned.invalid:${port} pinned.invalid`);
  });

  it('fails for a certificate of another name or of nobody, whatever the environment says', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const port = await secureServer();
    expect(await failureOf(`https://other.invalid:${port}/`, guarded({ ca: cert }))).toBe('tls');
    expect(await failureOf(`https://127.0.0.1:${port}/`, guarded({ ca: cert }))).toBe('tls');
    expect(await failureOf(`https://pinned.invalid:${port}/`, guarded())).toBe('tls');
  });
});
