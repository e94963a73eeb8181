// What an earlier process left, and undos that are tried again.
//
// The recorder waits for events and looks at overdue runs; here more is known: no other process is at work, so whatever is on record as
// going on and is not with the engine has ended untold.

import { type Recorder, UndoError } from '../../functions/recorder/index.ts';
import type { Clock } from '../../shared/clock.ts';
import { isFinal, listOpenRuns, type RunRecord, type Runs } from '../../shared/runs/index.ts';
import type { Engine } from '../engine/index.ts';
import type { Cancellations } from './cancellations.ts';
import { find } from './engine-executions.ts';
import { RuntimeProblem } from './problem.ts';
import { readEvents } from './run-watch.ts';

/** A run that an earlier process left. */
export interface LeftRun {
  runId: string;
  workflow: string;
  status: string;
}

export interface LocalRecovery {
  /** Takes up everything that was left; the runs go on by themselves. Runs that another run started are not among the answer. */
  recover(): Promise<LeftRun[]>;
  /** Begins a new round of a run's undo. Answers the number of its last event so far. @throws RuntimeProblem */
  undoAgain(runId: string): Promise<{ after: number }>;
}

export interface LocalRecoveryParts {
  runs: Runs;
  recorder: Recorder;
  engine: Engine;
  clock: Clock;
  cancellations: Cancellations;
}

export function createLocalRecovery({ runs, recorder, engine, clock, cancellations }: LocalRecoveryParts): LocalRecovery {
  return {
    async recover() {
      const open: RunRecord[] = [];
      for await (const { run } of listOpenRuns(runs)) if (run && (!isFinal(run.status) || run.late)) open.push(run);
      await engine.recover();
      for (const run of open) await tellEnd(run);
      await recorder.sweep(clock.now());
      for (const run of open) if (run.cancel) await cancellations.again(run.id);
      const ids = new Set(open.map(({ id }) => id));
      const left = open.filter(({ link }) => link?.parent === undefined || !ids.has(link.parent.run));
      return left.map(({ id, workflow, status }) => ({ runId: id, workflow, status }));
    },
    async undoAgain(runId) {
      const after = (await readEvents(runs, runId)).at(-1)?.n ?? 0;
      try {
        await recorder.undoAgain(runId);
      } catch (error) {
        throw error instanceof UndoError
          ? new RuntimeProblem(error.reason === 'not_found' ? 'not_found' : 'conflict', `${error.message}.`)
          : error;
      }
      await runs.store.durable();
      return { after };
    },
  };

  /** The execution (or the undo's) ended, and the process did before its end was written to the run. */
  async function tellEnd(run: RunRecord): Promise<void> {
    const undo = run['undoExecution'];
    const arn = run.status === 'compensating' && typeof undo === 'string' ? undo : run.execution;
    const description = arn === null ? undefined : find(engine, arn);
    if (description && description.status !== 'RUNNING') await recorder.onExecutionStatus(description);
  }
}

export function notFound(runId: string): RuntimeProblem {
  return new RuntimeProblem('not_found', `run ${runId}: there is no such run in this data folder. \`maestro runs\` lists them.`);
}
