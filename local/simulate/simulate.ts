// A run from its start to its end with no network and on a virtual clock: the compiled definition, the real engine, step function, recorder
// and store; only the services and the time are made up.
//
//   S1. The same options give the same simulation, call by call.
//   S2. A kill drops everything that a process has in memory. What was committed is taken up by a new process over the same database. The
//       kill falls when the rest of the process has come to rest: what it would have done in that moment is as if it had been quicker.

import { compile, substitute } from '../../shared/compiler/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { createRun, findRun, isFinal, listSteps, type RunRecord, type Runs, readValue } from '../../shared/runs/index.ts';
import type { Blobs, Database } from '../../shared/store/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import type { HistoryEvent } from '../engine/index.ts';
import { createMemoryBlobs } from './memory-blobs.ts';
import { createMockCaller } from './mock-caller.ts';
import { CHECKPOINT_FUNCTION, machineArn, type SimulatedProcess, STEP_FUNCTION, startProcess } from './process.ts';
import { skippedSteps } from './skipped-steps.ts';
import { createTokenAnswers } from './tokens.ts';
import type { SimulatedCall, SimulatedRun, SimulatedStep, SimulateOptions, Simulation } from './types.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

const DEFAULT_START_MS = Date.UTC(2026, 0, 1);
/** Kills in one simulation, against a mock that kills for ever. */
const MAX_KILLS = 100;
/** The execution's name, which is the run's public id. */
const RUN_ID = 'run_00000000000000000000000001';
/** The sweep comes every minute; so many of them that find nothing to do are enough to know. */
const SWEEP_MS = 60_000;
const MAX_IDLE_SWEEPS = 90;

/**
 * Simulates one run.
 * @returns what the services saw, what the records say, and how it ended
 * @throws Error when a workflow does not compile, or when the run comes to a standstill
 */
export async function simulate(options: SimulateOptions): Promise<Simulation> {
  const startMs = options.startMs ?? DEFAULT_START_MS;
  const clock = createVirtualClock(startMs);
  const database = openDatabase({ path: ':memory:', durability: 'process' });
  const world: World = { options, startMs, clock, database, blobs: createMemoryBlobs(), calls: [] };
  let kills = 0;
  let now = boot(world, 1, (message, token) => tokens.asked(message, token));
  const tokens = createTokenAnswers(clock, options.answerToken, () => now.process);
  try {
    await clock.run(register(now.process, options));
    const executionArn = await clock.run(begin(now.process, options));
    for (;;) {
      if ((await untilEnded(now.process, clock, now.killed)) === 'ended') break;
      if (++kills > MAX_KILLS) throw new Error(`The mock killed the process ${MAX_KILLS} times; a simulation ends there.`);
      await clock.settle();
      now.drop();
      clock.dropTimers();
      await clock.settle();
      now = boot(world, kills + 1, (message, token) => tokens.asked(message, token));
      tokens.restarted();
      await clock.run(now.process.engine.recover());
    }
    return await clock.run(collect(now.process, options, { executionArn, calls: world.calls, kills, tookMs: clock.now() - startMs }));
  } finally {
    clock.dropTimers();
    database.close();
  }
}

/** What outlives a process. */
interface World {
  options: SimulateOptions;
  startMs: number;
  clock: VirtualClock;
  database: Database;
  blobs: Blobs;
  calls: SimulatedCall[];
}

interface Living {
  process: SimulatedProcess;
  killed: Promise<'killed'>;
  /** Forgets the process. */
  drop(): void;
}

/** @param generation counts the processes from 1 */
function boot(world: World, generation: number, onToken: Parameters<typeof startProcess>[0]['onToken']): Living {
  const { options, startMs, clock, database, blobs, calls } = world;
  const killed = Promise.withResolvers<'killed'>();
  let alive = true;
  const caller = createMockCaller({
    clock,
    startMs,
    log: calls,
    mock: (request) => {
      clock.touch();
      return options.mock(request);
    },
    runOf: (id) => whereIs(process.runs, id),
    kill: () => {
      alive = false;
      killed.resolve('killed');
    },
    alive: () => alive,
  });
  const process: SimulatedProcess = startProcess({
    generation,
    clock,
    database,
    store: createSqliteStore(database),
    blobs,
    caller,
    jitter: options.jitter ?? 0.5,
    runId: RUN_ID,
    workflowOf: (arn) => (arn.split(':')[6] ?? '').replace(/-undo$/, ''),
    alive: () => alive,
    onToken,
  });
  return {
    process,
    killed: killed.promise,
    drop() {
      alive = false;
      process.engine.close();
      for (const call of calls) if (call.ended === 'running') call.ended = 'lost';
    },
  };
}

/** Compiles the workflows and makes their state machines. */
async function register({ engine }: SimulatedProcess, { workflow, children = [] }: SimulateOptions): Promise<void> {
  const all = [workflow, ...children];
  for (const one of all) {
    const compiled = compile(one, { children: all.filter((other) => other !== one) });
    const error = compiled.diagnostics.find(({ severity }) => severity === 'error');
    if (error) throw new Error(`${one.file}: ${error.message}`);
    const values: { [placeholder: string]: string } = {};
    for (const [placeholder, { kind, workflow: child }] of Object.entries(compiled.needs.substitutions)) {
      values[placeholder] = substitution(kind, child ?? '');
    }
    const type = one.execution === 'express' ? 'EXPRESS' : 'STANDARD';
    const machine = async (name: string, definition: JsonObject): Promise<void> => {
      await engine.createStateMachine({ name, definition: JSON.stringify(substitute(definition, values)), type });
    };
    await machine(one.name, compiled.definition);
    if (compiled.undoDefinition) await machine(`${one.name}-undo`, compiled.undoDefinition);
  }
}

function substitution(kind: 'step' | 'checkpoint' | 'bus' | 'workflow' | 'undo', child: string): string {
  switch (kind) {
    case 'step':
      return STEP_FUNCTION;
    case 'checkpoint':
      return CHECKPOINT_FUNCTION;
    case 'bus':
      return 'default';
    case 'workflow':
      return machineArn(child);
    case 'undo':
      return machineArn(`${child}-undo`);
  }
}

async function begin({ engine, runs }: SimulatedProcess, { workflow, input }: SimulateOptions): Promise<string> {
  await createRun(runs, { id: RUN_ID, workflow: workflow.name, version: workflow.version, input });
  const { executionArn } = await engine.startExecution({
    stateMachineArn: machineArn(workflow.name),
    name: RUN_ID,
    input: { value: input },
  });
  return executionArn;
}

/**
 * Resolves when the first run's record says that it has ended. Where nothing else is left to happen, the sweep of every minute may know what to
 * do; if it does not, several times over, the run will never end.
 */
async function untilEnded(
  { runs, recorder, ended }: SimulatedProcess,
  clock: VirtualClock,
  killed: Promise<'killed'>,
): Promise<'ended' | 'killed'> {
  let idle = 0;
  const sweepLater = (): void => {
    if (++idle > MAX_IDLE_SWEEPS) return;
    clock.setTimer(SWEEP_MS, () => void recorder.sweep(clock.now()));
  };
  const record = await clock.run(findRun(runs, RUN_ID));
  if (record && isFinal(record.status)) return 'ended';
  return clock.run(Promise.race([killed, ended.then(() => 'ended' as const)]), sweepLater);
}

// ---- what came of it

async function collect(
  process: SimulatedProcess,
  { workflow }: SimulateOptions,
  told: { executionArn: string; calls: SimulatedCall[]; kills: number; tookMs: number },
): Promise<Simulation> {
  const { runs, engine } = process;
  const run = await findRun(runs, RUN_ID);
  if (!run) throw new Error('The run left no record.');
  const steps: SimulatedStep[] = [];
  const all: SimulatedRun[] = [];
  await collectRuns(process, run, '', all, steps);
  const history = historyOf(engine, told.executionArn);
  return {
    status: run.status,
    output: (await readValue(runs, RUN_ID, 'OUTPUT')) ?? null,
    error: run.error ? { step: run.error.step, error: run.error.error, message: run.error.message } : null,
    calls: told.calls,
    runs: all,
    steps,
    skipped: skippedSteps(workflow, history),
    report: (run.report as Json | undefined) ?? null,
    history,
    transitions: history.filter((event) => event.type.endsWith('StateEntered')).length,
    kills: told.kills,
    tookMs: told.tookMs,
  };
}

async function collectRuns(
  process: SimulatedProcess,
  record: RunRecord,
  path: string,
  all: SimulatedRun[],
  steps: SimulatedStep[],
): Promise<void> {
  all.push({ run: path, id: record.id, workflow: record.workflow, status: record.status });
  for (const step of await listSteps(process.runs, record.id)) {
    steps.push({ ...step, run: path });
    if (step.child === undefined) continue;
    const child = await findRun(process.runs, step.child);
    if (child) await collectRuns(process, child, path === '' ? step.at : `${path}/${step.at}`, all, steps);
  }
}

/** Where a run stands: by the links that its executions carry. */
async function whereIs(runs: Runs, id: string): Promise<{ run: string; workflow: string }> {
  const record = await findRun(runs, id);
  const parent = record?.link?.parent;
  const workflow = record?.workflow ?? '';
  if (!parent) return { run: '', workflow };
  const above = await whereIs(runs, parent.run);
  return { run: above.run === '' ? parent.at : `${above.run}/${parent.at}`, workflow };
}

function historyOf(engine: SimulatedProcess['engine'], executionArn: string): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  for (let nextToken: string | undefined; ; ) {
    const page = engine.getHistory({ executionArn, maxResults: 1_000, ...(nextToken === undefined ? {} : { nextToken }) });
    events.push(...page.items);
    if (page.nextToken === undefined) return events;
    nextToken = page.nextToken;
  }
}
