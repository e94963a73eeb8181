// The embedded default: everything that is a service on AWS, composed in one process over one data folder.
//
// Owns: who is made, told and closed, and in which order. Does not own: what any of them does.
//
//   R1. A run's record and its execution are one commit: a run that was promised exists, one that was not leaves nothing. (An input that is
//       too large for a state is stored first.)
//   R2. `close` begins nothing new, lets what is in flight end and be recorded, and lets go of the folder last.

import { join } from 'node:path';
import { createStepFunction } from '../../functions/step/index.ts';
import { createBreakers } from '../../shared/breaker/index.ts';
import type { Caller } from '../../shared/calls/index.ts';
import { type Clock, systemClock, type Timer } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import type { StepMessage } from '../../shared/protocol/step-message.ts';
import { createRuns, type Runs } from '../../shared/runs/index.ts';
import type { Blobs, Durability } from '../../shared/store/index.ts';
import { createFolderBlobs, createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { createEngine, type Engine, type LambdaCall, type LambdaResult } from '../engine/index.ts';
import { CHECKPOINT_FUNCTION_ARN, STEP_FUNCTION_ARN } from './arns.ts';
import { engineExecutions } from './engine-executions.ts';
import type { FolderLock } from './folder-lock.ts';
import type { HolderStatus, RunOperations } from './operations.ts';
import { createRecorder } from './run-ends.ts';
import { createOperations } from './run-operations.ts';
import { createOwnFunctions } from './own-functions.ts';
import { createRegistry } from './registry.ts';
import { createRunWatch, readEvents } from './run-watch.ts';
import { type RuntimeIds, systemIds } from './system-ids.ts';

/** How often it is looked whether a run is owed something that no event told (events are best effort). */
const SWEEP_MS = 60_000;
const DATABASE_FILE = 'maestro.db';

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
  /** What others are told when they ask who holds the folder. */
  holder: Pick<HolderStatus, 'version' | 'role' | 'urls'>;
}

/** A run that an earlier process left. */
export interface LeftRun {
  runId: string;
  workflow: string;
  status: string;
}

export interface Runtime extends RunOperations {
  readonly engine: Engine;
  readonly runs: Runs;
  /** Resolves when a run that has not ended does, and its end is durable. */
  ended(runId: string): Promise<void>;
  /** Takes up what an earlier process left: executions, and undos that are owed. Answers which runs these are; they go on by themselves. */
  recover(): Promise<LeftRun[]>;
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
  const blobs = dataFolder === null ? memoryBlobs() : createFolderBlobs(join(dataFolder, 'blobs'));
  const watch = createRunWatch(
    () => database.committed(),
    (runId) => readEvents(runs, runId),
  );
  const runs = createRuns({ store, blobs, clock, onEvent: (runId, event) => watch.written(runId, event) });
  const breakers = createBreakers({ store, clock });
  const executions = engineExecutions(() => engine);
  const step = createStepFunction({
    store,
    blobs,
    runs,
    breakers,
    clock,
    caller,
    executions,
    ids: { instance: ids.uuid(), secret: ids.secret },
    sole: true,
    putEvents: async () => ({ outcome: 'done', value: { EventId: ids.uuid() } }),
  });
  const functions = createOwnFunctions(
    new Map([[STEP_FUNCTION_ARN, (message: Json) => step(message as unknown as StepMessage)]]),
    options.foreignLambda ?? refuseForeign,
  );
  const engine = createEngine({
    database,
    clock,
    ids,
    lambda: functions.handler,
    onStatus: (change) => void recorder.onExecutionStatus(change).catch(failure.resolve),
  });
  const recorder = createRecorder({ runs });
  const registry = createRegistry(engine);
  let sweeping: Timer | undefined;

  return {
    ...createOperations({
      runs,
      engine,
      executions,
      registry,
      watch,
      breakers,
      clock,
      ids,
      status: { ...options.holder, data_folder: dataFolder ?? '' },
    }),
    engine,
    runs,
    ended: (runId) => watch.ended(runId),
    storageFailure: failure.promise,
    async recover() {
      return [];
    },
    async close() {
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
