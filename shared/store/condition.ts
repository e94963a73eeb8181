// Conditions and changes on an item that is at hand, for adapters whose database does not evaluate them itself.

import type { JsonObject } from '../json.ts';
import { getOwn, setOwn } from '../json.ts';
import type { Change, Condition } from './ports.ts';

/** True when `condition` holds for the item as it is (undefined: there is none). */
export function conditionHolds(item: JsonObject | undefined, condition: Condition): boolean {
  if (condition.absent && item) return false;
  if (condition.present && !item) return false;
  const field = (name: string) => (item ? getOwn(item, name) : undefined);
  for (const name in condition.equals) if ((field(name) ?? null) !== condition.equals[name]) return false;
  for (const name in condition.oneOf) {
    const value = field(name);
    if ((typeof value !== 'string' && typeof value !== 'number') || !condition.oneOf[name]?.includes(value)) return false;
  }
  for (const name in condition.atLeast) {
    const value = field(name);
    if (typeof value !== 'number' || value < (condition.atLeast[name] ?? Number.POSITIVE_INFINITY)) return false;
  }
  return true;
}

/** A new body: the item's with the change made. A field that is not a number counts as 0 when it is added to. */
export function applyChange(item: JsonObject | undefined, change: Change): JsonObject {
  const body: JsonObject = { ...item };
  if (change.set) for (const [name, value] of Object.entries(change.set)) setOwn(body, name, value);
  for (const name in change.add) {
    const value = getOwn(body, name);
    setOwn(body, name, (typeof value === 'number' ? value : 0) + (change.add[name] ?? 0));
  }
  if (change.remove) for (const name of change.remove) delete body[name];
  return body;
}
