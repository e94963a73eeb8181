import type { IncomingMessage } from 'node:http';

/** What became of a request's body. `gone`: the client went away, or took longer than it may. */
export type Body = { kind: 'read'; bytes: Buffer } | { kind: 'too_large' } | { kind: 'gone' };

/** Reads a body up to a limit. One that is longer, or says that it will be, is not read to its end. @param limit bytes */
export function readBody(request: IncomingMessage, limit: number): Promise<Body> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.resolve({ kind: 'too_large' });
  const parts: Buffer[] = [];
  let length = 0;
  return new Promise((resolve) => {
    request.on('data', (part: Buffer) => {
      length += part.length;
      if (length <= limit) return void parts.push(part);
      parts.length = 0;
      resolve({ kind: 'too_large' });
    });
    request.on('end', () => resolve({ kind: 'read', bytes: parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts) }));
    request.on('error', () => resolve({ kind: 'gone' }));
    request.on('close', () => resolve({ kind: 'gone' }));
  });
}
