import { isApiError, isConnectionError } from '../errors.ts';
import { type Connection, connectionOf } from './connection.ts';
import { CliError, EXIT, type Exit } from './exit.ts';
import type { GlobalOptions, Task } from './task.ts';

/** One thing that was looked at. `fix` says what to do about it. */
interface Finding {
  readonly level: 'ok' | 'warning' | 'problem';
  readonly what: string;
  readonly fix?: string;
}

const SIGNS = { ok: 'ok     ', warning: 'warning', problem: 'PROBLEM' } as const;
/** Webhooks signed further away than this from the receiver's time are refused. */
const MOST_SKEW_MS = 120_000;

/** Looks at everything between here and the songs, and names what is wrong with what to do about it. */
export async function doctor(task: Task, _args: readonly string[], options: GlobalOptions): Promise<Exit> {
  let exit: Exit = EXIT.ok;
  for await (const { finding, exit: worst } of findings(task, options)) {
    if (finding.level === 'problem' && exit === EXIT.ok) exit = worst;
    const fix = finding.fix === undefined ? '' : `\n         ${finding.fix}`;
    await task.out.record(finding, `${SIGNS[finding.level]}  ${finding.what}${fix}`);
  }
  return exit;
}

async function* findings(task: Task, options: GlobalOptions): AsyncGenerator<{ finding: Finding; exit: Exit }> {
  const told = (finding: Finding, exit: Exit = EXIT.failure) => ({ finding, exit });
  yield told({ level: 'ok', what: `Node ${process.version}` });
  let connection: Connection;
  try {
    connection = connectionOf(task.io.env, options.url);
    // Made here, so that a URL or a key that no request could carry is told as a finding.
    void task.client;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    yield told({ level: 'problem', what: error.message, fix: 'correct the setting it names' }, EXIT.usage);
    return;
  }
  const { url, keyFrom } = connection;
  const reached = await reach(task, url);
  yield told(reached, EXIT.notReachable);
  if (reached.level === 'problem') return;
  for (const finding of await readiness(task)) yield told(finding);
  if (keyFrom === null) {
    const fix = 'set SONGMILL_API_KEY, or SONGMILL_API_KEY_FILE to a file that holds it; npm start writes data/api-key';
    yield told({ level: 'problem', what: 'no API key is set', fix }, EXIT.notAuthorised);
    return;
  }
  const key = await tryKey(task, keyFrom);
  yield told(key, EXIT.notAuthorised);
  if (key.level === 'problem') return;
  for (const finding of await operation(task)) yield told(finding);
}

async function reach({ client, signal }: Task, url: string): Promise<Finding> {
  try {
    const { headers } = await client.health.live({ signal, timeoutMs: 10_000 }).withResponse();
    const skewMs = Math.abs(Date.parse(headers.get('date') ?? '') - Date.now());
    if (skewMs > MOST_SKEW_MS) {
      const what = `the server's clock and yours differ by ${Math.round(skewMs / 1000)} s`;
      return { level: 'warning', what, fix: 'set both by NTP: signatures of webhooks are refused after 5 minutes' };
    }
    return { level: 'ok', what: `${url} answers` };
  } catch (error) {
    signal.throwIfAborted();
    const what = `${url} does not answer: ${(error as Error).message}`;
    if (isApiError(error) || !isConnectionError(error)) {
      return { level: 'problem', what, fix: 'something else than Songmill listens there: correct SONGMILL_URL' };
    }
    return { level: 'problem', what, fix: reachFix((error.cause as Error | undefined)?.cause, url) };
  }
}

function reachFix(cause: unknown, url: string): string {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
  if (code === 'ECONNREFUSED') return 'start the server (npm start), or correct SONGMILL_URL: nothing listens there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no such host name: correct SONGMILL_URL';
  if (/CERT|TLS|SSL|SELF_SIGNED/.test(code)) {
    return 'its certificate is not trusted: correct SONGMILL_URL, or name its CA in NODE_EXTRA_CA_CERTS';
  }
  return url.startsWith('https:') ? 'check SONGMILL_URL: does it speak https?' : 'check SONGMILL_URL and the network';
}

/** What `/readyz` says of what the server stands on. */
interface Part {
  readonly status?: string;
  readonly reason?: string | null;
  readonly warnings?: readonly string[];
}

const PART_FIXES: Readonly<Record<string, string>> = {
  redis: "look at Redis and REDIS_URL in the server's settings",
  storage: "look at STORAGE_URL in the server's settings, and at the space that is left",
  upstream: 'look at the account at the upstream: key, balance and plan; songs wait and nothing is lost',
};

async function readiness({ client, signal }: Task): Promise<Finding[]> {
  const report = await client.health.ready({ signal });
  return Object.keys(PART_FIXES).flatMap((name): Finding[] => {
    const part = (report[name] ?? {}) as Part;
    const fix = PART_FIXES[name] ?? '';
    const warnings = (part.warnings ?? []).map(
      (warning): Finding => ({ level: 'warning', what: `${name}: ${warning}`, fix }),
    );
    if (part.status === 'ok' || part.status === 'unknown')
      return [{ level: 'ok', what: `${name}: ${part.status}` }, ...warnings];
    const what = `${name}: ${part.status ?? 'not told'}${part.reason ? `, ${part.reason}` : ''}`;
    return [{ level: part.status === 'low' ? 'warning' : 'problem', what, fix }, ...warnings];
  });
}

async function tryKey({ client, signal }: Task, keyFrom: string): Promise<Finding> {
  try {
    await client.models.list({ signal });
    return { level: 'ok', what: `the key of ${keyFrom} is good` };
  } catch (error) {
    if (!isApiError(error) || (error.status !== 401 && error.status !== 403)) throw error;
    const what = `the key of ${keyFrom} is refused: ${error.detail ?? error.code ?? error.status}`;
    return { level: 'problem', what, fix: 'correct it, or have a new one made: songmill keys create --name …' };
  }
}

/** Who may operate also learns whether songs are made at all. */
async function operation({ client, signal }: Task): Promise<Finding[]> {
  try {
    const [workers, queues] = await Promise.all([client.workers.list({ signal }), client.queues.list({ signal })]);
    const alive = workers.data.filter((worker) => worker.alive).length;
    const running: Finding =
      alive > 0
        ? { level: 'ok', what: `${alive} workers make calls` }
        : { level: 'problem', what: 'no worker is alive', fix: 'start one: node packages/worker/dist/main.js' };
    const stopped = queues.data.flatMap(({ name, paused, holds, breaker }): Finding[] => [
      ...(paused
        ? [
            {
              level: 'problem' as const,
              what: `queue ${name} is paused: ${paused.reason ?? 'no reason given'}`,
              fix: `songmill queue resume ${name}`,
            },
          ]
        : []),
      ...holds.map(
        (hold): Finding => ({
          level: 'problem',
          what: `${hold.model ?? 'the account'} is held: ${hold.reason}`,
          fix: PART_FIXES['upstream'] ?? '',
        }),
      ),
      ...(breaker?.state === 'open'
        ? [
            {
              level: 'problem' as const,
              what: `the upstream is not reached: ${breaker.reason ?? 'no answer'}`,
              fix: 'look at UPSTREAM_BASE_URL and the network of the workers',
            },
          ]
        : []),
    ]);
    return [running, ...stopped];
  } catch (error) {
    if (!isApiError(error) || error.status !== 403) throw error;
    return [{ level: 'ok', what: 'workers and queues are not looked at: that takes a key with the scope operate' }];
  }
}
