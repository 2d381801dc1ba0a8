import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AcceptedRequest, validateGeneration } from '@songmill/shared/contract/generation-rules';
import { MODELS } from '@songmill/shared/contract/models';
import { OUTCOME_TABLE } from '@songmill/shared/contract/outcomes';
import { createLogger } from '@songmill/shared/runtime/logger';
import { type Simulator, startSimulator } from '@songmill/simulator/server';
import { openUpstream, type Upstream } from '@songmill/worker/upstream/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder: string;
let simulator: Simulator;
let upstream: Upstream;
let calls = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songmill-upstream-call-'));
  simulator = await startSimulator({
    host: '127.0.0.1',
    port: 0,
    timeScale: 0,
    ratePerMinute: 0,
    concurrency: 0,
    ledgerPath: join(folder, 'ledger.jsonl'),
  });
  upstream = connect('key');
});

afterAll(async () => {
  await upstream.stop();
  await simulator.stop();
  await rm(folder, { recursive: true });
});

function connect(key: string, timeoutMs = 20_000): Upstream {
  const logger = createLogger('worker', 'silent');
  const maxResponseBytes = 16 * 1024 * 1024;
  return openUpstream({ baseUrl: simulator.url, timeoutMs, maxResponseBytes, readKey: () => key, logger });
}

function asking(lyrics: string, more: object = {}): AcceptedRequest {
  const body = { lyrics, refer_voice: 'vocal-sim-a', refer_instrumental: 'instrumental-sim-a', ...more };
  const judged = validateGeneration(body, { models: MODELS, defaultModel: 'music-01', onUnknownCharge: 'retry' });
  if (!judged.ok) throw new Error(JSON.stringify(judged.faults));
  return judged.request;
}

/** One call, and how many songs the simulator billed for it. */
async function call(lyrics: string, from = upstream, more: object = {}) {
  const spoolPath = join(folder, `answer-${calls++}`);
  const before = await charges();
  const result = await from.generate({ request: asking(lyrics, more), spoolPath, modelHasWorked: true });
  return { result, spoolPath, billed: (await charges()) - before };
}

async function charges(): Promise<number> {
  const answer = await fetch(`${simulator.url}/_sim/ledger`);
  return ((await answer.json()) as { charges: number }).charges;
}

describe('a call to the simulated upstream', () => {
  it.each([
    ['a whole song', '##你好\n\nla la##', {}],
    ['a small song', 'la [sim:bytes=16384]', {}],
    ['a WAV', 'la la', { audio_setting: { format: 'wav' } }],
    ['a song after a megabyte of other keys', 'la [sim:late=1]', {}],
    ['a song under an escaped key', 'la [sim:escaped]', {}],
    ['a song among decoys', 'la [sim:decoy]', {}],
    ['a song behind a link', 'la [sim:url]', {}],
    ['a song of a later model', 'la la la la', { refer_voice: '', refer_instrumental: '', model: 'music-2.5' }],
    ['an instrumental', '', { refer_voice: '' }],
  ])('gives %s, billed once', async (_, lyrics, more) => {
    const { result, spoolPath, billed } = await call(lyrics, upstream, more);
    if (result.kind !== 'song') throw new Error(`${result.kind}: ${result.message}`);
    const bytes = await readFile(spoolPath);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(result.audio.sha256);
    expect(result.audio.format).toBe('audio_setting' in more ? 'wav' : 'mp3');
    expect(result.audio.durationMs).toBeGreaterThan(300);
    expect(billed).toBe(1);
    await rm(spoolPath);
  });

  it('sends lyrics with their line feeds', async () => {
    const { result, spoolPath } = await call('##one\n\ntwo\n##');
    expect(result.kind).toBe('song');
    const { requests } = (await (await fetch(`${simulator.url}/_sim/requests`)).json()) as {
      requests: { lyrics_base64: string }[];
    };
    const sent = requests.map(({ lyrics_base64 }) => Buffer.from(lyrics_base64, 'base64').toString());
    expect(sent).toContain('##one\n\ntwo\n##');
    await rm(spoolPath);
  });
});

describe('a fault of the simulated upstream', () => {
  it.each([
    ['[sim:code=1002]', 'rate_limited'],
    ['[sim:code=1041]', 'rate_limited'],
    ['[sim:status=429,retry_after=7]', 'rate_limited'],
    ['[sim:code=2056,status=429]', 'quota'],
    ['[sim:err=-10007]', 'quota'],
    ['[sim:code=1008]', 'account'],
    ['[sim:err=-10004,string]', 'account'],
    ['[sim:status=401]', 'account'],
    ['[sim:code=2061]', 'model'],
    ['[sim:err=-10008]', 'stated_failure'],
    ['[sim:code=1001]', 'stated_failure'],
    ['[sim:code=2013]', 'invalid_request'],
    ['[sim:code=1026]', 'content_rejected'],
    ['[sim:code=1027]', 'output_rejected'],
    ['[sim:code=1000]', 'unknown_failure'],
    ['[sim:code=1013]', 'unknown_failure'],
    ['[sim:err=-10003]', 'unknown_failure'],
    ['[sim:status=503]', 'unknown_failure'],
    ['[sim:status=520]', 'unknown_failure'],
    ['[sim:rst]', 'unknown_failure'],
    ['[sim:lost]', 'unknown_failure'],
    ['[sim:504]', 'timeout'],
    ['[sim:524]', 'timeout'],
    ['[sim:err=-10504]', 'timeout'],
    ['[sim:err=-1024]', 'timeout'],
    ['[sim:close]', 'unreadable'],
    ['[sim:truncate]', 'unreadable'],
    ['[sim:html]', 'unreadable'],
    ['[sim:object]', 'unreadable'],
    ['[sim:data_status=1]', 'unreadable'],
    ['[sim:duplicate]', 'unreadable'],
    ['[sim:huge=32]', 'too_large'],
    ['[sim:odd]', 'unusable_audio'],
    ['[sim:badhex]', 'unusable_audio'],
    ['[sim:badhex=0]', 'unusable_audio'],
    ['[sim:badhex=-1]', 'unusable_audio'],
    ['[sim:empty]', 'unusable_audio'],
    ['[sim:garbage]', 'unusable_audio'],
  ] as const)('%s is %s, and no charge is denied that was made', async (marker, kind) => {
    const { result, billed } = await call(`la ${marker}`);
    expect(`${result.kind}: ${result.message}`).toMatch(new RegExp(`^${kind}: `));
    const { charge } = OUTCOME_TABLE[kind];
    if (charge === 'none') expect(billed).toBe(0);
    if (charge === 'charged') expect(billed).toBe(1);
  });

  it.each(['[sim:hang]', '[sim:drip=60000]'])('%s ends at the deadline', async (marker) => {
    const impatient = connect('key', 700);
    const { result } = await call(`la ${marker}`, impatient);
    expect(result.kind).toBe('timeout');
    await impatient.stop();
  });

  it('leaves no file behind', async () => {
    expect(await readdir(folder)).toEqual(['ledger.jsonl']);
  });
});
