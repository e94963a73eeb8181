// What the services of a random case answer: a pure function of which call it is, so that the reference and the system under test, and
// every retry and every restart, meet the same services.

import type { Json } from '../../shared/json.ts';
import type { Answer, ReferenceCall } from '../reference/types.ts';
import type { Case, Ending } from './shapes.ts';

/** Which call: everything that names it. */
export type WhichCall = Pick<ReferenceCall, 'run' | 'kind' | 'place' | 'attempt'>;

/** The services of a case. */
export function servicesOf(one: Pick<Case, 'scripts' | 'undoScripts' | 'seed'>): (call: WhichCall) => Answer {
  return ({ run, kind, place, attempt }) => {
    const scripts = kind === 'do' ? one.scripts : one.undoScripts;
    const identity = `${one.seed}|${run}|${kind}|${place}`;
    const script = scripts[hash(identity) % scripts.length] ?? ['done'];
    const ending = script[Math.min(attempt, script.length - 1)] ?? 'done';
    // Prime-sized and different for every try: two calls hardly ever end in the same millisecond.
    const takesMs = 1 + (hash(`${identity}|${attempt}|takes`) % 19_993);
    return { ...answerOf(ending, kind === 'undo' ? null : answerValue(place, hash(`${identity}|value`))), takesMs };
  };
}

function answerOf(ending: Ending, value: Json): Omit<Answer, 'takesMs'> {
  switch (ending) {
    case 'done':
      return { outcome: 'done', value };
    case 'rejected':
      return { outcome: 'not_performed', error: 'Maestro.ServiceRejected' };
    case 'conflict':
      return { outcome: 'unknown', error: 'Maestro.ServiceRejected' };
    case 'unavailable':
      return { outcome: 'not_performed', error: 'Maestro.ServiceUnavailable' };
    case 'broken':
      return { outcome: 'unknown', error: 'Maestro.ServiceUnavailable' };
    case 'timeout':
      return { outcome: 'unknown', error: 'Maestro.ServiceTimeout' };
  }
}

function answerValue(place: string, n: number): Json {
  switch (n % 16) {
    case 0:
      return null;
    case 1:
      return `text of ${place}`;
    case 2:
      return [{ id: place }, [n % 7]];
    case 3:
      return n % 10;
    default:
      return {
        id: `r${place}`,
        n: n % 10,
        ok: n % 3 === 0,
        list: Array.from({ length: n % 4 }, (_, i) => (i === 1 ? { id: i } : i)),
        deep: { a: { b: n % 5 } },
      };
  }
}

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  value ^= value >>> 15;
  value = Math.imul(value, 0x2c1b3c6d) >>> 0;
  return (value ^ (value >>> 13)) >>> 0;
}
