import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { S3Keys } from '../s3-connection.ts';

export const KEYS: S3Keys = { accessKeyId: 'test-key', secretAccessKey: 'test-secret' };
export const BUCKET = 'songs';

/** What the store does with a request instead of answering it well. */
export type Fault =
  | { readonly kind: 'answer'; readonly status: number; readonly code: string }
  /** Does it, and loses the answer. */
  | { readonly kind: 'lose the answer' }
  /** Takes it and says nothing. */
  | { readonly kind: 'silence' }
  /** Answers with this much of the body, then breaks the connection or falls silent. */
  | { readonly kind: 'cut' | 'stall'; readonly after: number }
  /** Takes this much less than was sent, and says that all is well. */
  | { readonly kind: 'take less'; readonly bytes: number };

export interface ObjectStore {
  readonly url: string;
  readonly objects: Map<string, { bytes: Buffer; writtenMs: number }>;
  /** Requests so far, as `PUT /songs/x`. */
  readonly requests: { readonly line: string; readonly headers: IncomingMessage['headers'] }[];
  /** Requests whose sender left before he had the whole answer. */
  readonly left: string[];
  /** Asked before each request. */
  fault: (line: string) => Fault | null;
  /** Whether `If-None-Match` means anything to it. */
  honours: boolean;
  /** Keys per page of a listing. */
  page: number;
  /** Connections that are open now. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * An object store in memory that can misbehave: what the stores at hand for tests cannot do, namely look at
 * signatures, honour conditions, and fail on demand.
 */
export async function startObjectStore(): Promise<ObjectStore> {
  const server = createServer((request, response) => {
    answer(store, request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const store: ObjectStore = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects: new Map(),
    requests: [],
    left: [],
    fault: () => null,
    honours: true,
    page: 1000,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      }),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return store;
}

async function answer(store: ObjectStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '', store.url);
  const line = `${request.method} ${url.pathname}`;
  store.requests.push({ line, headers: request.headers });
  response.on('close', () => {
    if (!response.writableFinished) store.left.push(line);
  });
  const fault = store.fault(line);
  const fail = (status: number, code: string) => {
    const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
    response.writeHead(status, { 'content-type': 'application/xml' }).end(request.method === 'HEAD' ? '' : text);
  };
  if (fault?.kind === 'silence') return;
  const body = await buffer(request);
  if (fault?.kind === 'answer') return fail(fault.status, fault.code);
  if (!isSigned(request, url)) return fail(403, 'SignatureDoesNotMatch');
  const [, bucket, ...rest] = url.pathname.split('/');
  if (bucket !== BUCKET) return fail(404, 'NoSuchBucket');
  const key = rest.map(decodeURIComponent).join('/');
  const found = store.objects.get(key);
  switch (request.method) {
    case 'PUT': {
      if (request.headers['content-length'] === undefined) return fail(411, 'MissingContentLength');
      const md5 = createHash('md5').update(body).digest();
      const given = request.headers['content-md5'];
      if (given !== undefined && given !== md5.toString('base64')) return fail(400, 'BadDigest');
      if (store.honours && request.headers['if-none-match'] === '*' && found) return fail(412, 'PreconditionFailed');
      const bytes = fault?.kind === 'take less' ? body.subarray(0, body.length - fault.bytes) : body;
      store.objects.set(key, { bytes, writtenMs: Date.now() });
      if (fault?.kind === 'lose the answer') return void response.destroy();
      const tag = createHash('md5').update(bytes).digest('hex');
      response.writeHead(200, { etag: `"${tag}"` }).end();
      return;
    }
    case 'DELETE':
      store.objects.delete(key);
      response.writeHead(204).end();
      return;
    case 'HEAD':
      if (!found) return fail(404, 'NoSuchKey');
      response.writeHead(200, { 'content-length': found.bytes.length }).end();
      return;
    default:
      if (key === '') return sendList(store, url, response);
      if (!found) return fail(404, 'NoSuchKey');
      return send(found.bytes, request, response, fault, fail);
  }
}

function send(
  bytes: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | null,
  fail: (status: number, code: string) => void,
): void {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const start = Number(range?.[1] ?? 0);
  const end = Math.min(Number(range?.[2] ?? bytes.length - 1), bytes.length - 1);
  if (start > end) return fail(416, 'InvalidRange');
  const part = bytes.subarray(start, end + 1);
  response.writeHead(range ? 206 : 200, {
    'content-length': part.length,
    ...(range ? { 'content-range': `bytes ${start}-${end}/${bytes.length}` } : {}),
  });
  if (fault?.kind !== 'cut' && fault?.kind !== 'stall') return void response.end(part);
  response.write(part.subarray(0, fault.after), () => {
    if (fault.kind === 'cut') response.destroy();
  });
}

function sendList(store: ObjectStore, url: URL, response: ServerResponse): void {
  const prefix = url.searchParams.get('prefix') ?? '';
  const after = url.searchParams.get('continuation-token') ?? '';
  const all = [...store.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
  const page = all.slice(0, store.page);
  const more = all.length > page.length;
  const contents = page.map((key) => {
    const { bytes, writtenMs } = store.objects.get(key)!;
    const at = new Date(writtenMs).toISOString();
    return `<Contents><Key>${key}</Key><LastModified>${at}</LastModified><Size>${bytes.length}</Size></Contents>`;
  });
  const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
  response.writeHead(200, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
  );
}

/** AWS Signature Version 4 in the Authorization header, made again from what arrived. */
function isSigned({ method, headers }: IncomingMessage, url: URL): boolean {
  const given = headers.authorization ?? '';
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(
      given,
    );
  if (match === null || match[1] !== KEYS.accessKeyId) return false;
  const [, , day = '', region = '', names = '', signature] = match;
  const hash = headers['x-amz-content-sha256'];
  const query = [...url.searchParams].map((pair) => pair.map(encodeURIComponent).join('=')).sort();
  const signed = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = [method, url.pathname, query.join('&'), signed.join(''), names, hash].join('\n');
  const hashed = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], `${day}/${region}/s3/aws4_request`, hashed].join('\n');
  let key: string | Buffer = `AWS4${KEYS.secretAccessKey}`;
  for (const word of [day, region, 's3', 'aws4_request']) key = createHmac('sha256', key).update(word).digest();
  return createHmac('sha256', key).update(text).digest('hex') === signature;
}
