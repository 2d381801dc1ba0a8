import type { OwnChaosSystem } from './cluster.ts';

/** Where the endpoint is that is told how every generation ends. */
const ALL = '/all';

/** Registers an endpoint with the receiver for how every generation ends, and tells the receiver what signs. */
export async function tellReceiver(system: OwnChaosSystem): Promise<void> {
  const { secret } = await callApi<{ secret: string }>(system, 'GET', '/v1/webhook-secret');
  system.receiver.expectSecret(secret);
  await addEndpoint(system, ALL);
}

/** Registers one more; resolves with its id. @param events those by which things end, unless told */
export async function addEndpoint(system: OwnChaosSystem, path: string, events?: readonly string[]): Promise<string> {
  const { id, secret } = await callApi<{ id: string; secret: string }>(system, 'POST', '/v1/webhook-endpoints', {
    url: `${system.receiver.url}${path}`,
    ...(events === undefined ? {} : { events }),
  });
  system.receiver.expectSecret(secret, path);
  return id;
}

/** @throws Error for any answer but 2xx: what a run stands on must be there */
export async function callApi<T>(system: OwnChaosSystem, method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${system.apis[0]!.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
  return JSON.parse(text) as T;
}
