// Task: schedule, start, wait for the outcome; once per attempt.

import { isJsonObject, type Json } from '../../../shared/json.ts';
import type { TaskState } from '../definition/types.ts';
import { StateError } from '../errors.ts';
import { failureDetails } from '../history.ts';
import { type Payload, payload, payloadField, textOf, tooLarge } from '../payload.ts';
import type { Attempt, Outcome, TaskEvents } from '../tasks/attempt.ts';
import { performLambda } from '../tasks/lambda.ts';
import { performEvents } from '../tasks/put-events.ts';
import { performExecution } from '../tasks/start-execution.ts';
import type { Flow, Thread, Visit } from '../thread.ts';
import { asPayload, enter, evaluate, type Left, leave, sizeExceeded, wholeNumber } from './leave.ts';
import { recovering } from './recovery.ts';

/** Task: the result, or `Output`, goes on. `TimeoutSeconds` and `HeartbeatSeconds` are per attempt. */
export function task(thread: Thread, state: TaskState, input: Payload): Flow<Left> {
  const visit = enter(thread, state, input);
  return recovering(thread, visit, state, () => attempt(thread, visit, state));
}

function* attempt(thread: Thread, visit: Visit, state: TaskState): Flow<Left> {
  const result = yield* finish(thread, state, yield* schedule(thread, visit, state));
  visit.token = undefined;
  return yield* leave(thread, visit, {
    output: state.output,
    assign: state.assign,
    otherwise: result,
    states: { result: result.value },
    known: [result, visit.input, ...partsOf(result)],
    next: state.next,
  });
}

/** Evaluates what the task is given and writes it down. */
function* schedule(thread: Thread, visit: Visit, state: TaskState): Flow<Attempt> {
  const events = eventsOf(state);
  const base = { thread, visit, state, events, startedAt: 0 };
  const next = thread.peek();
  if (next?.type === events.scheduled) {
    thread.take();
    const { details } = next;
    const token = details['~token'];
    visit.token = typeof token === 'string' ? token : undefined;
    visit.context = undefined;
    const parameters = payload(thread.execution.index?.read(details, events.parameters) ?? null);
    return {
      ...base,
      parameters,
      payloadText: undefined,
      timeoutSeconds: seconds(details['timeoutInSeconds']),
      heartbeatSeconds: seconds(details['heartbeatInSeconds']),
    };
  }
  if (state.resource.pattern === 'token' && !next) {
    visit.token = thread.execution.runtime.newToken(thread);
    visit.context = undefined;
  }
  let parameters = visit.input;
  if (state.arguments) {
    const env = thread.env(visit);
    parameters = asPayload(yield* evaluate(thread, visit, state.arguments, env), [visit.input]);
  }
  const timeoutSeconds = yield* wholeNumber(thread, visit, state.timeoutSeconds, 1);
  const heartbeatSeconds = yield* wholeNumber(thread, visit, state.heartbeatSeconds, 1);
  const role = state.credentials ? yield* evaluate(thread, visit, state.credentials, thread.env(visit)) : undefined;
  const payloadText = functionPayloadText(state, parameters);
  if (tooLarge(textOf(parameters))) throw sizeExceeded(state.name);
  thread.write(events.scheduled, (id) => {
    const about =
      events.about === ''
        ? `"resource":${JSON.stringify(state.resource.arn)}`
        : `"region":${JSON.stringify(thread.execution.runtime.region)},${events.about}`;
    return (
      `${payloadField(events.parameters, parameters, id)},${about}` +
      (timeoutSeconds === undefined ? '' : `,"timeoutInSeconds":${timeoutSeconds}`) +
      (heartbeatSeconds === undefined ? '' : `,"heartbeatInSeconds":${heartbeatSeconds}`) +
      (isJsonObject(role) ? `,"taskCredentials":{"roleArn":${JSON.stringify(role['RoleArn'] ?? null)}}` : '') +
      (visit.token === undefined ? '' : `,"~token":${JSON.stringify(visit.token)}`)
    );
  });
  return { ...base, parameters, payloadText, timeoutSeconds, heartbeatSeconds };
}

/** Starts it; the outcome, from the journal or from outside, as the state's result. */
function* finish(thread: Thread, state: TaskState, started: Attempt): Flow<Payload> {
  const { events } = started;
  started.startedAt = thread.record(events.started, () => events.about).at;
  let next = thread.peek();
  let submitted = false;
  if (next?.type === 'TaskSubmitted') {
    submitted = true;
    started.submitted = thread.execution.index?.read(next.details, 'output');
    started.submittedAt = next.at;
    thread.take();
    next = thread.peek();
  }
  if (next) {
    const { id, type, details } = thread.take();
    if (type === events.succeeded) {
      const result = payload(thread.execution.index?.read(details, 'output') ?? null);
      result.at = id;
      return result;
    }
    const alias = details['~alias'];
    throw new StateError(
      optionalText(details['error']) ?? null,
      type === events.timedOut ? optionalText(details['cause']) : (optionalText(details['cause']) ?? null),
      typeof alias === 'string' ? { alias } : {},
    );
  }
  const outcome = yield* perform(started, submitted);
  if (!('result' in outcome)) throw failed(thread, events, outcome.failure);
  if (tooLarge(textOf(outcome.result)))
    throw failed(thread, events, sizeExceeded(state.resource.kind === 'function' ? state.resource.arn : state.resource.type));
  thread.write(events.succeeded, (id) => `${payloadField('output', outcome.result, id)}${events.about === '' ? '' : `,${events.about}`}`);
  return outcome.result;
}

function perform(started: Attempt, submitted: boolean): Flow<Outcome> {
  switch (started.state.resource.type) {
    case 'lambda':
      return performLambda(started, submitted);
    case 'events':
      return performEvents(started, submitted);
    case 'states':
      return performExecution(started, submitted);
  }
}

function failed(thread: Thread, events: TaskEvents, error: StateError): StateError {
  const timedOut = error.error === 'States.Timeout' && error.reason === undefined;
  const alias = error.alias === undefined ? '' : `"~alias":${JSON.stringify(error.alias)}`;
  const parts = [failureDetails(error.error, error.reason), alias, events.about].filter((part) => part !== '');
  thread.write(timedOut ? events.timedOut : events.failed, () => parts.join(','));
  return error;
}

const FUNCTION_EVENTS: TaskEvents = {
  scheduled: 'LambdaFunctionScheduled',
  started: 'LambdaFunctionStarted',
  succeeded: 'LambdaFunctionSucceeded',
  failed: 'LambdaFunctionFailed',
  timedOut: 'LambdaFunctionTimedOut',
  parameters: 'input',
  about: '',
};

const integrationEvents = new Map<string, TaskEvents>();

function eventsOf(state: TaskState): TaskEvents {
  const { resource } = state;
  if (resource.kind === 'function') return FUNCTION_EVENTS;
  let events = integrationEvents.get(resource.arn);
  if (!events) {
    events = {
      scheduled: 'TaskScheduled',
      started: 'TaskStarted',
      succeeded: 'TaskSucceeded',
      failed: 'TaskFailed',
      timedOut: 'TaskTimedOut',
      parameters: 'parameters',
      about: `"resource":${JSON.stringify(resource.label)},"resourceType":${JSON.stringify(resource.type)}`,
    };
    integrationEvents.set(resource.arn, events);
  }
  return events;
}

/**
 * Text of `Payload` of a lambda:invoke. The parameters' own text is put together from it, so that it is made once.
 */
function functionPayloadText(state: TaskState, parameters: Payload): string | undefined {
  const { value } = parameters;
  if (state.resource.kind !== 'integration' || state.resource.type !== 'lambda' || !isJsonObject(value) || value['Payload'] === undefined)
    return undefined;
  const inner = JSON.stringify(value['Payload']);
  if (parameters.text === undefined) {
    const members = Object.keys(value).map((key) => `${JSON.stringify(key)}:${key === 'Payload' ? inner : JSON.stringify(value[key])}`);
    parameters.text = `{${members.join(',')}}`;
  }
  return inner;
}

/** Parts of a result that expressions often name and whose text the journal already has. */
function partsOf(result: Payload): Payload[] {
  if (typeof result.at !== 'number' || !isJsonObject(result.value)) return [];
  for (const key of ['Payload', 'Output']) {
    const part: Json | undefined = result.value[key];
    if (part !== undefined && typeof part === 'object') return [{ value: part, text: undefined, at: [result.at, key] }];
  }
  return [];
}

const seconds = (value: Json | undefined): number | undefined => (typeof value === 'number' ? value : undefined);
const optionalText = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
