// Whether an execution sits in a Wait and in nothing else: read from its history, newest event first. One rule for both places that ask.

/** Events that end what a `TaskScheduled` began. */
const TASK_ENDS: readonly string[] = ['TaskSucceeded', 'TaskFailed', 'TaskTimedOut', 'TaskSubmitFailed', 'TaskStartFailed'];

/** Events that are looked at: a Standard execution has at most 25,000. */
export const MAX_HISTORY_EVENTS = 25_000;

export interface WaitCount {
  /** Told of the type of every history event. */
  see(eventType: string): void;
  /** Some thread is in a Wait, and none is in a task. */
  waiting(): boolean;
}

/** Counts entered states against exits. */
export function createWaitCount(): WaitCount {
  let waits = 0;
  let tasks = 0;
  return {
    see(eventType) {
      if (eventType === 'WaitStateEntered') waits++;
      else if (eventType === 'WaitStateExited') waits--;
      else if (eventType === 'TaskScheduled') tasks++;
      else if (TASK_ENDS.includes(eventType)) tasks--;
    },
    waiting: () => waits > 0 && tasks === 0,
  };
}
