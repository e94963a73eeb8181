// Walks a region: from its first state along `Next` to a state that ends it.

import type { Region, State } from './definition/types.ts';
import { StateError } from './errors.ts';
import type { Payload } from './payload.ts';
import { choice } from './states/choice.ts';
import { fail } from './states/fail.ts';
import type { Left } from './states/leave.ts';
import { map } from './states/map.ts';
import { parallel } from './states/parallel.ts';
import { pass } from './states/pass.ts';
import { task } from './states/task.ts';
import { wait } from './states/wait.ts';
import type { Flow, Thread } from './thread.ts';

export function* walk(thread: Thread, region: Region, input: Payload): Flow<Payload> {
  let name = region.startAt;
  let current = input;
  for (;;) {
    const state = region.states.get(name);
    if (!state) throw new StateError('States.Runtime', `There is no state '${name}' to go to`, { fatal: true });
    const left: Left = yield* run(thread, state, current);
    thread.visit = undefined;
    if (left.next === undefined) return left.output;
    name = left.next;
    current = left.output;
  }
}

function run(thread: Thread, state: State, input: Payload): Flow<Left> {
  switch (state.type) {
    case 'Task':
      return task(thread, state, input);
    case 'Choice':
      return choice(thread, state, input);
    case 'Parallel':
      return parallel(thread, state, input);
    case 'Map':
      return map(thread, state, input);
    case 'Wait':
      return wait(thread, state, input);
    case 'Pass':
    case 'Succeed':
      return pass(thread, state, input);
    case 'Fail':
      return fail(thread, state, input);
  }
}
