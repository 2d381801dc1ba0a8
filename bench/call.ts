import type { TestProcess } from '@songmill/shared/testing/processes';
import { API_KEY } from './sample.ts';

/**
 * One JSON request: a GET, or with a body a POST.
 * @throws Error with the answer's text unless it is a 2xx
 */
export async function call<Answer>(
  server: TestProcess,
  path: string,
  body?: unknown,
  key: string = API_KEY,
): Promise<Answer> {
  const answer = await fetch(`${server.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path} was answered ${answer.status} ${text.slice(0, 1000)}`);
  return JSON.parse(text) as Answer;
}
