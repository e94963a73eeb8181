// The operations on runs, done in this process.

import type { Breakers, BreakerView } from '../../shared/breaker/index.ts';
import type { Clock } from '../../shared/clock.ts';
import { ApiError } from '../../shared/contract/index.ts';
import { prepareInput, type RunFacts, type StartParts, startExpressRun, startRun } from '../../shared/orchestrate/index.ts';
import { CancelError, findRun, type Runs } from '../../shared/runs/index.ts';
import type { Engine } from '../engine/index.ts';
import { machineArn } from './arns.ts';
import type { Cancellations } from './cancellations.ts';
import { engineExecutions } from './engine-executions.ts';
import { type LocalRecovery, notFound } from './local-recovery.ts';
import type { BreakerSummary, HolderStatus, RunOperations, StartRequest } from './operations.ts';
import { RuntimeProblem } from './problem.ts';
import type { Registry } from './registry.ts';
import { readRunList, readRunView } from './run-view.ts';
import type { RunWatch } from './run-watch.ts';
import { startExecution } from './start-execution.ts';
import type { RuntimeIds } from './system-ids.ts';

export interface OperationsParts {
  runs: Runs;
  engine: Engine;
  cancellations: Cancellations;
  registry: Registry;
  watch: RunWatch;
  breakers: Breakers;
  clock: Clock;
  ids: RuntimeIds;
  recovery: LocalRecovery;
  status: Omit<HolderStatus, 'pid'>;
}

export function createOperations(parts: OperationsParts): RunOperations {
  const { runs, watch, breakers } = parts;
  return {
    status: async () => ({ ...parts.status, pid: process.pid }),
    start: (request) => start(parts, request),
    async watch(runId, onEvent, after) {
      const record = await findRun(runs, runId);
      if (!record) throw notFound(runId);
      await watch.follow(runId, onEvent, after ?? 0);
      return readRunView(runs, runId);
    },
    list: (request) => readRunList(runs, request),
    get: (runId) => readRunView(runs, runId),
    async cancel(runId, { force = false } = {}) {
      try {
        await (force ? parts.cancellations.force(runId) : parts.cancellations.cancel(runId));
      } catch (error) {
        throw error instanceof CancelError
          ? new RuntimeProblem(error.reason === 'not_found' ? 'not_found' : 'conflict', `${error.message}.`)
          : error;
      }
      await runs.store.durable();
    },
    undo: (runId) => parts.recovery.undoAgain(runId),
    breakers: async () => (await breakers.list()).map(breakerSummary),
    resetBreaker: (origin) => breakers.reset(origin),
  };
}

/** Registers what is handed in and starts a run of it. */
async function start({ runs, engine, registry, clock, ids }: OperationsParts, request: StartRequest): Promise<{ runId: string }> {
  for (const registration of request.registrations) await registry.register(registration);
  const registration = registry.find(request.workflow);
  if (!registration) {
    throw new RuntimeProblem(
      'not_registered',
      `workflow ${request.workflow}: it is not registered here. Start it with its file, or give the file to \`maestro dev\`.`,
    );
  }
  const workflow = { ...registration, startArn: machineArn(registration.name) };
  const { stop } = engineExecutions(() => engine);
  const starter: StartParts = { runs, executions: { start: (started) => startExecution(engine, started), stop } };
  const facts: RunFacts = request.file === undefined ? {} : { request: { file: request.file } };
  const runId = request.runId ?? ids.runId(clock.now());
  if (workflow.execution === 'express') return { runId: await startExpressRun(starter, workflow, runId, request.input, () => facts) };
  try {
    const input = await prepareInput(runs, runId, workflow, request.input);
    await startRun(starter, workflow, runId, input, facts);
    return { runId };
  } catch (error) {
    throw error instanceof ApiError ? new RuntimeProblem('invalid_input', error.message, { cause: error }) : error;
  }
}

function breakerSummary(breaker: BreakerView): BreakerSummary {
  return {
    origin: breaker.origin,
    // One that counts failures lets everything through.
    state: breaker.state === 'counting' ? 'closed' : breaker.state,
    retry_at: breaker.state === 'open' ? new Date(breaker.openUntilMs).toISOString() : null,
  };
}
