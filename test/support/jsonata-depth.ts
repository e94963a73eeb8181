// How deep a JSONata expression is nested, counted in nodes of its tree: Step Functions evaluates 100 levels and refuses 101.

import jsonata from 'jsonata';

/** Levels of the tree on the longest way from its root to a leaf. */
export function jsonataDepth(code: string): number {
  return depthOf(jsonata(code).ast());
}

function depthOf(node: unknown): number {
  if (typeof node !== 'object' || node === null || node instanceof RegExp) return 0;
  const below = Math.max(0, ...Object.values(node).map(depthOf));
  return Array.isArray(node) ? below : below + 1;
}
