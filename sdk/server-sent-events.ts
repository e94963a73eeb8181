// Server-sent events, by the WHATWG rules (HTML, "Interpreting an event stream"). Pure: text in, events out.

export interface ServerSentEvent {
  /** `message` where the stream names none. */
  type: string;
  data: string;
  /** The last id that the stream gave, of this event or an earlier one; '' where it gave none. */
  id: string;
}

export interface EventParser {
  /** Takes a piece of the stream, cut anywhere; answers the events that are complete with it. */
  push(text: string): ServerSentEvent[];
  /** What the last `retry:` said, ms. */
  retryMs(): number | undefined;
}

export function createEventParser(): EventParser {
  let rest = '';
  let atStart = true;
  /** The last piece ended in a CR: a LF that comes next belongs to it. */
  let afterCr = false;
  let [type, data, id] = ['', '', ''];
  let hasData = false;
  let retry: number | undefined;

  function field(name: string, value: string): void {
    if (name === 'event') type = value;
    else if (name === 'data') {
      data = hasData ? `${data}\n${value}` : value;
      hasData = true;
    } else if (name === 'id') {
      if (!value.includes('\0')) id = value;
    } else if (name === 'retry' && /^[0-9]+$/.test(value)) retry = Number(value);
  }

  function line(text: string): ServerSentEvent | undefined {
    if (text === '') return dispatch();
    const colon = text.indexOf(':');
    if (colon === 0) return undefined;
    if (colon < 0) field(text, '');
    else field(text.slice(0, colon), text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1));
    return undefined;
  }

  function dispatch(): ServerSentEvent | undefined {
    // Without a data field there is no event; an empty one is data.
    const event = hasData ? { type: type === '' ? 'message' : type, data, id } : undefined;
    [type, data, hasData] = ['', '', false];
    return event;
  }

  return {
    retryMs: () => retry,
    push(text) {
      if (text === '') return [];
      let piece = text;
      if (atStart && piece.startsWith('\ufeff')) piece = piece.slice(1);
      atStart = false;
      if (afterCr && piece.startsWith('\n')) piece = piece.slice(1);
      afterCr = piece.endsWith('\r');
      const [first = '', ...others] = piece.split(/\r\n|\n|\r/);
      rest += first;
      const last = others.pop();
      if (last === undefined) return [];
      const lines = [rest, ...others];
      rest = last;
      return lines.flatMap((each) => line(each) ?? []);
    },
  };
}

/**
 * Reads a body of `text/event-stream`, to its end or until `signal` is aborted, which is an end like any other. The connection is let go of
 * however the iteration ends.
 * @param onRead called after each piece of the stream, comments included
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  parser: EventParser,
  { onRead, signal }: { onRead: () => void; signal: AbortSignal },
): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader();
  // Nobody wants to know how the other side takes it.
  const letGo = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener('abort', letGo, { once: true });
  // The parser looks for the byte order mark itself.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  try {
    while (!signal.aborted) {
      const { done, value } = await reader.read();
      if (done) return;
      onRead();
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    signal.removeEventListener('abort', letGo);
    letGo();
  }
}
