// What the history shows of siblings that are stopped when a branch or an iteration fails.

import type { Thread } from '../thread.ts';

/** Stops every child that has not ended, in order, and writes what AWS writes: the innermost state first. */
export function abortChildren(parent: Thread): void {
  for (const child of [...parent.children]) {
    abortVisit(child);
    child.kill();
    parent.children.delete(child);
  }
}

/** Writes `<Type>StateAborted` of the state that a thread is in, after those inside it. */
function abortVisit(thread: Thread): void {
  const visit = thread.visit;
  if (!visit) return;
  for (const child of thread.children) abortVisit(child);
  const { type } = visit.state;
  thread.write(`${type}StateAborted`, () => '');
  const around = thread.parent?.visit;
  if (around?.state.type === 'Map') {
    thread.write('MapIterationAborted', () => `"index":${thread.item?.index ?? 0},"name":${around.state.nameJson}`);
  }
}
