/** What the simulator says it billed; by lyrics, as the upstream knows no ids of ours. */
export interface LedgerSummary {
  readonly calls: number;
  readonly charges: number;
  readonly answers: number;
  readonly open_calls: number;
  readonly by_lyrics: Readonly<Record<string, { readonly calls: number; readonly charges: number }>>;
}

export interface SimulatorControl {
  ledger(): Promise<LedgerSummary>;
  state(): Promise<{ open_calls: number; max_concurrency_seen: number; queued_faults: number }>;
  requests(): Promise<{ lyrics_base64: string }[]>;
  /** Webhooks that its receiver got on a path, oldest first. */
  hooks(path: string): Promise<{ body: string; headers: Record<string, string>; verdict: string }[]>;
  config(change: object): Promise<void>;
  /** The configuration as it is now. */
  configuration(): Promise<{ readonly time_scale: number; readonly latency: object }>;
  faults(faults: readonly unknown[]): Promise<void>;
  /** Takes back the faults that no call has met yet. */
  clearFaults(): Promise<void>;
  /** Resolves when the state satisfies the predicate; the test's own time limit ends it otherwise. */
  until(predicate: (state: { open_calls: number }) => boolean): Promise<void>;
}

/** The simulator's control API. */
export function simulatorControl(url: string): SimulatorControl {
  const send = async <T>(path: string, body?: object, method = body === undefined ? 'GET' : 'POST'): Promise<T> => {
    const response = await fetch(
      `${url}/_sim/${path}`,
      body === undefined
        ? { method }
        : { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
    );
    if (!response.ok) throw new Error(`simulator answered ${response.status}: ${await response.text()}`);
    return response.json() as Promise<T>;
  };
  const control: SimulatorControl = {
    ledger: () => send('ledger'),
    state: () => send('state'),
    requests: async () => (await send<{ requests: { lyrics_base64: string }[] }>('requests')).requests,
    hooks: async (path) => {
      const query = new URLSearchParams({ path }).toString();
      return (await send<{ deliveries: Awaited<ReturnType<SimulatorControl['hooks']>> }>(`hooks?${query}`)).deliveries;
    },
    async config(change) {
      await send('config', change);
    },
    configuration: () => send('config'),
    async faults(faults) {
      await send('faults', { faults });
    },
    async clearFaults() {
      await send('faults', undefined, 'DELETE');
    },
    async until(predicate) {
      while (!predicate(await control.state())) await new Promise((resolve) => setTimeout(resolve, 20));
    },
  };
  return control;
}
