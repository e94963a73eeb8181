import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createEventParser, readEvents, type ServerSentEvent } from '../../sdk/server-sent-events.ts';

const SEED = 20_260_101;

function parse(...pieces: string[]): ServerSentEvent[] {
  const parser = createEventParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

/** The rules read as they are written, over the whole text at once: what the incremental parser is held against. */
function reference(text: string): ServerSentEvent[] {
  const events: ServerSentEvent[] = [];
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/);
  lines.pop();
  let [type, id] = ['', ''];
  let data: string[] = [];
  for (const line of lines) {
    if (line === '') {
      if (data.length > 0) events.push({ type: type || 'message', data: data.join('\n'), id });
      [type, data] = ['', []];
      continue;
    }
    const match = /^([^:]*)(?::[ ]?([\s\S]*))?$/.exec(line);
    const [, name, value = ''] = match ?? [];
    if (name === 'event') type = value;
    if (name === 'data') data.push(value);
    if (name === 'id' && !value.includes('\0')) id = value;
  }
  return events;
}

it('an event is its fields up to an empty line', () => {
  expect(parse('event: step.started\nid: 7\ndata: {"a":1}\n\n')).toEqual([{ type: 'step.started', id: '7', data: '{"a":1}' }]);
});

it('several data lines are one text with line breaks; one space after the colon belongs to no value', () => {
  expect(parse('data:one\ndata:  two\ndata\n\n')).toEqual([{ type: 'message', id: '', data: 'one\n two\n' }]);
});

it('comments, unknown fields and events without data are nothing', () => {
  expect(parse(': hello\n\nevent: x\n\nfoo: bar\n\ndata: y\n\n')).toEqual([{ type: 'message', id: '', data: 'y' }]);
});

it('an empty data line is an event with empty data', () => {
  expect(parse('data\n\ndata:\n\n')).toEqual([
    { type: 'message', id: '', data: '' },
    { type: 'message', id: '', data: '' },
  ]);
});

it('an id stands until the next one; one with a NUL is none; an empty one takes it back', () => {
  const ids = parse('id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid\ndata: d\n\n').map(({ id }) => id);

  expect(ids).toEqual(['1', '1', '1', '']);
});

it('a byte order mark is passed over at the start only', () => {
  expect(parse('\ufeffdata: a\n\n', '\ufeffdata: b\n\n').map(({ data }) => data)).toEqual(['a']);
});

it('CR, LF and CRLF end a line, also when a CRLF is cut in two', () => {
  expect(parse('data: a\r', '\n\r\ndata: b\r\rdata: c\n', '\n').map(({ data }) => data)).toEqual(['a', 'b', 'c']);
});

it('what is not ended by an empty line is no event', () => {
  expect(parse('data: a\n\ndata: b\n')).toHaveLength(1);
});

it('retry takes digits only', () => {
  const parser = createEventParser();
  const seen = ['retry: 1000\n', 'retry: 1e3\n', 'retry:-5\n', 'retry\n', 'retry: 20\n'].map((line) => {
    parser.push(line);
    return parser.retryMs();
  });

  expect(seen).toEqual([1_000, 1_000, 1_000, 1_000, 20]);
});

it('any text, cut anywhere, gives the events of the text as a whole', () => {
  const scrap = fc.constantFrom('data', 'event', 'id', 'retry', ':', ': ', ' ', 'x', '7', 'é😀', '\0', '\ufeff');
  const line = fc.constantFrom('data: x', 'data:', 'id: 7', 'event: e', 'retry: 5', ': c', '');
  const end = fc.constantFrom('\r', '\n', '\r\n');
  const piece = fc.oneof(
    scrap,
    end,
    fc.tuple(line, end).map((both) => both.join('')),
  );
  const text = fc.array(piece, { maxLength: 60, size: 'max' }).map((pieces) => pieces.join(''));
  let events = 0;
  fc.assert(
    fc.property(text, fc.array(fc.nat(200), { maxLength: 12 }), (whole, cuts) => {
      const points = [0, ...cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b), whole.length];
      const pieces = points.slice(1).map((end, index) => whole.slice(points[index], end));
      const expected = reference(whole);
      events += expected.length;
      expect(parse(...pieces)).toEqual(expected);
    }),
    { seed: SEED, numRuns: 2_000 },
  );
  expect(events).toBeGreaterThan(500);
});

it('bytes are decoded whole wherever they are cut', async () => {
  const text = '\ufeffid: 1\r\ndata: grüße 😀\r\n\r\nid: 2\ndata: ☃\n\n';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= 7; size++) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let from = 0; from < bytes.length; from += size) controller.enqueue(bytes.slice(from, from + size));
        controller.close();
      },
    });
    let reads = 0;
    const read: string[] = [];
    const options = { onRead: () => void reads++, signal: new AbortController().signal };
    for await (const { data } of readEvents(body, createEventParser(), options)) read.push(data);

    expect(read).toEqual(['grüße 😀', '☃']);
    expect(reads).toBe(Math.ceil(bytes.length / size));
  }
});

it('a stream that is aborted ends, and its connection is let go of', async () => {
  const abort = new AbortController();
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('data: a\n\n')),
    cancel: () => void (cancelled = true),
  });
  const read: string[] = [];
  for await (const { data } of readEvents(body, createEventParser(), { onRead: () => {}, signal: abort.signal })) {
    read.push(data);
    abort.abort();
  }

  expect(read).toEqual(['a']);
  expect(cancelled).toBe(true);
});
