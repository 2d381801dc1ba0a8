/** One event of a stream. */
export interface SseMessage {
  /** `message` when the server names none. */
  readonly event: string;
  readonly data: string;
  /** To resume after this message; null when the server has named none. */
  readonly id: string | null;
}

/** Reads `text/event-stream` by the HTML standard, piece by piece. */
export interface SseParser {
  /** The messages that this piece of text completes. */
  push(text: string): SseMessage[];
  /** The id to resume after what was read, of messages without data too. */
  readonly lastId: string | null;
  /** What the server asks for between two connections; null until it does. */
  readonly retryMs: number | null;
}

/** @param startId where the stream goes on from, null = from now on */
export function createSseParser(startId: string | null): SseParser {
  let rest = '';
  let started = false;
  let event = '';
  let data: string[] = [];
  let id = startId;
  let lastId = startId;
  let retryMs: number | null = null;

  function endOfMessage(): SseMessage | null {
    lastId = id;
    const message = data.length === 0 ? null : { event: event || 'message', data: data.join('\n'), id };
    event = '';
    data = [];
    return message;
  }

  function take(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
    else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'retry' && /^\d{1,9}$/.test(value)) retryMs = Number(value);
  }

  return {
    push(text) {
      rest += text;
      if (!started && rest !== '') {
        started = true;
        rest = rest.replace(/^\uFEFF/, '');
      }
      const messages: SseMessage[] = [];
      // A carriage return at the very end may be half a line break.
      for (let end = /\r\n|\n|\r(?!$)/.exec(rest); end !== null; end = /\r\n|\n|\r(?!$)/.exec(rest)) {
        const line = rest.slice(0, end.index);
        rest = rest.slice(end.index + end[0].length);
        if (line !== '') take(line);
        else {
          const message = endOfMessage();
          if (message !== null) messages.push(message);
        }
      }
      return messages;
    },
    get lastId() {
      return lastId;
    },
    get retryMs() {
      return retryMs;
    },
  };
}
