import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { joinPath, queryOf } from '../../shared/calls/http/path.ts';
import { brief, closeAll, http, newCaller, rawServer, request } from './support.ts';

afterEach(closeAll);

const NO_NAMES = { env: () => '', secret: () => '', secrets: new Map<string, string>() };
/** Texts with what paths are attacked with more often than chance would have it. */
const value = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc
    .array(
      fc.constantFrom(
        '.',
        '..',
        '/',
        '\\',
        '%2e',
        '%2E',
        '%252e',
        '%2f',
        '%5c',
        ';',
        '?',
        '#',
        '&',
        '=',
        '@',
        ':',
        'a',
        'ü',
        ' ',
        '%',
        '\u0000',
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join('')),
);

describe('a value in a path', () => {
  it('stays in its place, or is refused', () => {
    let kept = 0;
    fc.assert(
      fc.property(value, (text) => {
        let path: string;
        try {
          path = joinPath(['/before/', { v: text }, '/after?q=', { v: text }], NO_NAMES);
        } catch (error) {
          expect(error).toMatchObject({ error: 'Maestro.BadConfiguration' });
          return;
        }
        kept++;
        const url = new URL(path, 'http://host.example');
        expect(url.host).toBe('host.example');
        expect(url.hash).toBe('');
        expect(decodeURIComponent(url.pathname)).toBe(`/before/${text}/after`);
        expect([...url.searchParams]).toEqual([['q', text]]);
        expect(path).toMatch(/^[!-~]+$/);
      }),
      { numRuns: 2_000, seed: 1 },
    );
    expect(kept).toBeGreaterThan(200);
  });

  it('in a query string comes back as it was', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })), (input) => {
        expect(Object.fromEntries(new URLSearchParams(queryOf(input)))).toEqual(input);
      }),
      { seed: 1 },
    );
  });
});

describe('whatever a server writes', () => {
  it('ends as one of the four outcomes, and never as done with a failure status', async () => {
    const answers = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc
        .record({
          status: fc.integer({ min: 0, max: 999 }),
          headers: fc.array(
            fc.constantFrom(
              'content-type: application/json',
              'content-length: 5',
              'content-length: x',
              'transfer-encoding: chunked',
              'content-encoding: gzip',
              'location: /',
              'retry-after: 1',
              'bad header',
            ),
            { maxLength: 4 },
          ),
          body: fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('{"a":1}', '5\r\nhello\r\n0\r\n\r\n', 'null', '[1]')),
        })
        .map(({ status, headers, body }) =>
          Buffer.from(`HTTP/1.1 ${status} X\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n${body}`),
        ),
    );
    let answer: Buffer = Buffer.alloc(0);
    const port = await rawServer((socket) => {
      socket.once('data', () => socket.end(answer));
    });
    const caller = newCaller();
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(answers, async (bytes) => {
        answer = bytes;
        const outcome = await caller.call(request(http(port), { verb: 'POST', input: {}, timeoutMs: 2_000 }));
        seen.add(outcome.outcome);
        expect(['done', 'not_performed', 'unknown', 'unusable']).toContain(outcome.outcome);
        if (outcome.outcome === 'done') expect(String(outcome.status)).toMatch(/^2/);
        else expect(brief(outcome)).toMatchObject({ error: expect.stringMatching(/^Maestro\./) });
      }),
      { numRuns: 300, seed: 1 },
    );
    expect(seen).toEqual(new Set(['done', 'not_performed', 'unknown', 'unusable']));
  });
});
