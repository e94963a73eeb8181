// What a command shows of a run that it has asked a service about: live, or as it stands.

import type { Envelope, Maestro, RunEvent } from '../../sdk/index.ts';
import { EXIT_DONE, EXIT_FAILED } from '../exit.ts';
import type { Io } from '../io.ts';
import { createProgress, type Progress } from '../live/progress.ts';
import { runResultText } from '../live/run-result.ts';
import { checkpointText } from '../live/run-text.ts';
import { recordedEvent } from './follow.ts';

/** Prints a run as an answer has it: how it ended, or what it waits for, or that it goes on. 1 where it failed. */
export function showRun(envelope: Envelope, io: Io, json: boolean): number {
  const { run_id, status, run, output, pending_checkpoints } = envelope.data;
  const over = run.completed_at !== null;
  if (json) io.out(`${JSON.stringify(envelope, null, 2)}\n`);
  else if (over) {
    io.err(runResultText(envelope, io.color.err));
    if (status === 'completed') io.out(`${JSON.stringify(output, null, 2)}\n`);
  } else {
    io.out(`${run_id}\n`);
    io.err(`${status}: \`maestro events ${run_id} --follow\` watches it, \`maestro get ${run_id}\` shows it.\n`);
    for (const checkpoint of pending_checkpoints) io.err(checkpointText(run_id, checkpoint, io.color.err));
  }
  return over && status !== 'completed' ? EXIT_FAILED : EXIT_DONE;
}

/**
 * Shows a run's events until it has ended, and then how; Ctrl-C stops watching, and the run goes on.
 * @param open a stream of the run's events, which ends when its signal is aborted
 */
export async function watchRun(
  maestro: Maestro,
  open: (signal: AbortSignal) => AsyncIterable<RunEvent>,
  io: Io,
  json: boolean,
): Promise<number> {
  const stop = new AbortController();
  const release = io.onInterrupt(() => stop.abort(STOPPED));
  const progress = json ? undefined : createProgress(io);
  let seen: RunEvent | undefined;
  try {
    for await (const event of open(stop.signal)) {
      seen = event;
      if (json) io.out(`${JSON.stringify(event)}\n`);
      else if (progress) await showEvent(maestro, event, progress, io);
    }
  } catch (error) {
    if (error !== STOPPED) throw error;
    progress?.note(
      seen ? `no longer watched: ${seen.run_id} goes on; \`maestro cancel ${seen.run_id}\` would end it` : 'no longer watched',
    );
    return EXIT_FAILED;
  } finally {
    release();
    progress?.end();
  }
  return seen?.envelope ? ended(seen.envelope, io, json) : EXIT_DONE;
}

/** Why a stream was left: not an error. */
const STOPPED = new Error('stopped watching');

async function showEvent(maestro: Maestro, event: RunEvent, progress: Progress, io: Io): Promise<void> {
  progress.event(recordedEvent(event));
  if (event.type !== 'checkpoint.waiting') return;
  const { data } = await maestro.orchestrate.get(event.run_id);
  for (const checkpoint of data.pending_checkpoints.filter(({ step_id }) => step_id === event.step))
    progress.note(checkpointText(event.run_id, checkpoint, io.color.err).trimEnd());
}

/** With `--json` the last event has said it. */
function ended(envelope: Envelope, io: Io, json: boolean): number {
  if (!json) return showRun(envelope, io, json);
  return envelope.data.status === 'completed' ? EXIT_DONE : EXIT_FAILED;
}
