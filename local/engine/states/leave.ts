// Entering and leaving a state, and evaluating its fields: what all states share.

import type { Json, JsonObject } from '../../../shared/json.ts';
import type { State } from '../definition/types.ts';
import { StateError } from '../errors.ts';
import { type Env, EvaluationError, type Template } from '../expressions/index.ts';
import { assignedOf, failureDetails } from '../history.ts';
import { MAX_PAYLOAD_BYTES, type Payload, payload, payloadField, textOf, tooLarge } from '../payload.ts';
import type { Flow, Thread, Visit } from '../thread.ts';

/** All variables of an execution together (AWS: Step Functions quotas). */
const MAX_VARIABLE_BYTES = 10 * 1024 * 1024;

/** How a state was left. `next` undefined: it was the last one. */
export interface Left {
  next: string | undefined;
  output: Payload;
}

export interface Leaving {
  output: Template | undefined;
  assign: Template | undefined;
  /** The output where there is no `Output`. */
  otherwise: Payload;
  /** What the fields see beside input and context. */
  states?: { result?: Json; errorOutput?: Json };
  /** Values whose text is known, so that it is not written again. */
  known: Payload[];
  next: string | undefined;
}

/** Writes `<Type>StateEntered`. */
export function enter(thread: Thread, state: State, input: Payload): Visit {
  const previous = thread.cursor;
  const { id, at } = thread.record(
    `${state.type}StateEntered`,
    (event) => `${payloadField('input', input, event)},"name":${state.nameJson}`,
  );
  const visit: Visit = {
    state,
    input,
    enteredId: id,
    enteredPrevious: previous,
    enteredAt: at,
    retryCount: 0,
    retries: [],
    token: undefined,
    context: undefined,
  };
  thread.visit = visit;
  return visit;
}

/** Evaluates `Output` and `Assign` against the same values, assigns, writes `<Type>StateExited`. */
export function* leave(thread: Thread, visit: Visit, leaving: Leaving): Flow<Left> {
  const type = `${visit.state.type}StateExited`;
  if (thread.peek()?.type === type) return leaveAgain(thread, leaving);
  let output = leaving.otherwise;
  let assigned: JsonObject | undefined;
  if (leaving.output || leaving.assign) {
    const env = thread.env(visit, leaving.states);
    if (leaving.output) output = asPayload(yield* evaluate(thread, visit, leaving.output, env), leaving.known);
    if (leaving.assign) assigned = (yield* evaluate(thread, visit, leaving.assign, env)) as JsonObject;
  }
  if (output.at === undefined && tooLarge(textOf(output))) throw sizeExceeded(visit.state.name);
  const variables = assigned ? assign(thread, visit, assigned, [output, ...leaving.known]) : undefined;
  thread.write(type, (id) => {
    const held = payloadField('output', output, id);
    return `"name":${visit.state.nameJson},${held}${variables ? variables() : ''}${leaving.next === visit.state.next ? '' : `,"~next":${JSON.stringify(leaving.next)}`}`;
  });
  return { next: leaving.next, output };
}

/** The same from the journal. */
function leaveAgain(thread: Thread, leaving: Leaving): Left {
  const { id, details } = thread.take();
  const index = thread.execution.index;
  if (!index) throw new Error('There is no index of the journal while replaying');
  const assigned = assignedOf(details, index);
  for (const name of Object.keys(assigned)) thread.assign(name, assigned[name] ?? null, JSON.stringify(assigned[name]).length);
  const found = index.find(details, 'output');
  const output = payload(found ? found.value : (details['output'] ?? null));
  output.at = found ? found.ref : id;
  const next = details['~next'];
  return { next: typeof next === 'string' ? next : leaving.next, output };
}

/** Puts the values into the thread's scope; the texts for the event are made when it is written. */
function assign(thread: Thread, visit: Visit, assigned: JsonObject, known: Payload[]): () => string {
  const payloads = Object.keys(assigned).map((name) => [name, asPayload(assigned[name] ?? null, known)] as const);
  let bytes = 0;
  for (const [name, value] of payloads) {
    const text = textOf(value);
    bytes += text.length;
    if (tooLarge(text))
      throw new StateError(
        'States.DataLimitExceeded',
        `The variable '${name}' assigned in the state '${visit.state.name}' exceeds the maximum number of bytes service limit.`,
      );
  }
  if (bytes > MAX_PAYLOAD_BYTES || thread.execution.variableBytes + bytes > MAX_VARIABLE_BYTES) throw sizeExceeded(visit.state.name);
  for (const [name, value] of payloads) thread.assign(name, value.value, textOf(value).length);
  return () => {
    const parts = payloads.map(([name, p]) =>
      p.at === undefined ? `${JSON.stringify(name)}:${textOf(p)}` : `${JSON.stringify(`${name}^`)}:${JSON.stringify(p.at)}`,
    );
    return `,"assignedVariables":{${parts.join(',')}}`;
  };
}

/** The payload that already stands for this very value, else a new one. */
export function asPayload(value: Json, known: Payload[]): Payload {
  if (typeof value === 'object' && value !== null) for (const p of known) if (p.value === value) return p;
  return payload(value);
}

export function sizeExceeded(what: string): StateError {
  return new StateError(
    'States.DataLimitExceeded',
    `The state/task '${what}' returned a result with a size exceeding the maximum number of bytes service limit.`,
  );
}

/** Evaluates a field; a failure is written as EvaluationFailed and thrown as the state's error. */
export function* evaluate(thread: Thread, visit: Visit, template: Template, env: Env): Flow<Json> {
  throwRecordedFailure(thread);
  try {
    const value = template.evaluate(env);
    return value instanceof Promise ? ((yield value) as Json) : value;
  } catch (error) {
    throw evaluationFailed(thread, visit, error);
  }
}

function throwRecordedFailure(thread: Thread): void {
  if (thread.peek()?.type !== 'EvaluationFailed') return;
  const { details } = thread.take();
  throw new StateError(String(details['error']), String(details['cause']));
}

function evaluationFailed(thread: Thread, visit: Visit, error: unknown): unknown {
  if (!(error instanceof EvaluationError)) return error;
  return queryFailure(thread, visit, error.detail, error.location, visit.enteredPrevious);
}

/** Writes EvaluationFailed and returns the error to throw. */
export function queryFailure(thread: Thread, visit: Visit, detail: string, location: string | undefined, previous: number): StateError {
  const cause = `An error occurred while executing the state '${visit.state.name}' (entered at the event id #${visit.enteredId}). ${detail}`;
  const name = 'States.QueryEvaluationError';
  const where = location === undefined ? '' : `"location":${JSON.stringify(location)},`;
  thread.record('EvaluationFailed', () => `${failureDetails(name, cause)},${where}"state":${visit.state.nameJson}`, previous);
  return new StateError(name, cause);
}

/** The name of a JSON value's type, as AWS writes it. */
export function typeName(value: Json): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

/** The error for a field that evaluated to another type than it needs. */
export function unexpectedType(thread: Thread, visit: Visit, template: Template, expected: string, value: Json): StateError {
  const what = template.expression ? `JSONata expression '${template.expression.text}' specified` : 'value specified';
  const detail = `The ${what} for the field '${template.field}' returned an unexpected result type. Expected '${expected}', but was '${typeName(value)}' for value: ${JSON.stringify(value)}`;
  return queryFailure(thread, visit, detail, template.field, visit.enteredPrevious);
}

/** A whole number from a field; undefined when the field is absent. */
export function* wholeNumber(
  thread: Thread,
  visit: Visit,
  template: Template | undefined,
  minimum: number,
  more?: Partial<Env['states']>,
): Flow<number | undefined> {
  if (!template) return undefined;
  const value = template.constant ?? (yield* evaluate(thread, visit, template, thread.env(visit, more)));
  if (typeof value !== 'number' || !Number.isInteger(value)) throw unexpectedType(thread, visit, template, 'integer', value);
  if (value < minimum) {
    throw queryFailure(
      thread,
      visit,
      `The field '${template.field}' must be at least ${minimum} but was: ${value}`,
      template.field,
      visit.enteredPrevious,
    );
  }
  return value;
}
