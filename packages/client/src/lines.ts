import { ConnectionError } from './errors.ts';

/** The lines of a streaming answer, without the empty ones. One that breaks off is a ConnectionError. */
export async function* linesOf(
  response: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<string, void, undefined> {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        signal?.throwIfAborted();
        throw new ConnectionError('the answer broke off', { cause });
      });
      const lines = (rest + (done ? decoder.decode() : decoder.decode(value, { stream: true }))).split('\n');
      rest = done ? '' : lines.pop()!;
      for (const line of lines) if (line.trim() !== '') yield line;
      if (done) return;
    }
  } finally {
    // The loop may have been left before the end; an answer that has broken off may refuse.
    await reader.cancel().catch(() => {});
  }
}
