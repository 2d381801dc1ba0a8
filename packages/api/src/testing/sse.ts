import type { Event } from '@songmill/shared/contract/event';
import type { Generation } from '@songmill/shared/contract/generation';

export interface Frame {
  readonly event: string | null;
  readonly id: string | null;
  readonly retry: string | null;
  readonly comment: string | null;
  readonly body: Event | null;
}

/** A stream of events as a test reads it, one frame at a time. */
export interface SseReader {
  readonly response: Response;
  /** The next frame, or null at the end. */
  frame(): Promise<Frame | null>;
  /** The next frame with data, or null at the end. */
  next(): Promise<Frame | null>;
  /** Frames with data until the stream ends. */
  rest(): Promise<Frame[]>;
  /** The last id heard, as a browser keeps it. */
  lastId(): string | null;
  close(): Promise<void>;
}

export function readSse(response: Response): SseReader {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let last: string | null = null;

  async function frame(): Promise<Frame | null> {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end >= 0) {
        const found = parse(text.slice(0, end));
        text = text.slice(end + 2);
        last = found.id ?? last;
        return found;
      }
      const { done, value } = await reader.read();
      if (done) return null;
      text += value;
    }
  }

  async function next(): Promise<Frame | null> {
    for (;;) {
      const found = await frame();
      if (found === null || found.body !== null) return found;
    }
  }

  return {
    response,
    frame,
    next,
    async rest() {
      const frames: Frame[] = [];
      for (let found = await next(); found !== null; found = await next()) frames.push(found);
      return frames;
    },
    lastId: () => last,
    close: () => reader.cancel(),
  };
}

export function dataOf(frame: Frame | null): Generation {
  return frame?.body?.data as unknown as Generation;
}

function parse(block: string): Frame {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    fields.set(name, value);
  }
  const data = fields.get('data');
  return {
    event: fields.get('event') ?? null,
    id: fields.get('id') ?? null,
    retry: fields.get('retry') ?? null,
    comment: fields.get('') ?? null,
    body: data === undefined ? null : (JSON.parse(data) as Event),
  };
}
