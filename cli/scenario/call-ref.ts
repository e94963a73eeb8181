// How an expectation names a call: `charge`, `reserve[1]` (the second item), or with what must hold of it.

import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { getOwn, isJsonObject, type Json } from '../../shared/json.ts';

/** A step id, then the 0-based item number of each foreach around it, from the outside in. */
const REF = /^([A-Za-z][A-Za-z0-9_-]{0,47})((?:\[\d{1,5}\])*)$/;

export interface CallRef {
  step: string;
  /** Item numbers, outermost foreach first; empty: any item. */
  items: number[];
  /** What must be in the input: of an object the keys named here, anything else exactly. */
  input?: Json | undefined;
  /** Tries in all. */
  attempts?: number | undefined;
}

const ref = z.string().regex(REF, 'expected a step id, or one with item numbers like reserve[1]');

/** Checks one entry of `calls` or `undos`. */
export const callRefSchema: z.ZodType<CallRef, unknown> = z.union(
  [
    ref.transform(parseRef),
    z
      .strictObject({ step: ref, input: (z.json() as z.ZodType<Json>).optional(), attempts: z.number().int().min(1).optional() })
      .transform(({ step, ...rest }): CallRef => ({ ...parseRef(step), ...rest })),
  ],
  'expected a step id, one with item numbers like reserve[1], or {step, input?, attempts?}',
);

/** Writes a reference as an author would: `reserve[1]`. */
export function formatCallRef({ step, items }: Pick<CallRef, 'step' | 'items'>): string {
  return step + items.map((item) => `[${item}]`).join('');
}

/** Whether an input is as expected: of two objects the keys that are named, each exactly; anything else exactly. */
export function inputMatches(expected: Json, actual: Json): boolean {
  if (!isJsonObject(expected) || !isJsonObject(actual)) return isDeepStrictEqual(expected, actual);
  return Object.entries(expected).every(([key, value]) => isDeepStrictEqual(getOwn(actual, key), value));
}

function parseRef(text: string): { step: string; items: number[] } {
  const [, step = text, numbers = ''] = REF.exec(text) ?? [];
  return { step, items: [...numbers.matchAll(/\d+/g)].map(([digits]) => Number(digits)) };
}
