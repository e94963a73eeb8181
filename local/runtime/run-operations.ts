// The operations on runs, done in this process.

import type { Breakers, BreakerView } from '../../shared/breaker/index.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import { toPointer } from '../../shared/protocol/pointer.ts';
import { publicRunId } from '../../shared/protocol/run-id.ts';
import type { RunRef } from '../../shared/protocol/step-message.ts';
import {
  CancelError,
  createRun,
  ensureRun,
  escapeReserved,
  findRun,
  listRuns,
  type Runs,
  runRecordKey,
  shapeValue,
} from '../../shared/runs/index.ts';
import type { Engine } from '../engine/index.ts';
import { machineArn } from './arns.ts';
import type { Cancellations } from './cancellations.ts';
import { type LocalRecovery, notFound } from './local-recovery.ts';
import type { BreakerSummary, HolderStatus, Registration, RunOperations, StartRequest } from './operations.ts';
import { RuntimeProblem } from './problem.ts';
import type { Registry } from './registry.ts';
import { readRunView, runSummary } from './run-view.ts';
import type { RunWatch } from './run-watch.ts';
import type { RuntimeIds } from './system-ids.ts';

/** Bytes of a run's input that an execution holds; a larger one is stored, and the execution gets a reference with what the file reads of it. */
const MAX_INPUT_BYTES = 200_000;

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
  const { runs, watch, breakers, clock } = parts;
  return {
    status: async () => ({ ...parts.status, pid: process.pid }),
    start: (request) => start(parts, request),
    async watch(runId, onEvent, after) {
      const record = await findRun(runs, runId);
      if (!record) throw notFound(runId);
      await watch.follow(runId, onEvent, after ?? 0);
      return readRunView(runs, runId);
    },
    async list(request) {
      const found = await listRuns(runs, request);
      return found.runs.map((record) => runSummary(record, clock.now()));
    },
    get: (runId) => readRunView(runs, runId),
    async cancel(runId) {
      try {
        await parts.cancellations.cancel(runId);
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
  const { name, version, timeoutMs } = registration;
  const about = {
    workflow: name,
    version,
    input: escapeReserved(request.input),
    ...(request.file === undefined ? {} : { request: { file: request.file } }),
  };
  const stateMachineArn = machineArn(name);
  if (registration.execution === 'express') {
    const { executionArn, startDate } = await engine.startExecution({ stateMachineArn, input: { value: ownKeysOnly(about.input) } });
    const run: RunRef = [executionArn, new Date(startDate).toISOString()];
    await createRun(runs, { run, deadlineMs: startDate + timeoutMs, ...about });
    await runs.store.durable();
    return { runId: publicRunId(run) };
  }
  const runId = request.runId ?? ids.runId(clock.now());
  const value = await executionInput(runs, runId, registration, ownKeysOnly(about.input));
  // No wait between these two: they are one commit.
  await createRun(runs, { id: runId, deadlineMs: clock.now() + timeoutMs, ...about });
  const { executionArn, startDate } = await engine.startExecution({ stateMachineArn, name: runId, input: { value } });
  const [record] = await runs.store.read([runRecordKey(runId)]);
  await ensureRun(runs, [executionArn, new Date(startDate).toISOString()], record, startDate + timeoutMs);
  return { runId };
}

/** `$maestro` is Maestro's own key of an execution's input; from outside it means nothing. */
function ownKeysOnly(input: Json): Json {
  if (!isJsonObject(input) || !Object.hasOwn(input, '$maestro')) return input;
  const { $maestro: _dropped, ...rest } = input;
  return rest;
}

/** The input as the execution holds it: whole, or a reference with the paths that the file reads. @throws RuntimeProblem when those are too large */
async function executionInput(runs: Runs, runId: string, { inputPaths, name }: Registration, input: Json): Promise<Json> {
  const shaped = await shapeValue(runs.blobs, `${runId}/EXECUTION`, input, { budget: MAX_INPUT_BYTES, keep: inputPaths.map(toPointer) });
  if (shaped.fits) return shaped.value;
  const what = shaped.path === '' ? 'the input' : `\`.input.${shaped.path}\``;
  throw new RuntimeProblem(
    'invalid_input',
    `workflow ${name}: ${what}, which the file reads, has ${shaped.bytes} bytes; a state holds ${shaped.budget}. Pass a large value as one that a call's input takes whole, or read less of it.`,
  );
}

function breakerSummary(breaker: BreakerView): BreakerSummary {
  return {
    origin: breaker.origin,
    state: breaker.state,
    retry_at: breaker.state === 'open' ? new Date(breaker.openUntilMs).toISOString() : null,
  };
}
