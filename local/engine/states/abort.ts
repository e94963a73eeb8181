// What the history shows of siblings that are stopped when a branch or an iteration fails.

import type { Thread } from '../thread.ts';

/** Stops every child that has not ended, in order, and writes what AWS writes: the innermost state first. */
export function abortChildren(parent: Thread): void {
  for (const child of [...parent.children]) {
    writeAborted(child, parent.cursor);
    child.kill();
    parent.children.delete(child);
  }
}

/**
 * Writes `<Type>StateAborted` of the state that a thread is in, after those inside it.
 * @param previous what all these events follow: the last event of the branch that failed (recorded on AWS)
 */
function writeAborted(thread: Thread, previous: number): void {
  for (const child of thread.children) writeAborted(child, previous);
  if (thread.visit) thread.write(`${thread.visit.state.type}StateAborted`, () => '', previous);
  const around = thread.parent?.visit;
  if (around?.state.type === 'Map' && thread.begun) {
    thread.write('MapIterationAborted', () => `"index":${thread.item?.index ?? 0},"name":${around.state.nameJson}`, previous);
  }
}
