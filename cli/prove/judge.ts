// Is anything left half done? Decided by what the services saw, step by step.
//
//   J1. A run that is completed undid nothing.
//   J2. Else every call that was performed and declares an undo was undone once, the last one first.
//   J3. A call of which nobody knows whether it was performed was undone, or is listed as unresolved.
//   J4. Nothing is undone that was not performed, and no call that was answered is made again.

import type { SimulatedCall, Simulation } from '../../local/simulate/index.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { Compensate, Step, Workflow } from '../../shared/workflow/index.ts';
import { stepAt, stepsOf } from '../scenario/step-places.ts';
import type { FailureKind } from './prove.ts';

export interface Verdict {
  /** Nothing is left half done, or the record says what is. */
  ok: boolean;
  /** What is wrong, in sentences; empty where nothing is. */
  problems: string[];
}

type Performed = 'yes' | 'no' | 'unknown';

/**
 * Judges one run.
 * @param workflows every workflow of the run, by name
 * @param failed the call that was made to fail
 */
export function judge(
  workflows: ReadonlyMap<string, Workflow>,
  main: string,
  simulation: Simulation,
  failed: { run: string; place: string; failure: FailureKind } | null,
): Verdict {
  const problems: string[] = [];
  const steps = (call: SimulatedCall): Step | undefined => {
    const workflow = workflows.get(call.workflow || main);
    return workflow && stepAt(stepsOf(workflow), call.place);
  };
  const groups = groupByKey(simulation.calls);
  const hasToUndo = runsToUndo(simulation, workflows);
  for (const calls of groups.values()) {
    const [first] = calls;
    if (!first || first.kind === 'undo') continue;
    const performed = performedIn(calls);
    const undos = (groups.get(`${first.key}/undo`) ?? []).filter((call) => call.ended === 'done').length;
    const undo = compensateOf(steps(first));
    const what = nameOf(first);
    const answered = calls.findIndex((call) => call.ended === 'done');
    if (answered >= 0 && answered < calls.length - 1) problems.push(`${what} was answered and called again`);
    if (!hasToUndo(first.run)) {
      if (undos > 0) problems.push(`${what} was undone although the run did not fail`);
      continue;
    }
    if (!undo) continue;
    // A process that was killed before it sent a request cannot know that it did not: its step is in doubt, and may be undone.
    if (performed === 'no' && undos > 0 && simulation.kills === 0) problems.push(`${what} was undone although it was never done`);
    if (performed === 'yes' && undos !== 1)
      problems.push(undos === 0 ? `${what} was done and not undone` : `${what} was undone ${undos} times`);
    if (performed === 'unknown' && undos === 0 && !isUnresolved(simulation, first)) {
      problems.push(`nobody knows whether ${what} was done, and it is neither undone nor listed as unresolved`);
    }
  }
  problems.push(...orderProblems(simulation.calls));
  if (failed === null && simulation.status !== 'completed') problems.push(whyNotCompleted(simulation));
  return { ok: problems.length === 0, problems };
}

function whyNotCompleted({ status, error }: Simulation): string {
  const why = error ? ` (${error.step ?? 'the run'}: ${error.error}${error.message ? `, ${error.message.slice(0, 200)}` : ''})` : '';
  return `without any failure the run ended ${status}${why}: give an input that it can complete with, by --input`;
}

/** What the run can know of a call over all its tries: done beats unknown, unknown beats not performed. A lost answer leaves it unknown. */
function performedIn(calls: readonly SimulatedCall[]): Performed {
  if (calls.some((call) => call.ended === 'done' || call.ended === 'unusable')) return 'yes';
  return calls.some((call) => call.performed !== false) ? 'unknown' : 'no';
}

/**
 * Says of a run whether what was performed in it had to be undone: because it failed itself, or because a run above it did and the step that
 * started it has no undo of its own.
 */
function runsToUndo(simulation: Simulation, workflows: ReadonlyMap<string, Workflow>): (run: string) => boolean {
  const byPath = new Map(simulation.runs.map((one) => [one.run, one]));
  const hasTo = (run: string): boolean => {
    const one = byPath.get(run);
    if (run === '' || (one && one.status !== 'completed')) return one?.status !== 'completed';
    const parent = run.includes('/') ? run.slice(0, run.lastIndexOf('/')) : '';
    const workflow = workflows.get(byPath.get(parent)?.workflow ?? '');
    const step = workflow && stepAt(stepsOf(workflow), run.slice(run.lastIndexOf('/') + 1));
    return hasTo(parent) && compensateOf(step) === null;
  };
  return hasTo;
}

function isUnresolved(simulation: Simulation, call: SimulatedCall): boolean {
  if (simulation.steps.some((step) => step.run === call.run && step.at === call.place && step.undoState === 'unresolved')) {
    return call.run !== '' || listed(simulation, call);
  }
  return false;
}

/** The first run's own report has to name it too: that is what a person reads. */
function listed({ report }: Simulation, call: SimulatedCall): boolean {
  return isJsonObject(report) && JSON.stringify(report['unresolved'] ?? []).includes(call.step);
}

/** Undos of a run go backwards through the file. */
function orderProblems(calls: readonly SimulatedCall[]): string[] {
  const last = new Map<string, SimulatedCall>();
  const seen = new Set<string>();
  const problems: string[] = [];
  for (const call of calls) {
    if (call.kind !== 'undo' || seen.has(call.key)) continue;
    seen.add(call.key);
    const before = last.get(call.run);
    if (before && before.place <= call.place) problems.push(`${nameOf(call)} was undone after ${nameOf(before)}, out of order`);
    last.set(call.run, call);
  }
  return problems;
}

function compensateOf(step: Step | undefined): Compensate | null {
  return step && (step.kind === 'call' || step.kind === 'workflow' || step.kind === 'emit') ? step.compensate : null;
}

function groupByKey(calls: readonly SimulatedCall[]): Map<string, SimulatedCall[]> {
  const groups = new Map<string, SimulatedCall[]>();
  for (const call of calls) {
    const group = groups.get(call.key);
    if (group) group.push(call);
    else groups.set(call.key, [call]);
  }
  return groups;
}

/** `reserve[1]` */
export function nameOf(call: { step: string; items: readonly number[] }): string {
  return call.step + call.items.map((item) => `[${item}]`).join('');
}
