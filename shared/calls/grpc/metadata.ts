// Request metadata: the service's own, then Maestro's, which always win.

import { Metadata } from '@grpc/grpc-js';
import { badConfiguration } from '../failure.ts';
import { MAX_HEADER_BYTES, maestroHeaders } from '../http/headers.ts';
import { joinParts, type Names } from '../parts.ts';
import type { CallRequest } from '../types.ts';

/** gRPC over HTTP2, "Custom-Metadata": what a name and a value may hold. */
const KEY = /^[0-9a-z_.-]+$/;
const VALUE = /^[\u0020-\u007e]*$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export interface RequestMetadata {
  metadata: Metadata;
  /** The same without binary values, for the envelope's `headers`. */
  headers: Record<string, string>;
}

/**
 * The metadata of a call. A name that ends in `-bin` takes its value in base64.
 * @throws {CallFailure} BadConfiguration: a name or value that cannot be metadata, one that belongs to gRPC itself, or over 64 KB.
 */
export function requestMetadata(request: CallRequest, names: Names): RequestMetadata {
  const service = request.service.name;
  const own = maestroHeaders(request).map(([name, value]) => [name.toLowerCase(), value] as const);
  const reserved = new Set([...own.map(([name]) => name), 'x-maestro-callback-url']);
  const metadata = new Metadata();
  const headers = new Map<string, string>();
  let bytes = 0;
  const add = (key: string, value: string): void => {
    if (!VALUE.test(value))
      throw badConfiguration(
        `service "${service}": the value of metadata ${key} holds a line break or a character beyond ASCII, which no metadata may`,
      );
    bytes += key.length + value.length;
    metadata.add(key, value);
    headers.set(key, value);
  };
  for (const { name, value: parts } of request.service.headers ?? []) {
    const key = name.toLowerCase();
    if (reserved.has(key)) continue;
    if (!KEY.test(key) || key.startsWith('grpc-'))
      throw badConfiguration(`service "${service}": one of its metadata names cannot be sent (letters, digits, - _ . and not grpc-)`);
    const value = joinParts(parts, names);
    if (!key.endsWith('-bin')) add(key, value);
    else if (BASE64.test(value)) {
      bytes += key.length + value.length;
      metadata.add(key, Buffer.from(value, 'base64'));
    } else throw badConfiguration(`service "${service}": the value of metadata ${key} is not base64, which a name that ends in -bin takes`);
  }
  for (const [key, value] of own) add(key, value);
  if (bytes > MAX_HEADER_BYTES)
    throw badConfiguration(`service "${service}": its metadata comes to ${bytes} bytes, more than the ${MAX_HEADER_BYTES} allowed`);
  return { metadata, headers: Object.fromEntries(headers) };
}
