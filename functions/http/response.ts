// What is answered.

/** A whole body, or one that comes in parts. Header names are in lower case. */
export interface ApiResponse {
  statusCode: number;
  headers: { [name: string]: string };
  body: string | AsyncIterable<string>;
}

/** @param value JSON; `undefined` fields are left out */
export function jsonResponse(statusCode: number, value: object, headers: { [name: string]: string } = {}): ApiResponse {
  return { statusCode, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

/** @param type media type, with its charset where it has one */
export function textResponse(statusCode: number, type: string, body: string): ApiResponse {
  return { statusCode, headers: { 'content-type': type }, body };
}

/** 204. */
export function emptyResponse(headers: { [name: string]: string } = {}): ApiResponse {
  return { statusCode: 204, headers, body: '' };
}
