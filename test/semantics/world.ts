// The embedded runtime as it is, with services that answer by script and a clock that jumps: whole runs, from outside.

import { createRuntime, machineArn, type Registration, type Runtime } from '../../local/runtime/index.ts';
import { createMockCaller } from '../../local/simulate/mock-caller.ts';
import type { MockReply, MockRequest, SimulatedCall } from '../../local/simulate/types.ts';
import { createVirtualClock, type VirtualClock } from '../../local/simulate/virtual-clock.ts';
import type { CallOutcome, FailureDetail } from '../../shared/calls/types.ts';
import { compile } from '../../shared/compiler/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import { findRun, listSteps, type RunRecord, type StepRecord } from '../../shared/runs/index.ts';
import { parseWorkflow, type Workflow } from '../../shared/workflow/index.ts';
import { type FlatRun, flatRun } from '../support/flat-run.ts';

export const START_MS = Date.UTC(2026, 0, 1);

export type Mock = (request: MockRequest) => MockReply | undefined;

export interface WorldOptions {
  /** Decides a request; undefined: done with `{ok: true}`. */
  mock?: Mock;
  dataFolder?: string;
  /** Default 0.5: jittered pauses are half of what is declared. */
  jitter?: number;
  /** Changes a registration before it is made: a definition edited by hand. */
  edit?: (registration: Registration) => Registration;
  /** What the runtime takes to be no other process: a world over the data folder of an earlier one. */
  generation?: number;
  startMs?: number;
  /** How runs end is told on the runtime's bus. */
  announceEnds?: boolean;
}

export interface World {
  clock: VirtualClock;
  runtime: Runtime;
  calls: SimulatedCall[];
  /** `step` or `undo step` of every request, with item numbers, in the order in which they were sent. */
  log(): string[];
  /** Only the undos, without the word. */
  undos(): string[];
  /** Times of a step's requests, ms since the start. */
  times(step: string): number[];
  /** Starts a run of the first file. */
  start(input?: Json): Promise<string>;
  /** Drives time until the run has ended. */
  end(runId: string, after?: number): Promise<FlatRun>;
  /** What is on record of a run. */
  get(runId: string): Promise<FlatRun>;
  /** Starts a run and waits for its end. */
  run(input?: Json): Promise<FlatRun>;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
  drive<T>(work: Promise<T>): Promise<T>;
  /** Does something at a time, ms since the start of the world. */
  at(ms: number, act: () => unknown): void;
  record(runId: string): Promise<RunRecord>;
  steps(runId: string): Promise<StepRecord[]>;
  step(runId: string, id: string): Promise<StepRecord>;
  /** What `act` was refused with: its reason or code. */
  refusal(act: () => Promise<unknown>): Promise<string | null>;
  close(): Promise<void>;
}

/** A world with these files; the first one is started, the others are its children. @throws Error with the diagnostics of a bad file */
export async function createWorld(files: string | string[], options: WorldOptions = {}): Promise<World> {
  const startMs = options.startMs ?? START_MS;
  const clock = createVirtualClock(startMs);
  const calls: SimulatedCall[] = [];
  const workflows = [files].flat().map(workflowOf);
  const generation = options.generation ?? 1;
  let ids = 0;
  let serial = 0;
  const mockCaller = createMockCaller({
    clock,
    startMs,
    log: calls,
    mock: (request) => {
      clock.touch();
      return options.mock?.(request) ?? ok({ ok: true });
    },
    runOf: async (id) => ({ run: id, workflow: (await findRun(runtime.runs, id))?.workflow ?? '' }),
    kill: () => {
      throw new Error('this world is not killed');
    },
    alive: () => true,
  });
  const runtime: Runtime = createRuntime({
    dataFolder: options.dataFolder ?? null,
    durability: 'process',
    caller: mockCaller,
    clock,
    ids: {
      uuid: () => `0000000${generation}-0000-4000-8000-${String(++ids).padStart(12, '0')}`,
      random: () => options.jitter ?? 0.5,
      runId: () => `run_${String(++serial + generation * 1_000).padStart(26, '0')}`,
      secret: () => `secret-${generation}-${++ids}`,
    },
    callbackUrl: (token) => `http://127.0.0.1:1/callbacks/${token}`,
    onProblem: (error) => {
      throw error;
    },
    announceEnds: options.announceEnds ?? false,
    holder: { version: 'test', role: 'test', urls: {} },
  });
  const registrations = workflows.toReversed().map((workflow) => {
    const { definition, undoDefinition, needs, diagnostics } = compile(workflow, { children: workflows });
    const error = diagnostics.find(({ severity }) => severity === 'error');
    if (error) throw new Error(error.message);
    const { name, version, execution, timeoutMs } = workflow;
    const plain: Registration = {
      name,
      version,
      execution,
      timeoutMs,
      definition,
      undoDefinition,
      substitutions: needs.substitutions,
      inputPaths: needs.inputPaths,
    };
    return options.edit ? options.edit(plain) : plain;
  });
  const [first] = workflows;
  if (!first) throw new Error('a world needs a file');
  const drive = <T>(work: Promise<T>): Promise<T> => clock.run(work);
  const world: World = {
    clock,
    runtime,
    calls,
    log: () => calls.map(nameOf),
    undos: () => calls.filter(({ kind }) => kind === 'undo').map((call) => nameOf(call).slice('undo '.length)),
    times: (step) => calls.filter((call) => call.step === step && call.kind === 'do').map(({ atMs }) => atMs),
    start: async (input = {}) => (await drive(runtime.start({ registrations, workflow: first.name, input }))).runId,
    end: async (runId, after) => flatRun(await drive(runtime.watch(runId, () => {}, after))),
    get: async (runId) => flatRun(await runtime.get(runId)),
    run: async (input) => world.end(await world.start(input)),
    pass: async (ms) => {
      await drive(new Promise<void>((resolve) => void clock.setTimer(ms, resolve)));
      await clock.settle();
    },
    drive,
    at: (ms, act) => void clock.setTimer(startMs + ms - clock.now(), () => void act()),
    async record(runId) {
      const record = await findRun(runtime.runs, runId);
      if (!record) throw new Error(`there is no run ${runId}`);
      return record;
    },
    steps: (runId) => listSteps(runtime.runs, runId),
    async step(runId, id) {
      const found = (await listSteps(runtime.runs, runId)).find(({ step }) => step === id);
      if (!found) throw new Error(`run ${runId} has no record of ${id}`);
      return found;
    },
    async refusal(act) {
      try {
        await drive(act());
        return null;
      } catch (error) {
        if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
        throw error;
      }
    },
    async close() {
      clock.dropTimers();
      await runtime.close();
    },
  };
  return world;
}

/** Parses a file that must be without errors. */
export function workflowOf(text: string): Workflow {
  const { workflow, diagnostics } = parseWorkflow(text, { file: 'test.yaml' });
  if (!workflow) throw new Error(diagnostics.map(({ code, message, line }) => `${line}: ${code} ${message}`).join('\n'));
  return workflow;
}

function nameOf({ kind, step, items }: SimulatedCall): string {
  return `${kind === 'undo' ? 'undo ' : ''}${step}${items.map((item) => `[${item}]`).join('')}`;
}

// ---- answers

export function ok(value: Json, takesMs = 0): MockReply {
  return { outcome: { outcome: 'done', value }, takesMs };
}

type Failed = Exclude<CallOutcome, { outcome: 'done' }>;

export function rejected(message = 'no', takesMs = 0): MockReply {
  return { outcome: failed('not_performed', 'Maestro.ServiceRejected', message, { status: 400 }), takesMs };
}

/** Known not to have been performed. */
export function refused(takesMs = 0): MockReply {
  return { outcome: failed('not_performed', 'Maestro.ServiceUnavailable', 'connection refused', {}), takesMs };
}

/** The request was on its way when the connection broke. */
export function lost(takesMs = 0): MockReply {
  return { outcome: failed('unknown', 'Maestro.ServiceUnavailable', 'connection reset', {}), takesMs };
}

export function retryAfter(ms: number): MockReply {
  return { outcome: { ...failed('unknown', 'Maestro.ServiceUnavailable', 'too many', { status: 429 }), retryAfterMs: ms } };
}

export function unusable(): MockReply {
  return { outcome: failed('unusable', 'Maestro.BadResponse', 'not JSON', { status: 200 }) };
}

function failed(outcome: Failed['outcome'], error: Failed['error'], message: string, detail: FailureDetail): Failed {
  return { outcome, error, message, detail };
}

// ---- looking at what came of it

/** Events of the run's own execution. */
export function historyOf(world: World, runId: string, workflow: string): JsonObject[] {
  const executionArn = `${machineArn(workflow).replace(':stateMachine:', ':execution:')}:${runId}`;
  const events: JsonObject[] = [];
  for (let nextToken: string | undefined; ; ) {
    const page = world.runtime.engine.getHistory({ executionArn, maxResults: 1_000, ...(nextToken === undefined ? {} : { nextToken }) });
    events.push(...(page.items as unknown as JsonObject[]));
    nextToken = page.nextToken;
    if (nextToken === undefined) return events;
  }
}

/** Names of the states that were entered, in order. */
export function entered(world: World, runId: string, workflow: string): string[] {
  return historyOf(world, runId, workflow).flatMap((event) => {
    const details = event['stateEnteredEventDetails'];
    return isJsonObject(details) && typeof details['name'] === 'string' ? [details['name']] : [];
  });
}

/** ARN of a run's execution. */
export async function executionOf(world: World, runId: string): Promise<string> {
  const { execution } = await world.record(runId);
  if (execution === null) throw new Error(`run ${runId} has no execution`);
  return execution;
}
