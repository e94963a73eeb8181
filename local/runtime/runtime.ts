// The embedded default: everything that is a service on AWS, composed in one process over one data folder.
//
// Owns: who is made, told and closed, and in which order. Does not own: what any of them does.
//
//   R1. A run's record and its execution are one commit: a run that was promised exists, one that was not leaves nothing. (An input that is
//       too large for a state is stored first.)
//   R2. `close` begins nothing new, lets what is in flight end and be recorded, and lets go of the folder last.

import { join } from 'node:path';
import { createCheckpointFunction } from '../../functions/checkpoint/index.ts';
import { createRecorder, type Recorder } from '../../functions/recorder/index.ts';
import { createStepFunction } from '../../functions/step/index.ts';
import { type Breakers, createBreakers } from '../../shared/breaker/index.ts';
import type { Caller } from '../../shared/calls/index.ts';
import { type Clock, systemClock, type Timer } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import type { Bus } from '../../shared/orchestrate/ports.ts';
import type { CheckpointMessage, StepMessage } from '../../shared/protocol/step-message.ts';
import { createRuns, type DeadLetter, type RunEvent, type Runs } from '../../shared/runs/index.ts';
import type { Blobs, Durability } from '../../shared/store/index.ts';
import { createFolderBlobs, createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { createEngine, type Engine, type ExecutionStatusChange, type LambdaCall, type LambdaResult } from '../engine/index.ts';
import { CHECKPOINT_FUNCTION_ARN, STEP_FUNCTION_ARN } from './arns.ts';
import { busToNowhere, engineEvents, stepEvents } from './bus-events.ts';
import { answerCallback } from './callbacks.ts';
import { type Cancellations, createCancellations } from './cancellations.ts';
import { keepDeadLetter } from './dead-letters.ts';
import { type EngineExecutions, engineExecutions } from './engine-executions.ts';
import { dropExpiredBlobs } from './expired-blobs.ts';
import { createLocalRecovery, type LeftRun } from './local-recovery.ts';
import type { HolderStatus, RunOperations } from './operations.ts';
import { createOwnFunctions, type OwnFunction } from './own-functions.ts';
import { createRegistry, type Registry } from './registry.ts';
import { createOperations } from './run-operations.ts';
import { createRunWatch, type RunWatch, readEvents } from './run-watch.ts';
import { type RuntimeIds, systemIds } from './system-ids.ts';

/** How often it is looked whether a run is owed something that no event told (events are best effort). */
const SWEEP_MS = 60_000;
/** How often what has expired is deleted: that looks at every record. */
const EXPIRE_MS = 3_600_000;
const DATABASE_FILE = 'maestro.db';
const PUBLIC_RUN_ID = /^run_[0-9A-HJKMNP-TV-Z]{26}$/;

export interface RuntimeOptions {
  /** Where everything is kept; null: in memory, until the process ends. */
  dataFolder: string | null;
  /** Default `power`. */
  durability?: Durability;
  /** Calls the services; closed with the runtime. */
  caller: Caller;
  /** Default: the machine's. */
  clock?: Clock;
  ids?: RuntimeIds;
  /** Calls functions that are not Maestro's own. Default: they fail with a message that says so. */
  foreignLambda?: (call: LambdaCall) => Promise<LambdaResult>;
  /** The URL at which the answer to an `await: callback` is taken. Without it such a step fails as BadConfiguration. */
  callbackUrl?: (token: string) => string;
  /** Told of every run's events, after their commit. */
  onRunEvent?: (runId: string, event: RunEvent) => void;
  /** How every run ends is told on the bus (`connectBus`). Default: it is not. */
  announceEnds?: boolean;
  /** Told of what went wrong behind the scenes and will be tried again. */
  onProblem?: (error: Error) => void;
  /** What others are told when they ask who holds the folder. */
  holder: Pick<HolderStatus, 'version' | 'role' | 'urls'>;
}

/** For those that build on the runtime: what the operations are made of. */
export interface RuntimeParts {
  recorder: Recorder;
  breakers: Breakers;
  executions: EngineExecutions;
  cancellations: Cancellations;
  watch: RunWatch;
  clock: Clock;
  ids: RuntimeIds;
}

export interface Runtime extends RunOperations {
  readonly engine: Engine;
  readonly runs: Runs;
  readonly registry: Registry;
  readonly parts: RuntimeParts;
  /** Where events of workflows go: to whoever is connected. */
  readonly bus: Bus;
  /** Who takes the events from now on. Until then they are taken and go nowhere. */
  connectBus(bus: Bus): void;
  /** Resolves when a run that has not ended does, and its end is durable. */
  ended(runId: string): Promise<void>;
  /** Takes up what an earlier process left: executions, and undos that are owed. Answers which runs these are; they go on by themselves. */
  recover(): Promise<LeftRun[]>;
  /** Takes the answer to an `await: callback`. @throws RuntimeProblem */
  answerCallback(token: string, value: Json): Promise<void>;
  /** Resolves when storage has failed (disk full, folder gone): nothing that happens after it is kept. Never rejects. */
  readonly storageFailure: Promise<Error>;
  close(): Promise<void>;
}

/**
 * Composes the runtime. Nothing runs until a workflow is started or `recover` is called.
 * @throws Error of node:sqlite when the database cannot be opened
 */
export function createRuntime(options: RuntimeOptions): Runtime {
  const { dataFolder, caller, clock = systemClock, ids = systemIds() } = options;
  const failure = Promise.withResolvers<Error>();
  const database = openDatabase({
    path: dataFolder === null ? ':memory:' : join(dataFolder, DATABASE_FILE),
    durability: options.durability ?? 'power',
    onFailure: failure.resolve,
  });
  const store = createSqliteStore(database);
  const folderBlobs = dataFolder === null ? undefined : createFolderBlobs(join(dataFolder, 'blobs'));
  const blobs = folderBlobs ?? memoryBlobs();
  const watch = createRunWatch(
    () => database.committed(),
    (runId) => readEvents(runs, runId),
    options.onRunEvent,
  );
  const announceEnds = options.announceEnds ?? false;
  const runs = createRuns({ store, blobs, clock, announceEnds, onEvent: written });
  const breakers = createBreakers({ store, clock });
  const executions = engineExecutions(() => engine);
  const cancellations = createCancellations(() => runs, executions);

  function written(runId: string, event: RunEvent): void {
    watch.written(runId, event);
    cancellations.written(runId);
  }

  let connected = busToNowhere(() => ids.uuid());
  const bus: Bus = { put: (events) => connected.put(events) };
  const instance = ids.uuid();
  const notify = (letter: DeadLetter): Promise<void> => keepDeadLetter(dataFolder, letter);
  const step = createStepFunction({
    store,
    blobs,
    runs,
    breakers,
    clock,
    caller,
    executions,
    notify,
    ids: { instance, secret: ids.secret },
    sole: true,
    putEvents: stepEvents(bus),
    ...(options.callbackUrl ? { callbackUrl: options.callbackUrl } : {}),
  });
  const checkpoint = createCheckpointFunction({ runs, executions });
  // The messages are those of compiled definitions; both functions refuse what is not of their format.
  const functions = createOwnFunctions(
    new Map<string, OwnFunction>([
      [STEP_FUNCTION_ARN, (message) => step(message as unknown as StepMessage)],
      [CHECKPOINT_FUNCTION_ARN, (message) => checkpoint(message as unknown as CheckpointMessage)],
    ]),
    options.foreignLambda ?? refuseForeign,
  );
  const recorder = createRecorder({
    runs,
    executions,
    notify,
    sole: { instance },
    workflow: async (name) => registry.find(name),
    ...(announceEnds ? { bus } : {}),
  });
  const engine = createEngine({
    database,
    clock,
    ids,
    lambda: functions.handler,
    putEvents: engineEvents(bus),
    onStatus: (change) => tellRecorder(change),
  });
  const registry = createRegistry(engine);
  const recovery = createLocalRecovery({ runs, recorder, engine, clock, cancellations });
  let closing = false;
  let sweeping: Timer | undefined;
  let expireAtMs = 0;
  scheduleSweep();

  function tellRecorder(change: ExecutionStatusChange): void {
    // A run that this process started is on record before it begins; others (children, the endpoint's) are announced by this event.
    if (closing || (change.status === 'RUNNING' && PUBLIC_RUN_ID.test(change.name)) || !registry.isWorkflow(change.stateMachineArn)) return;
    // Where it fails the records are as they were, and the next sweep sees the same again.
    recorder.onExecutionStatus(change).catch(problem);
  }

  function deleteExpired(nowMs: number): void {
    if (nowMs < expireAtMs) return;
    expireAtMs = nowMs + EXPIRE_MS;
    const deleted = store.deleteExpired(Math.floor(nowMs / 1_000));
    if (deleted > 0 && folderBlobs) dropExpiredBlobs(folderBlobs, runs).catch(problem);
  }

  function scheduleSweep(): void {
    sweeping = clock.setTimer(SWEEP_MS, () => {
      deleteExpired(clock.now());
      recorder
        .sweep(clock.now())
        .catch(problem)
        .finally(() => !closing && scheduleSweep());
    });
  }

  function problem(error: unknown): void {
    options.onProblem?.(error instanceof Error ? error : new Error(String(error)));
  }

  const operations = createOperations({
    runs,
    engine,
    cancellations,
    registry,
    watch,
    breakers,
    clock,
    ids,
    recovery,
    status: { ...options.holder, data_folder: dataFolder ?? '' },
  });
  return {
    ...operations,
    engine,
    runs,
    registry,
    parts: { recorder, breakers, executions, cancellations, watch, clock, ids },
    bus,
    connectBus(to) {
      connected = to;
    },
    ended: (runId) => watch.ended(runId),
    answerCallback: (token, value) => answerCallback(runs, executions, token, value),
    storageFailure: failure.promise,
    recover: () => recovery.recover(),
    async close() {
      if (closing) return;
      closing = true;
      sweeping?.cancel();
      await functions.drain();
      engine.close();
      await caller.close();
      await database.committed().catch(() => {});
      database.close();
    },
  };
}

async function refuseForeign({ functionArn }: LambdaCall): Promise<LambdaResult> {
  const message = `${functionArn}: this function is not on this machine. Name a Lambda Invoke API that has it with --lambda-endpoint URL.`;
  return { error: 'Lambda.ResourceNotFoundException', cause: message };
}

function memoryBlobs(): Blobs {
  const kept = new Map<string, Uint8Array>();
  return {
    async put(key, bytes) {
      kept.set(key, bytes.slice());
    },
    async get(key) {
      return kept.get(key)?.slice();
    },
  };
}
