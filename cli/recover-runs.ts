import type { Runtime } from '../local/runtime/index.ts';
import type { Io } from './io.ts';
import { createProgress } from './live/progress.ts';
import { runResultText } from './live/run-result.ts';

/** Finishes what an earlier process left, undo included, and says so. */
export async function finishLeftRuns(runtime: Runtime, io: Io, json: boolean): Promise<void> {
  const left = await runtime.recover();
  if (left.length === 0) return;
  const say = (text: string): void => {
    if (!json) io.err(text);
  };
  say(`finishing ${left.length === 1 ? 'a run' : `${left.length} runs`} that an earlier process left (--no-recover skips this)\n`);
  for (const { runId, workflow, status } of left) {
    say(`${runId}  ${workflow}  was ${status}\n`);
    const progress = json ? undefined : createProgress(io);
    const view = await runtime.watch(runId, (event) => progress?.event(event));
    progress?.end();
    say(runResultText(view, io.color.err));
  }
}
