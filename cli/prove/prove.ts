// Runs a workflow once for every single failure that it can have, and judges each run by what the services saw.
//
//   P1. The calls are those of a run without any failure. Each is then failed in each way of `FAILURES`, alone: all others do as they are asked.
//   P2. The judgement reads the services' log, not our records: what a service did and what was undone is what happened.

import { type MockReply, type MockRequest, type Simulation, simulate, type TokenReply } from '../../local/simulate/index.ts';
import type { CallOutcome } from '../../shared/calls/types.ts';
import type { Json } from '../../shared/json.ts';
import type { Workflow } from '../../shared/workflow/index.ts';
import { stepAt, stepsOf } from '../scenario/step-places.ts';
import { judge, type Verdict } from './judge.ts';
import { type Samples, samplesOf } from './sample.ts';

/** The ways in which one call can fail. */
export const FAILURES = ['rejected', 'unavailable', 'timed out', 'killed before', 'killed after'] as const;
export type FailureKind = (typeof FAILURES)[number];

/** One run with at most one failure. */
export interface ProvedCase {
  /** null: the run without a failure. */
  failed: { step: string; items: number[]; run: string; place: string; failure: FailureKind } | null;
  simulation: Simulation;
  verdict: Verdict;
}

export interface ProveOptions {
  workflow: Workflow;
  children: readonly Workflow[];
  /** undefined: a sample made from the schema and the templates. */
  input: Json | undefined;
  startMs: number;
  /** Told after each case, for progress. */
  onCase?: (done: number, all: number) => void;
}

export interface Proof {
  input: Json;
  cases: ProvedCase[];
}

/** Proves one workflow. */
export async function prove(options: ProveOptions): Promise<Proof> {
  const { workflow, children, startMs } = options;
  const samples = new Map([workflow, ...children].map((one) => [one.name, samplesOf(one, startMs)]));
  const input = options.input ?? samples.get(workflow.name)?.input ?? {};
  const all = new Map([workflow, ...children].map((one) => [one.name, one]));
  const run = (reply: (request: MockRequest) => MockReply): Promise<Simulation> =>
    simulate({
      workflow,
      children,
      input,
      startMs,
      mock: reply,
      answerToken: ({ step }): TokenReply => tokenReply(workflow, step, samples.get(workflow.name), startMs),
    });
  const happy = await run((request) => success(request, all, samples));
  const cases: ProvedCase[] = [{ failed: null, simulation: happy, verdict: judge(all, workflow.name, happy, null) }];
  const calls = firstTries(happy);
  const count = calls.length * FAILURES.length + 1;
  options.onCase?.(1, count);
  for (const { step, items, run: runPath, place } of calls) {
    for (const failure of FAILURES) {
      let killed = false;
      const simulation = await run((request) => {
        const asked = success(request, all, samples);
        if (request.kind === 'undo' || request.run !== runPath || request.place !== place) return asked;
        if (failure !== 'killed before' && failure !== 'killed after') return failureReply(failure, request);
        if (killed) return asked;
        killed = true;
        return { ...asked, kill: failure === 'killed before' ? 'before' : 'after' };
      });
      const failed = { step, items, run: runPath, place, failure };
      cases.push({ failed, simulation, verdict: judge(all, workflow.name, simulation, failed) });
      options.onCase?.(cases.length, count);
    }
  }
  return { input, cases };
}

/** Every call of a run once, in the order in which it was made. */
function firstTries(simulation: Simulation): Simulation['calls'] {
  const seen = new Set<string>();
  return simulation.calls.filter((call) => call.kind === 'do' && !seen.has(call.key) && seen.add(call.key));
}

/** The service does what it is asked, and answers what the templates want of it. */
function success(request: MockRequest, workflows: ReadonlyMap<string, Workflow>, samples: ReadonlyMap<string, Samples>): MockReply {
  const workflow = workflows.get(request.workflow);
  const step = workflow && stepAt(stepsOf(workflow), request.place);
  const output = step?.kind === 'call' ? step.output : null;
  const label = [request.step, ...request.items].join('-');
  const value = request.kind === 'undo' ? null : (samples.get(request.workflow)?.answer(output, label) ?? null);
  return { outcome: { outcome: 'done', value, status: 200 }, takesMs: 10 };
}

function failureReply(failure: 'rejected' | 'unavailable' | 'timed out', request: MockRequest): MockReply {
  const outcome = (
    kind: 'not_performed' | 'unknown',
    error: 'Maestro.ServiceRejected' | 'Maestro.ServiceUnavailable' | 'Maestro.ServiceTimeout',
    message: string,
  ): CallOutcome => ({
    outcome: kind,
    error,
    message,
    detail: {},
  });
  switch (failure) {
    case 'rejected':
      return { outcome: outcome('not_performed', 'Maestro.ServiceRejected', 'rejected'), takesMs: 10 };
    case 'unavailable':
      return { outcome: outcome('not_performed', 'Maestro.ServiceUnavailable', 'connection refused'), takesMs: 10 };
    case 'timed out':
      return {
        outcome: outcome('unknown', 'Maestro.ServiceTimeout', 'no answer within the time limit'),
        takesMs: request.request.timeoutMs,
      };
  }
}

function tokenReply(workflow: Workflow, id: string, samples: Samples | undefined, startMs: number): TokenReply {
  for (const step of stepsOf(workflow).values()) {
    if (step.id !== id) continue;
    const output = 'output' in step ? step.output : null;
    if (step.kind !== 'checkpoint') return { output: samples?.answer(output, id) ?? null, takesMs: 10 };
    const decision = step.allow.find((one) => one !== 'reject') ?? 'approve';
    const answer = step.options?.[0]?.value ?? null;
    return { output: { decision, answer, by: 'prove', at: new Date(startMs).toISOString() }, takesMs: 10 };
  }
  return { output: null };
}
