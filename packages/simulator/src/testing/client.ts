import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SimulatorConfig } from '../config.ts';
import type { LedgerSummary } from '../ledger/summary.ts';
import type { ReceivedHook } from '../receiver/received-hooks.ts';
import type { RecordedRequest } from '../recent-requests.ts';
import { GENERATION_PATH, type Simulator, type SimulatorOptions, startSimulator } from '../server.ts';

export const VOICE = 'vocal-2024112413150824-aj4GKzSM';
export const INSTRUMENTAL = 'instrumental-2024112413150824-UE4jIGJY';

/** What a plain client saw. `end`: all of the answer, only a part of it, or no answer at all. */
export interface Seen {
  readonly end: 'complete' | 'cut' | 'none';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
  readonly onFirstByte?: () => void;
}

/** One HTTP exchange on a connection of its own; never throws for what the server did. */
export async function exchange(url: string, sent: Sent): Promise<Seen> {
  const agent = new Agent({ keepAlive: false });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    const done = (end: Seen['end']): void => {
      agent.destroy();
      resolve({ end, status, headers, body: Buffer.concat(chunks) });
    };
    const outgoing = request(
      new URL(sent.path ?? '/', url),
      {
        method: sent.method ?? 'POST',
        headers: sent.headers ?? {},
        agent,
        ...(sent.signal ? { signal: sent.signal } : {}),
      },
      (incoming) => {
        status = incoming.statusCode ?? 0;
        headers = incoming.headers;
        incoming.once('data', () => sent.onFirstByte?.());
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => done(incoming.complete ? 'complete' : 'cut'));
        incoming.on('error', () => done('cut'));
      },
    );
    outgoing.on('error', () => done(status === 0 ? 'none' : 'cut'));
    outgoing.end(sent.body);
  });
}

const BOUNDARY = 'simulator-test-boundary';
export const MULTIPART_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

export interface TestFile {
  readonly filename: string;
  readonly type: string;
  readonly bytes: Buffer;
}

/** A multipart body made by hand, so that a line feed stays a line feed. */
export function multipart(fields: Readonly<Record<string, string | TestFile>>): Buffer {
  const parts = Object.entries(fields).flatMap(([name, value]) => {
    const isText = typeof value === 'string';
    const file = isText ? '' : `; filename="${value.filename}"\r\nContent-Type: ${value.type}`;
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`;
    return [Buffer.from(head), isText ? Buffer.from(value) : value.bytes, Buffer.from('\r\n')];
  });
  return Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]);
}

/** A well-formed generation call; `lyrics` carries the markers. */
export async function generate(
  url: string,
  lyrics: string,
  more: Partial<Sent> & { key?: string; fields?: Record<string, string> } = {},
): Promise<Seen> {
  const { key, fields, ...sent } = more;
  return exchange(url, {
    path: GENERATION_PATH,
    headers: { authorization: `Bearer ${key ?? 'test-key'}`, 'content-type': MULTIPART_TYPE },
    body: multipart({ model: 'music-01', lyrics, refer_voice: VOICE, refer_instrumental: INSTRUMENTAL, ...fields }),
    ...sent,
  });
}

/** Every member an answer of the upstream can have; a test that reads one fails when it is not there. */
export interface UpstreamBody {
  readonly data: { readonly status: number; readonly audio: string; readonly audio_url: string };
  readonly trace_id: string;
  readonly extra_info: Readonly<Record<string, number>>;
  readonly analysis_info: unknown;
  readonly base_resp: { readonly status_code: number; readonly status_msg: string };
  readonly error: { readonly err_code: number | string; readonly message: string; readonly type: string };
  readonly voice_id: string;
  readonly instrumental_id: string;
}

export function json(seen: Seen): UpstreamBody {
  return JSON.parse(seen.body.toString('utf8')) as UpstreamBody;
}

/** Every member an answer of the control API can have. */
export interface ControlBody extends LedgerSummary, SimulatorConfig {
  readonly requests: readonly RecordedRequest[];
  readonly deliveries: readonly ReceivedHook[];
  readonly received: number;
  readonly faults: readonly Readonly<Record<string, unknown>>[];
  readonly open_calls: number;
  readonly working: number;
  readonly max_concurrency_seen: number;
}

/** A call of the control API. */
export async function control(url: string, method: string, path: string, body?: unknown): Promise<ControlBody> {
  const seen = await exchange(url, {
    path: `/_sim${path}`,
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (seen.status !== 200) throw new Error(`${method} ${path}: ${seen.status} ${seen.body.toString('utf8')}`);
  return JSON.parse(seen.body.toString('utf8')) as ControlBody;
}

export interface TestSimulator extends Simulator {
  readonly ledgerPath: string;
  /** Stops it and removes its ledger. */
  dispose(): Promise<void>;
}

/** A simulator in this process on a free port, with instant answers unless told otherwise. */
export async function testSimulator(options: Partial<SimulatorOptions> = {}): Promise<TestSimulator> {
  const folder = await mkdtemp(join(tmpdir(), 'songmill-simulator-'));
  const ledgerPath = join(folder, 'ledger.jsonl');
  const simulator = await startSimulator({
    host: '127.0.0.1',
    port: 0,
    timeScale: 0,
    ratePerMinute: 0,
    concurrency: 0,
    ledgerPath,
    seed: 1,
    ...options,
  });
  return {
    ...simulator,
    ledgerPath,
    dispose: async () => {
      try {
        await simulator.stop();
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
