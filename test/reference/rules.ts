// Small rules of the language that the reference goes by.

import type { Json, JsonObject } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { Retry, Step } from '../../shared/workflow/index.ts';

/** Undos are tried 10 times, exponential from 2s to 5m, unless they say otherwise. */
export const UNDO_RETRY: Retry = { attempts: 10, backoff: 'exponential', initialMs: 2_000, maxMs: 300_000 };
export const RETRYABLE = ['Maestro.ServiceUnavailable', 'Maestro.ServiceTimeout'];
/** What a child's undo is to its parent. */
export const RECKONED = { failed: 'nothing', compensated: 'undone', compensation_failed: 'left' } as const;

/** Why a sequence stopped. */
export class Failure extends Error {
  readonly step: string;
  readonly error: string;
  readonly also: Failure[];
  constructor(step: string, error: string, also: Failure[] = []) {
    super(`${step}: ${error}`);
    this.step = step;
    this.error = error;
    this.also = also;
  }
}

/** Thrown in branches that a block without settling has cut off; nobody hears it. */
export class CutOff extends Error {}

/** Pauses are whole seconds: the first one, doubled each time where the backoff is exponential, at most the longest. */
export function pauseMs(retry: Retry, attempt: number): number {
  const first = Math.ceil(retry.initialMs / 1_000);
  const longest = Math.max(Math.ceil(retry.maxMs / 1_000), first);
  return 1_000 * Math.min(retry.backoff === 'exponential' ? first * 2 ** attempt : first, longest);
}

export function errorValue(failure: Failure): JsonObject {
  return { step: failure.step, error: failure.error, message: null, also: failure.also.map(errorValue) };
}

export function failureOf(error: Json): Failure {
  const value = isJsonObject(error) ? error : {};
  return new Failure(String(value['step']), String(value['error']));
}

/** `select` keeps only those paths: through lists too, which stay lists. One that is not there is left out; of a text or number nothing is left. */
export function selected(value: Json, paths: readonly (readonly string[])[]): Json {
  if (paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) return value.map((item) => selected(item, paths));
  if (!isJsonObject(value)) return null;
  const result: JsonObject = {};
  for (const name of new Set(paths.map((path) => path[0] ?? ''))) {
    if (!Object.hasOwn(value, name)) continue;
    const inner = paths.filter((path) => path[0] === name).map((path) => path.slice(1));
    result[name] = selected(value[name] ?? null, inner);
  }
  return result;
}

/** Names that a step makes where it stands; those made inside a foreach are not visible outside. */
export function namesOf(step: Step): string[] {
  if (step.kind === 'set') return step.values.map(([name]) => name);
  if (step.kind === 'parallel') return step.branches.flatMap((branch) => branch.steps.flatMap(namesOf));
  if (step.kind === 'switch') return step.cases.flatMap((one) => one.steps.flatMap(namesOf));
  return 'output' in step && step.output !== null ? [step.output] : [];
}

/** The named outputs of a file that a run shows where it has no `output` of its own. */
export function outputNames(steps: readonly Step[]): string[] {
  return steps.flatMap((step) => {
    if (step.kind === 'set') return [];
    if (step.kind === 'parallel') return step.branches.flatMap((branch) => outputNames(branch.steps));
    if (step.kind === 'switch') return step.cases.flatMap((one) => outputNames(one.steps));
    return namesOf(step);
  });
}
