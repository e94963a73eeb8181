// Places: where in a run a step stands. `0003.0001.00012.0002` is the second step of the thirteenth item of ...
//
//   P1. Text order is file order, items in list order.
//   P2. A step in a sequence adds its 1-based position in that sequence (4 digits); a parallel branch or switch case its
//       1-based number (4 digits); a foreach item its 0-based number (5 digits: a run can have at most 25,000 events).

/** Digits of a step, branch or case number. */
export const STEP_DIGITS = 4;
/** Digits of an item number. */
export const ITEM_DIGITS = 5;

/** One level further in: a step, branch or case number. */
export function stepPlace(parent: string, number: number): string {
  return `${parent === '' ? '' : `${parent}.`}${String(number).padStart(STEP_DIGITS, '0')}`;
}

/** One level further in: an item number. */
export function itemPlace(parent: string, item: number): string {
  return `${parent}.${String(item).padStart(ITEM_DIGITS, '0')}`;
}
