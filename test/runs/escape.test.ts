// Keys that mean something to Maestro or to an expression engine are plain data when they come from outside.

import { describe, expect, it } from 'vitest';
import type { Json } from '../../shared/json.ts';
import { escapeReserved, unescapeReserved } from '../../shared/runs/index.ts';

const CASES: Json[] = [
  { $stored: { key: 'x' } },
  { $$stored: 1, $late: '1' },
  // jsonata takes a value with one of these for a function and throws where it is passed to one.
  { _jsonata_lambda: true },
  { list: [{ _jsonata_function: true, $_jsonata_function: 2 }] },
];

describe('reserved keys', () => {
  it.each(CASES)('%j comes out as it came in, and stands under other names meanwhile', (value) => {
    const inside = escapeReserved(value);

    expect(unescapeReserved(inside)).toEqual(value);
    expect(JSON.stringify(inside)).not.toMatch(/"(\$stored|\$late|_jsonata_lambda|_jsonata_function)":/);
  });

  it('leaves everything else as it is, the same object', () => {
    const value = { $id: 1, _name: 'x', stored: [{ late: true }] };

    expect(escapeReserved(value)).toBe(value);
    expect(unescapeReserved(value)).toBe(value);
  });
});
