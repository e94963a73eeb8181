// Runs one scenario: the compiled workflow against the mocks, and what came of it against what was expected.

import {
  type MockRequest,
  type SimulatedCall,
  type Simulation,
  simulate,
  type TokenReply,
  type TokenRequest,
} from '../../local/simulate/index.ts';
import type { Json } from '../../shared/json.ts';
import type { Workflow } from '../../shared/workflow/index.ts';
import { formatCallRef } from './call-ref.ts';
import { compareCalls, compareSteps, compareValues, type SeenCall } from './compare.ts';
import { type Answer, answerOf, type Mock } from './mock.ts';
import { done, replyOf, tokenReplyOf } from './reply.ts';
import type { Scenario } from './schema.ts';
import { ASKING_STEP, standIn, standInReply } from './stand-in.ts';
import { itemsOf, stepAt, stepsOf } from './step-places.ts';

/** What came of a scenario. */
export interface ScenarioOutcome {
  ok: boolean;
  /** Each difference from what was expected, one line or more. */
  problems: string[];
  simulation: Simulation;
  calls: SeenCall[];
  undos: SeenCall[];
}

export interface ScenarioRun {
  scenario: Scenario;
  input: Json;
  workflow: Workflow;
  /** Workflows that it starts; those with a mock are not run. */
  children: readonly Workflow[];
}

/** Runs a scenario. */
export async function runScenario({ scenario, input, workflow, children }: ScenarioRun): Promise<ScenarioOutcome> {
  const unmocked = new Set<string>();
  const steps = stepsOf(workflow);
  const mocked = mockedChildren(scenario, workflow);
  const answers = answerer(scenario.mocks);
  const undoAnswers = answerer(scenario.undo_mocks);

  const reply = (request: MockRequest) => {
    const parent = mocked.size > 0 && request.run !== '' ? stepAt(steps, request.run) : undefined;
    const mock = parent && mocked.get(parent.id);
    if (parent && mock) {
      const items = itemsOf(request.run);
      if (request.kind === 'undo') return replyOf(undoAnswers(parent.id, items) ?? NOTHING, request.request.timeoutMs);
      if (request.step !== ASKING_STEP) return { outcome: done(null) };
      const answer = answers(parent.id, items) ?? NOTHING;
      return { outcome: done(standInReply(mock, answer)), takesMs: answer.delayMs };
    }
    if (request.kind === 'undo') return replyOf(undoAnswers(request.step, request.items) ?? NOTHING, request.request.timeoutMs);
    if (isCallback(steps, request)) return { outcome: done(null) };
    const answer = answers(request.step, request.items);
    if (answer) return replyOf(answer, request.request.timeoutMs);
    unmocked.add(formatCallRef(request));
    return {
      outcome: {
        outcome: 'not_performed' as const,
        error: 'Maestro.BadConfiguration' as const,
        message: 'no mock answers this call',
        detail: {},
      },
    };
  };
  const answerToken = (request: TokenRequest): TokenReply | null => {
    const answer = answers(request.step, request.items);
    if (answer) return tokenReplyOf(answer, scenario.starts_at);
    unmocked.add(formatCallRef(request));
    return null;
  };

  const simulation = await simulate({
    workflow,
    children: [
      ...children.filter((child) => ![...mocked.keys()].some((id) => childOf(workflow, id) === child.name)),
      ...standIns(workflow, mocked),
    ],
    input,
    mock: reply,
    answerToken,
    startMs: Date.parse(scenario.starts_at),
  });
  const calls = seenCalls(workflow, simulation, mocked);
  const undos = seenUndos(simulation, workflow, mocked);
  const missing = [...unmocked].map((call) => `mocks: no mock answers ${call}; give step "${call.replace(/\[.*/, '')}" one`);
  const problems = [...missing, ...compare(scenario, simulation, calls, undos)];
  return { ok: problems.length === 0, problems, simulation, calls, undos };
}

const NOTHING: Answer = { kind: 'output', output: null, delayMs: 0, times: null };

function compare({ expect }: Scenario, simulation: Simulation, calls: SeenCall[], undos: SeenCall[]): string[] {
  const problems: string[] = [];
  const { status, output, error } = simulation;
  if (status !== expect.status) {
    const why = error ? ` (${error.step ?? 'the run'} failed with ${error.error}${error.message ? `: ${error.message}` : ''})` : '';
    problems.push(`status: expected ${expect.status}, found ${status}${why}`);
  }
  if (expect.output !== undefined) problems.push(...compareValues(expect.output, output, 'output'));
  if (expect.error) {
    if (!error) problems.push('error: expected a failure, found none');
    else {
      if (expect.error.error !== undefined && expect.error.error !== error.error)
        problems.push(`error: expected ${expect.error.error}, found ${error.error}`);
      if ('step' in expect.error && expect.error.step !== undefined && expect.error.step !== error.step)
        problems.push(`error.step: expected ${expect.error.step}, found ${error.step ?? 'none'}`);
      if ('message' in expect.error && expect.error.message !== undefined && !error.message.includes(expect.error.message))
        problems.push(
          `error.message: expected a text with ${JSON.stringify(expect.error.message)}, found ${JSON.stringify(error.message)}`,
        );
    }
  }
  if (expect.calls) problems.push(...compareCalls(expect.calls, calls, 'calls'));
  if (expect.undos) problems.push(...compareCalls(expect.undos, undos, 'undos'));
  const ids = (test: (step: Simulation['steps'][number]) => boolean): string[] => simulation.steps.filter(test).map((step) => step.step);
  if (expect.unresolved)
    problems.push(
      ...compareSteps(
        expect.unresolved,
        ids((step) => step.undoState === 'unresolved'),
        'unresolved',
      ),
    );
  if (expect.undo_failed)
    problems.push(
      ...compareSteps(
        expect.undo_failed,
        ids((step) => step.undoState === 'undo_failed'),
        'undo_failed',
      ),
    );
  if (expect.skipped) problems.push(...compareSteps(expect.skipped, simulation.skipped, 'skipped'));
  if (expect.let_go)
    problems.push(
      ...compareSteps(
        expect.let_go,
        ids((step) => step.letGo === true),
        'let_go',
      ),
    );
  return problems;
}

// ---- mocks

/** Gives each step's answers one after the other. */
function answerer(mocks: Scenario['mocks']): (step: string, items: readonly number[]) => Answer | null {
  const used = new Map<string, number>();
  return (step, items) => {
    const mock = Object.hasOwn(mocks, step) ? mocks[step] : undefined;
    if (!mock) return null;
    const item = items.at(-1) ?? null;
    const counter = mock.kind === 'items' ? `${step}|${items.join('|')}` : step;
    const nth = used.get(counter) ?? 0;
    used.set(counter, nth + 1);
    return answerOf(mock, item, nth);
  };
}

/** `workflow` steps that have a mock, by id. */
function mockedChildren(scenario: Scenario, workflow: Workflow): Map<string, Mock> {
  const mocked = new Map<string, Mock>();
  for (const step of stepsOf(workflow).values()) {
    const mock = Object.hasOwn(scenario.mocks, step.id) ? scenario.mocks[step.id] : undefined;
    if (step.kind === 'workflow' && mock) mocked.set(step.id, mock);
  }
  return mocked;
}

function childOf(workflow: Workflow, id: string): string | undefined {
  for (const step of stepsOf(workflow).values()) if (step.kind === 'workflow' && step.id === id) return step.workflow;
  return undefined;
}

/** One stand-in for each workflow that is mocked; where several steps start the same one, it knows the failures of all their mocks. */
function standIns(workflow: Workflow, mocked: ReadonlyMap<string, Mock>): Workflow[] {
  const byName = new Map<string, Mock>();
  for (const [id, mock] of mocked) {
    const name = childOf(workflow, id);
    if (name !== undefined && !byName.has(name)) byName.set(name, mock);
  }
  return [...byName].map(([name, mock]) => standIn(name, mock));
}

function isCallback(steps: ReturnType<typeof stepsOf>, request: MockRequest): boolean {
  const step = request.run === '' ? stepAt(steps, request.place) : undefined;
  return step?.kind === 'call' && step.await === 'callback';
}

// ---- what was seen

/** Calls of the workflow itself, a call with all its tries once, in the order of the file; a started workflow is one call. */
function seenCalls(workflow: Workflow, simulation: Simulation, mocked: ReadonlyMap<string, Mock>): SeenCall[] {
  const steps = stepsOf(workflow);
  const byPlace = new Map<string, SeenCall>();
  for (const call of simulation.calls) {
    if (call.kind !== 'do') continue;
    const place = call.run === '' ? call.place : (call.run.split('/')[0] ?? '');
    const seen = byPlace.get(place);
    if (seen) {
      if (call.run === '') seen.attempts = Math.max(seen.attempts, call.attempt + 1);
      continue;
    }
    const step = stepAt(steps, place)?.id ?? call.step;
    const input = call.run === '' || mocked.has(step) ? call.input : undefined;
    byPlace.set(place, { step, items: itemsOf(place), input, attempts: call.attempt + 1 });
  }
  return [...byPlace].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, seen]) => seen);
}

/** Undos in the order in which they were begun. */
function seenUndos(simulation: Simulation, workflow: Workflow, mocked: ReadonlyMap<string, Mock>): SeenCall[] {
  const steps = stepsOf(workflow);
  const byKey = new Map<string, SeenCall>();
  for (const call of simulation.calls) {
    if (call.kind !== 'undo') continue;
    const seen = byKey.get(call.key);
    if (seen) seen.attempts = Math.max(seen.attempts, call.attempt + 1);
    else byKey.set(call.key, { ...nameOf(call, steps, mocked), input: call.input, attempts: call.attempt + 1 });
  }
  return [...byKey.values()];
}

function nameOf(
  call: SimulatedCall,
  steps: ReturnType<typeof stepsOf>,
  mocked: ReadonlyMap<string, Mock>,
): { step: string; items: number[] } {
  const parent = call.run === '' ? undefined : stepAt(steps, call.run);
  return parent && mocked.has(parent.id) ? { step: parent.id, items: itemsOf(call.run) } : { step: call.step, items: call.items };
}
