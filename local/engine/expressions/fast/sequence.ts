// jsonata's sequences: lists that flatten into one another and stand for their only item. Marked as jsonata marks them.

export interface Sequence extends Array<unknown> {
  sequence: true;
  keepSingleton?: boolean;
  cons?: boolean;
}

export function sequenceOf(...items: unknown[]): Sequence {
  const list = items as Sequence;
  list.sequence = true;
  return list;
}

export function isSequence(value: unknown): value is Sequence {
  return Array.isArray(value) && (value as Sequence).sequence === true;
}

/** What every node's result goes through: an empty sequence is nothing, one item is that item unless it is to be kept a list. */
export function settleSequence(value: unknown, keepArray: boolean): unknown {
  if (!isSequence(value)) return value;
  if (keepArray) value.keepSingleton = true;
  if (value.length === 0) return undefined;
  return value.length === 1 && !value.keepSingleton ? value[0] : value;
}

/** A member by name, over objects and lists of them. */
export function lookup(input: unknown, key: string): unknown {
  if (Array.isArray(input)) {
    const found = sequenceOf();
    for (const item of input) {
      const value = lookup(item, key);
      if (Array.isArray(value)) for (const one of value) found.push(one);
      else if (value !== undefined) found.push(value);
    }
    return found;
  }
  return typeof input === 'object' && input !== null ? (input as { [key: string]: unknown })[key] : undefined;
}

export function append(first: unknown, second: unknown): unknown {
  if (first === undefined) return second;
  if (second === undefined) return first;
  return (Array.isArray(first) ? first : sequenceOf(first)).concat(Array.isArray(second) ? second : [second]);
}
