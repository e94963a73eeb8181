// One process of a simulation: the engine, the step function and the recorder over a database that outlives them, on the virtual clock.

import { createCheckpointFunction } from '../../functions/checkpoint/index.ts';
import { createRecorder, type Recorder } from '../../functions/recorder/index.ts';
import { createStepFunction } from '../../functions/step/index.ts';
import type { Caller } from '../../shared/calls/types.ts';
import type { Json } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { CheckpointMessage, StepMessage } from '../../shared/protocol/step-message.ts';
import { createRuns, isFinal, type RunStatus, type Runs } from '../../shared/runs/index.ts';
import type { Blobs, Database, Store } from '../../shared/store/index.ts';
import {
  createEngine,
  type Engine,
  type ExecutionDescription,
  functionFailure,
  type LambdaHandler,
  type LambdaResult,
} from '../engine/index.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Where the machines and functions of a simulation live. */
export const ACCOUNT = { region: 'us-east-1', accountId: '000000000000' };
const PREFIX = `arn:aws:lambda:${ACCOUNT.region}:${ACCOUNT.accountId}:function:`;
export const STEP_FUNCTION = `${PREFIX}maestro-step`;
export const CHECKPOINT_FUNCTION = `${PREFIX}maestro-checkpoint`;

export interface ProcessOptions {
  /** Counts the processes of the simulation from 1. */
  generation: number;
  clock: VirtualClock;
  database: Database;
  store: Store;
  blobs: Blobs;
  caller: Caller;
  /** Fixed, so that pauses can be foretold. */
  jitter: number;
  /** A task token waits for an answer. */
  onToken: (message: StepMessage | CheckpointMessage, token: string) => void;
  workflowOf: (executionArn: string) => string;
  /** The run whose end is waited for. */
  runId: string;
  alive: () => boolean;
}

export interface SimulatedProcess {
  engine: Engine;
  runs: Runs;
  recorder: Recorder;
  /** Resolves when the records have the end of the run `runId`. */
  ended: Promise<void>;
}

/** Starts a process. */
export function startProcess(options: ProcessOptions): SimulatedProcess {
  const { clock, database, store, blobs, caller, generation, jitter, alive } = options;
  let ids = 0;
  const instance = `process-${generation}`;
  let tellEnded = (): void => {};
  const ended = new Promise<void>((resolve) => {
    tellEnded = resolve;
  });
  const runs = createRuns({
    store,
    blobs,
    clock,
    workflowOf: options.workflowOf,
    onEvent: (runId, { type }) => {
      if (runId === options.runId && type.startsWith('run.') && isFinal(type.slice('run.'.length) as RunStatus)) tellEnded();
    },
  });
  const step = createStepFunction({
    store,
    blobs,
    clock,
    caller,
    runs,
    sole: true,
    ids: { instance, secret: () => `secret-${generation}-${++ids}` },
    callbackUrl: (token) => `http://127.0.0.1/callbacks/${token}`,
    putEvents: () => Promise.resolve({ outcome: 'done', value: null }),
    executions: {
      status: (arn) => Promise.resolve(find(engine, arn)?.status),
      output: (arn) => Promise.resolve(find(engine, arn)?.output ?? undefined),
      stop: async (executionArn, error, cause) => void (await engine.stopExecution({ executionArn, error, cause })),
      succeedTask: (token, output) => engine.sendTaskSuccess(token, JSON.stringify(output)),
    },
  });
  const checkpoint = createCheckpointFunction({ runs });
  const lambda: LambdaHandler = async ({ payload }): Promise<LambdaResult> => {
    clock.touch();
    try {
      const message = payload as unknown as StepMessage | CheckpointMessage;
      const result: Json = message.op === 'checkpoint' ? await checkpoint(message) : await step(message);
      if (!alive()) return await new Promise(() => {});
      const token = isJsonObject(payload) ? payload['token'] : undefined;
      if (typeof token === 'string') options.onToken(message, token);
      return { payload: result };
    } catch (error) {
      if (!alive()) return new Promise(() => {});
      return functionFailure(error);
    }
  };
  lambda.inProcess = true;
  const engine: Engine = createEngine({
    database,
    clock,
    ids: { uuid: () => uuidOf(generation, ++ids), random: () => jitter },
    lambda,
    ...ACCOUNT,
    onStatus: (change) => {
      clock.touch();
      if (alive()) void recorder.onExecutionStatus(change);
    },
    onEvent: () => clock.touch(),
  });
  const recorder = createRecorder({
    runs,
    sole: { instance },
    executions: {
      start: (machine, name, input) => startUndo(engine, machine, name, input),
      describe: (arn) => Promise.resolve(find(engine, arn)),
    },
  });
  return { engine, runs, recorder, ended };
}

/** ARN of a state machine of the simulation. */
export function machineArn(name: string): string {
  return `arn:aws:states:${ACCOUNT.region}:${ACCOUNT.accountId}:stateMachine:${name}`;
}

function find(engine: Engine, executionArn: string): ExecutionDescription | undefined {
  try {
    return engine.describeExecution(executionArn);
  } catch {
    return undefined;
  }
}

/** An undo that was started under this name before is the one that is meant. */
async function startUndo(engine: Engine, machine: string, name: string, input: Json): Promise<string> {
  const arn = machineArn(machine).replace(':stateMachine:', ':execution:').concat(`:${name}`);
  if (!find(engine, arn)) await engine.startExecution({ stateMachineArn: machineArn(machine), name, input: { value: input } });
  return arn;
}

function uuidOf(generation: number, n: number): string {
  return `00000000-0000-4000-8${String(generation).padStart(3, '0')}-${String(n).padStart(12, '0')}`;
}
