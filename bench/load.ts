import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tiedToUs } from '@songmill/shared/testing/programs';
import type { LoadAnswer, LoadOrder } from './load/post.ts';
import { API_KEY, SAMPLE_REQUEST } from './sample.ts';

const POST = fileURLToPath(new URL('./load/post.ts', import.meta.url));
const run = promisify(execFile);

/**
 * Posts the sample request again and again from a process of its own.
 * @param amount how long, or how many
 * @throws Error when a request failed or was answered by anything but 2xx: such a number would mean nothing
 */
export async function postSamples(
  url: string,
  connections: number,
  amount: { readonly seconds: number } | { readonly amount: number },
): Promise<LoadAnswer> {
  const order: LoadOrder = {
    url: `${url}/v1/generations`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${API_KEY}` },
    body: JSON.stringify(SAMPLE_REQUEST),
    connections,
    ...amount,
  };
  const { command, args } = tiedToUs(process.execPath, [POST, JSON.stringify(order)]);
  const { stdout } = await run(command, args, { maxBuffer: 1_048_576 });
  const answer = JSON.parse(stdout) as LoadAnswer;
  if (answer.refused > 0 || answer.failed > 0 || answer.accepted === 0) {
    throw new Error(`accepting went wrong: ${stdout.trim()}; now it answers ${await answerNow(order)}`);
  }
  return answer;
}

/** One more request, so that the message says what was answered and not only how often. */
async function answerNow({ url, headers, body }: LoadOrder): Promise<string> {
  try {
    const answer = await fetch(url, { method: 'POST', headers: { ...headers }, body });
    return `${answer.status} ${(await answer.text()).slice(0, 1000)}`;
  } catch (error) {
    return String(error);
  }
}
