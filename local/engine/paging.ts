// Lists in pages: a token is an opaque text around a number.

import { ServiceError } from './errors.ts';
import type { Page } from './types.ts';

/** Items of a page: 100 where nothing is asked, at most 1,000 (AWS). */
export function pageSize(asked: number | undefined): number {
  return asked === undefined || asked === 0 ? 100 : Math.min(asked, 1000);
}

/**
 * The number in a token; undefined without one.
 * @throws ServiceError InvalidToken for a text that is no token of ours
 */
export function pageToken(token: string | undefined): number | undefined {
  if (token === undefined) return undefined;
  const match = /^page:(\d+)$/.exec(Buffer.from(token, 'base64url').toString());
  if (!match?.[1]) throw new ServiceError('InvalidToken', "Invalid Token: 'Invalid token'");
  return Number(match[1]);
}

/**
 * The first `limit` of the rows, and a token for the rest.
 * @param rows one more than the limit, where there are more
 * @param next the number that the following page starts after
 */
export function page<Row, T>(rows: Row[], limit: number, next: (last: Row) => number, show: (row: Row) => T): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: shown.map(show), nextToken: more ? Buffer.from(`page:${next(last)}`).toString('base64url') : undefined };
}
