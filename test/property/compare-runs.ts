// A simulated run against the reference's: what was called with what, what was undone in which order, how it ended.

import type { SimulatedCall, Simulation } from '../../local/simulate/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { Cut, ReferenceCall, ReferenceResult } from '../reference/types.ts';

/** What both sides can tell of a run, for one comparison. */
export interface Told {
  status: string;
  output: Json;
  error: string | null;
  /** Forward calls by run, place and attempt. */
  calls: string[];
  /** Undo calls of all runs, in order. */
  undos: string[];
  /** Places of the first run. */
  undone: string[];
  left: string[];
  unresolved: string[];
}

/** What the simulation tells. */
export function toldBySimulation(simulation: Simulation, startMs: number, cuts: readonly Cut[]): Told {
  const { status, output, error, calls, steps } = simulation;
  const places = (state: string): string[] => steps.filter((step) => step.run === '' && step.undoState === state).map((step) => step.at);
  // A child that failed and was let go is its own affair as long as the run itself goes on.
  const leftOver = steps.filter((step) => step.run === '' && (step.undoState === 'undo_failed' || isFailedChild(step, simulation)));
  const left = status === 'completed' ? [] : leftOver.map((step) => step.at);
  return {
    status,
    output,
    error: error && `${error.step}: ${error.error}`,
    calls: calls
      .filter((call) => call.kind === 'do' && !isCutOff(call, startMs + call.atMs, cuts))
      .map(callText)
      .sort(),
    undos: calls.filter(({ kind }) => kind === 'undo').map(callText),
    undone: places('undone').filter((place) => !isChildOf(steps, place)),
    left,
    unresolved: places('unresolved'),
  };
}

/** What the reference tells. */
export function toldByReference(
  result: ReferenceResult,
  calls: readonly ReferenceCall[],
  children: ReadonlySet<string>,
  cuts: readonly Cut[],
): Told {
  const { status, output, error, undone, left, unresolved } = result;
  const own = (places: string[]): string[] => [...places].sort();
  return {
    status,
    output,
    error: error && `${error.step}: ${error.error}`,
    calls: calls
      .filter((call) => call.kind === 'do' && !isCutOff(call, call.atMs, cuts))
      .map(callText)
      .sort(),
    undos: calls.filter(({ kind }) => kind === 'undo').map(callText),
    undone: own(undone).filter((place) => !children.has(place)),
    left: own(left),
    unresolved: own(unresolved),
  };
}

/** True for a call that began in the moment in which its block was cut off: whether it did is nobody's promise. */
function isCutOff(call: { run: string; place: string }, atMs: number, cuts: readonly Cut[]): boolean {
  return cuts.some((cut) => cut.run === call.run && cut.atMs === atMs && call.place.startsWith(`${cut.place}.`));
}

function callText(call: SimulatedCall | ReferenceCall): string {
  const run = call.run === '' ? '' : `${call.run}/`;
  return `${run}${call.place} ${call.step}#${call.attempt} ${call.method} ${JSON.stringify(sorted(call.input))}`;
}

/** Objects with their keys in order: key order is nobody's promise. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const result: JsonObject = {};
  for (const key of Object.keys(value).sort())
    Object.defineProperty(result, key, { value: sorted(value[key] ?? null), enumerable: true, configurable: true });
  return result;
}

function isFailedChild(step: Simulation['steps'][number], { runs }: Simulation): boolean {
  if (step.child === undefined) return false;
  return runs.find((run) => run.id === step.child)?.status === 'compensation_failed';
}

function isChildOf(steps: Simulation['steps'], place: string): boolean {
  return steps.some((step) => step.run === '' && step.at === place && step.child !== undefined);
}
