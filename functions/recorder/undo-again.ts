// What the service is told of another undo.

import { type Recorder, UndoError } from './recorder.ts';

/** Begins another undo of a run, or says why not. */
export async function undoAgain(recorder: Recorder, runId: string): Promise<'begun' | UndoError['reason']> {
  try {
    await recorder.undoAgain(runId);
    return 'begun';
  } catch (error) {
    if (error instanceof UndoError) return error.reason;
    throw error;
  }
}
