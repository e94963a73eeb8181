// From parts of the model back to the nodes that they were built from, for messages that point at one key of a step.

import type { Span } from './model.ts';
import { entryOf, type YamlNode } from './yaml-tree.ts';

/** Steps, services, undos and triggers to their nodes. */
export type Sources = Map<object, YamlNode>;

/** Where the value of a key of a part stands; the part's first key where it has no such key. */
export function valueSpan(sources: Sources, part: { span: Span }, key: string): Span {
  return entryOf(sources.get(part) ?? null, key)?.value.span ?? headSpan(sources, part);
}

/** Where a key of a part stands; the part's first key where it has no such key. */
export function keySpan(sources: Sources, part: { span: Span }, key: string): Span {
  return entryOf(sources.get(part) ?? null, key)?.keySpan ?? headSpan(sources, part);
}

/** The first key of a part: what a message about all of it points at. */
export function headSpan(sources: Sources, part: { span: Span }): Span {
  const node = sources.get(part);
  const first = node?.kind === 'map' ? node.entries[0] : undefined;
  return first?.keySpan ?? { start: part.span.start, end: Math.min(part.span.end, part.span.start + 1) };
}
