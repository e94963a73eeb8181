// The body of a request: bytes to text, and text to JSON that is safe to walk through.

import { isUtf8 } from 'node:buffer';
import httpJsonBodyParser from '@middy/http-json-body-parser';
import { ApiError } from '../../shared/contract/index.ts';
import type { ApiEvent } from './exchange.ts';
import { headerOf } from './headers.ts';
import type { JsonBody, TextBody } from './route.ts';

/** Of a request; who reads it from a socket need not read further. */
export const MAX_BODY_BYTES = 1_048_576;
/** Objects and lists inside each other. Everything that walks through a value later does so by recursion. */
const MAX_DEPTH = 100;

/** Refuses numbers that JavaScript cannot hold, keys that change prototypes, and what is no JSON. */
const parser = httpJsonBodyParser({
  reviver(_key, value: unknown) {
    if (value === Infinity || value === -Infinity) throw new RangeError('a number is out of range');
    return value;
  },
});

/**
 * Replaces the event's body by what it says: a JSON value, or text. An empty one is null.
 * @throws ApiError bad_request, too_large, unsupported_media_type; HttpError of middy's parser
 */
export async function readBody(event: ApiEvent, definition: JsonBody | TextBody): Promise<unknown> {
  const bytes = bodyBytes(event);
  if (bytes.length === 0) {
    if (definition.kind === 'json' && definition.empty !== undefined) return definition.empty;
    throw new ApiError(
      'bad_request',
      `the body is empty; expected ${definition.kind === 'json' ? 'JSON' : 'the text of a workflow file'}.`,
    );
  }
  checkType(event, definition);
  const text = textOf(bytes);
  if (definition.kind === 'text') return text;
  checkDepth(text);
  const request = { event: { headers: { 'content-type': 'application/json' }, body: text, isBase64Encoded: false } };
  // The parser's type wants a whole event; it looks at these three fields.
  await parser.before?.(request as unknown as Parameters<NonNullable<typeof parser.before>>[0]);
  return request.event.body;
}

function bodyBytes({ body, isBase64Encoded }: ApiEvent): Buffer {
  const bytes = Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8');
  if (bytes.length <= MAX_BODY_BYTES) return bytes;
  throw new ApiError('too_large', `the body has more than ${MAX_BODY_BYTES} bytes; send less, or pass large values by reference.`);
}

/** Without a byte order mark. */
function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new ApiError('bad_request', 'the body is not UTF-8; expected UTF-8 text.');
  return new TextDecoder().decode(bytes);
}

function checkType(event: ApiEvent, definition: JsonBody | TextBody): void {
  const encoding = headerOf(event, 'content-encoding');
  if (encoding && encoding.toLowerCase() !== 'identity')
    throw new ApiError('unsupported_media_type', 'content-encoding: the body is encoded; expected it as it is.');
  const [type = '', ...parameters] = (headerOf(event, 'content-type') ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  if (charset && !/^charset="?utf-?8"?$/.test(charset))
    throw new ApiError('unsupported_media_type', 'content-type: expected charset=utf-8.');
  const known =
    definition.kind === 'json' ? /^application\/([a-z0-9.+-]+\+)?json$/.test(type.trim()) : definition.types.includes(type.trim());
  if (!known) {
    const expected = definition.kind === 'json' ? 'application/json' : definition.types.join(' or ');
    throw new ApiError('unsupported_media_type', `content-type: expected ${expected}.`);
  }
}

/** Looks at brackets outside strings only: whether it is JSON at all is the parser's to say. */
function checkDepth(text: string): void {
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (quoted) {
      if (code === 0x5c) index++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) throw new ApiError('invalid', `the body is nested more than ${MAX_DEPTH} deep; expected less.`);
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
}
