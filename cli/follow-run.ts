import type { Envelope } from '../sdk/index.ts';
import { EXIT_DONE, EXIT_FAILED } from './exit.ts';
import type { Io } from './io.ts';
import { createProgress } from './live/progress.ts';
import { runResultText } from './live/run-result.ts';
import type { RunSource } from './remote/run-source.ts';

/** Shows a run that goes on until its end. @param after number of the last event that is not to be shown */
export async function followRun(source: Pick<RunSource, 'follow'>, id: string, io: Io, json: boolean, after = 0): Promise<Envelope> {
  const progress = json ? undefined : createProgress(io);
  try {
    return await source.follow(id, (event) => progress?.event(event), after);
  } finally {
    progress?.end();
  }
}

/** Prints how a run ended; the exit status is 0 when it ended as it was meant to. */
export function printEnd(view: Envelope, good: readonly string[], io: Io, json: boolean): number {
  if (json) io.out(`${JSON.stringify(view, null, 2)}\n`);
  else io.err(runResultText(view, io.color.err));
  return good.includes(view.data.status) ? EXIT_DONE : EXIT_FAILED;
}
