// Which events tell how a run ended.

const END_EVENTS: readonly string[] = ['run.completed', 'run.failed', 'run.compensated', 'run.compensation_failed', 'run.cancelled'];

/** Whether an event of this type tells a run's end: the last one, unless the run is undone (again). */
export function endsRun(type: string): boolean {
  return END_EVENTS.includes(type);
}
