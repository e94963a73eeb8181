// The service as it is composed on AWS, in memory and on a virtual clock: each function is a process of its own over one store in which every
// write is its own commit. Step Functions (the engine), the queue, the bus and the services outlive them all; a process may die at any point.

import { createHmac } from 'node:crypto';
import type { SQSEvent } from 'aws-lambda';
import type { SfnDoor } from '../../functions/aws/clients.ts';
import { createEventFeed } from '../../functions/aws/event-feed.ts';
import { createExecutions } from '../../functions/aws/executions.ts';
import * as sdk from '../../functions/aws/sdk/sfn.ts';
import { createCheckpointFunction } from '../../functions/checkpoint/index.ts';
import { createRecorder, UndoError } from '../../functions/recorder/index.ts';
import { createRecorderFunction, type RecorderEvent } from '../../functions/recorder/recorder-function.ts';
import { STATUS_CHANGE } from '../../functions/recorder/status-event.ts';
import { createStarter } from '../../functions/starter/index.ts';
import { createStepFunction } from '../../functions/step/index.ts';
import { createEngine, type Engine, functionFailure, type LambdaCall, type LambdaResult } from '../../local/engine/index.ts';
import { machineArn, type Registration, registrationOf } from '../../local/runtime/index.ts';
import { createRegistry } from '../../local/runtime/registry.ts';
import { createLocalCatalog } from '../../local/service/catalog.ts';
import { workflowFiles } from '../../local/service/workflow-files.ts';
import { createMockCaller } from '../../local/simulate/mock-caller.ts';
import type { SimulatedCall } from '../../local/simulate/types.ts';
import { createVirtualClock, type VirtualClock } from '../../local/simulate/virtual-clock.ts';
import { type Audit, createAudit } from '../../shared/audit/index.ts';
import { sleep } from '../../shared/clock.ts';
import { compile } from '../../shared/compiler/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import { type Caller, createService, type NewBusEvent, type RequestSource, type Service } from '../../shared/orchestrate/index.ts';
import type { CheckpointMessage, StepMessage } from '../../shared/protocol/step-message.ts';
import { createRuns, findRun, type Runs } from '../../shared/runs/index.ts';
import type { Store } from '../../shared/store/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { type Mock, ok, START_MS, workflowOf } from '../semantics/world.ts';
import { createMortal, Killed, type Mortal } from './mortal.ts';
import { sfnClient, sqsEvent } from './platform.ts';

const MINUTE_MS = 60_000;
const LAMBDA_MS = 120_000;
/** A queue's message that was not done comes back after this. */
const VISIBILITY_MS = 30_000;

export const ME: Caller = { tenant: 'acme', authMode: 'api_key', principal: 'key_1', scopes: ['run', 'read', 'admin'] };

/** The functions that may die; `api` is asked by clients, the others by AWS. */
export type Role = 'api' | 'functions' | 'recorder' | 'starter';

/** One process of a function. */
export interface CloudProcess {
  mortal: Mortal;
  runs: Runs;
  service: Service;
  audit: Audit;
  lambda(call: LambdaCall): Promise<LambdaResult>;
  record(event: RecorderEvent): Promise<void>;
  take(event: SQSEvent): Promise<{ batchItemFailures: { itemIdentifier: string }[] }>;
}

export interface Cloud {
  clock: VirtualClock;
  engine: Engine;
  store: Store;
  calls: SimulatedCall[];
  /** `step` or `undo step` of every request that reached a service, in order. */
  log(): string[];
  busEvents: NewBusEvent[];
  /** Ids of messages in the queue. */
  queue: Map<string, string>;
  /** What the minute's work could not do. */
  problems: unknown[];
  /** A minute; more where days are to pass. */
  sweepEveryMs: number;
  /** Status events are lost. */
  loseEvents: boolean;
  /** The process of a role that is alive now. */
  process(role: Role): CloudProcess;
  /** A process beside those. */
  another(): CloudProcess;
  /** The status event of an execution, as it is now. */
  statusOf(executionArn: string): RecorderEvent;
  /** A message of AWS to the starter, as a trigger's rule sends it. */
  send(body: string): void;
  source(): RequestSource;
  drive<T>(work: Promise<T>): Promise<T>;
  pass(ms: number): Promise<void>;
  /** All items of the store. */
  items(): { pk: string; sk: string; body: JsonObject; expires: number | null }[];
  /** Deletes what has expired, as DynamoDB does in its own time. */
  expire(): void;
  close(): void;
}

export interface CloudOptions {
  mock?: Mock;
  /** Between a process and the store: what takes time, so that processes meet in every order. */
  between?: (store: Store, clock: VirtualClock) => Store;
  loseEvents?: boolean;
}

/** A workflow, compiled once for all clouds. */
const compiled = new Map<string, Registration[]>();

function registrationsOf(files: string[]): Registration[] {
  const key = files.join('\n---\n');
  let found = compiled.get(key);
  if (!found) {
    const workflows = files.map(workflowOf);
    found = workflows.map((workflow, n) => registrationOf(workflow, compile(workflow, { children: workflows }), files[n] ?? ''));
    compiled.set(key, found);
  }
  return found;
}

/** @param files children last */
export async function createCloud(files: string[], options: CloudOptions = {}): Promise<Cloud> {
  const clock = createVirtualClock(START_MS);
  const platform = openDatabase({ path: ':memory:', durability: 'process' });
  const table = openDatabase({ path: ':memory:', durability: 'process' });
  const store = createSqliteStore(table);
  const kept = new Map<string, Uint8Array>();
  const blobs = {
    put: async (key: string, bytes: Uint8Array) => void kept.set(key, bytes),
    get: async (key: string) => kept.get(key),
  };
  const calls: SimulatedCall[] = [];
  const busEvents: NewBusEvent[] = [];
  const queue = new Map<string, string>();
  const problems: unknown[] = [];
  let count = 0;
  const uuid = (): string => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`;
  const engine = createEngine({
    database: platform,
    clock,
    ids: { uuid, random: () => 0.5 },
    lambda: (call) => invoke(() => process('functions').lambda(call)),
    onStatus: (change) => {
      clock.touch();
      if (!cloud.loseEvents) recordLater({ 'detail-type': STATUS_CHANGE, detail: { ...change } });
    },
  });
  const registry = createRegistry(engine);
  const catalog = createLocalCatalog({ registry, files: workflowFiles(null) });
  const living = new Map<Role, CloudProcess>();

  /** A function that dies is what Step Functions calls by this name. */
  async function invoke(work: () => Promise<LambdaResult>): Promise<LambdaResult> {
    clock.touch();
    try {
      return await work();
    } catch (error) {
      return error instanceof Killed ? { error: 'Lambda.Unknown', cause: '{}' } : functionFailure(error);
    }
  }

  /** Told once: that a recorder which died is told again is EventBridge's kindness, which is not counted on here. */
  function recordLater(event: RecorderEvent): void {
    clock.setTimer(1, () => {
      process('recorder')
        .record(event)
        .catch((error: unknown) => {
          if (!(error instanceof Killed)) problems.push(error);
        });
    });
  }

  function everyMinute(): void {
    clock.setTimer(cloud.sweepEveryMs, () => {
      recordLater({ 'detail-type': 'Scheduled Event', detail: {} });
      everyMinute();
    });
  }

  function send(body: string): void {
    const id = uuid();
    queue.set(id, body);
    deliver(id, 1);
  }

  function deliver(id: string, receives: number): void {
    clock.setTimer(receives === 1 ? 1 : VISIBILITY_MS, () => {
      const body = queue.get(id);
      if (body === undefined) return;
      const again = (): void => {
        deliver(id, receives + 1);
      };
      process('starter')
        .take(sqsEvent(id, body, receives))
        .then(({ batchItemFailures }) => void (batchItemFailures.length === 0 ? queue.delete(id) : again()), again);
    });
  }

  /** A dead one is followed by a new one, as Lambda does it. */
  function process(role: Role): CloudProcess {
    let found = living.get(role);
    if (!found || found.mortal.dead) living.set(role, (found = another()));
    return found;
  }

  function another(): CloudProcess {
    const mortal = createMortal();
    const own = mortal.store(options.between ? options.between(store, clock) : store);
    const instance = uuid();
    const runs = createRuns({
      store: own,
      blobs,
      clock,
      announceEnds: true,
      retentionMs: 30 * 24 * 3_600_000,
      onEvent: () => clock.touch(),
    });
    const sfn = async (): Promise<SfnDoor> => ({ sdk, client: sfnClient(engine, mortal) });
    const executions = createExecutions({ sfn, clock, undoArn: async (workflow) => machineArn(`${workflow}-undo`) });
    const audit = createAudit({
      store: own,
      clock,
      key: { sign: async (text) => createHmac('sha256', 'key').update(text).digest('hex') },
    });
    const recorder = createRecorder({
      runs,
      executions: executions.recovery,
      workflow: (name) => catalog.find(name),
      bus: {
        put: (events) =>
          mortal.outside(async () => {
            busEvents.push(...events);
            return events.map(uuid);
          }),
      },
    });
    const service = createService({
      runs,
      catalog,
      executions,
      queue: { send: (id) => mortal.outside(async () => send(id)) },
      feed: createEventFeed({ runs, clock }),
      audit,
      ids: { id: (prefix) => `${prefix}_${ulid(++count)}`, secret: uuid },
      undoAgain: (runId) => recorder.undoAgain(runId).then(() => 'begun' as const, reasonOf),
    });
    const caller = createMockCaller({
      clock,
      startMs: START_MS,
      log: calls,
      mock: (request) => options.mock?.(request) ?? ok({ ok: true }),
      runOf: async (id) => ({ run: id, workflow: (await findRun(runs, id))?.workflow ?? '' }),
      kill: () => {},
      alive: () => !mortal.dead,
    });
    const step = createStepFunction({
      store: own,
      blobs,
      runs,
      clock,
      caller: { ...caller, call: (request) => mortal.outside(() => caller.call(request)) },
      executions: executions.children,
      ids: { instance, secret: uuid },
      callbackUrl: (token) => `http://callbacks/${token}`,
    });
    const checkpoint = createCheckpointFunction({ runs, executions });
    const record = createRecorderFunction({
      runs,
      recorder,
      service,
      audit,
      describe: (arn) => executions.recovery.describe(arn),
      catalog,
      isUndoMachine: async (arn) => arn.endsWith('-undo'),
      onRecovered: () => {},
      onFailure: (_part, error) => void (mortal.dead || problems.push(error)),
    });
    const starter = createStarter({ service, catalog, hide: async () => {} });
    const orDie = <T>(work: Promise<T>): Promise<T> => Promise.race([work, mortal.died]);
    return {
      mortal,
      runs,
      service,
      audit,
      lambda: async ({ payload }) => {
        const message = payload as unknown as StepMessage | CheckpointMessage;
        return {
          payload: await orDie<null | Awaited<ReturnType<typeof step>>>(message.op === 'checkpoint' ? checkpoint(message) : step(message)),
        };
      },
      record: (event) => orDie(record(event, LAMBDA_MS)),
      take: (event) => orDie(starter(event)),
    };
  }

  const cloud: Cloud = {
    clock,
    engine,
    store,
    calls,
    log: () => calls.map(({ kind, step, items }) => `${kind === 'undo' ? 'undo ' : ''}${step}${items.map((item) => `[${item}]`).join('')}`),
    busEvents,
    queue,
    problems,
    sweepEveryMs: MINUTE_MS,
    loseEvents: options.loseEvents ?? false,
    process,
    another,
    statusOf: (executionArn) => ({ 'detail-type': STATUS_CHANGE, detail: { ...engine.describeExecution(executionArn) } }),
    send,
    source: () => ({ requestId: `req_${ulid(++count)}`, method: 'POST', route: '/api/v2/orchestrate/run' }),
    drive: (work) => clock.run(work),
    pass: (ms) => clock.run(sleep(clock, ms)),
    items: () =>
      table
        .prepare('SELECT pk, sk, body, expires FROM items ORDER BY pk, sk')
        .all()
        .map(({ pk, sk, body, expires }) => ({
          pk: String(pk),
          sk: String(sk),
          body: JSON.parse(String(body)) as JsonObject,
          expires: expires === null ? null : Number(expires),
        })),
    expire: () => void store.deleteExpired(Math.floor(clock.now() / 1_000)),
    close() {
      clock.dropTimers();
      engine.close();
      platform.close();
      table.close();
    },
  };
  await clock.run(
    (async () => {
      for (const registration of registrationsOf(files).toReversed()) await registry.register(registration);
    })(),
  );
  everyMinute();
  return cloud;
}

function reasonOf(error: unknown): UndoError['reason'] {
  if (error instanceof UndoError) return error.reason;
  throw error;
}

function ulid(n: number): string {
  return String(n).padStart(26, '0');
}
