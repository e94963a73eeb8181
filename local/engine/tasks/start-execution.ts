// Nested executions: `arn:aws:states:::states:startExecution`, plain, `.sync`, `.sync:2` and `.waitForTaskToken`.
//
// A child runs on the same engine and starts in the same transaction as the parent's event, so no barrier is needed.

import { isJsonObject, type Json } from '../../../shared/json.ts';
import { ServiceError, StateError } from '../errors.ts';
import { type Payload, payload } from '../payload.ts';
import { external, type Flow } from '../thread.ts';
import type { ExecutionDescription } from '../types.ts';
import { type Attempt, limitTimer, type Outcome, timedOut } from './attempt.ts';
import { performAndReturn, performWithToken, writeSubmitted } from './submitted.ts';

export function* performExecution(attempt: Attempt, submitted: boolean): Flow<Outcome> {
  const { pattern } = attempt.state.resource;
  const send = (settle: (outcome: Outcome) => void): (() => void) => {
    settle(start(attempt));
    return () => {};
  };
  if (pattern === 'token') return yield* performWithToken(attempt, submitted, send);
  if (pattern === 'response') return yield* performAndReturn(attempt, send);
  if (!submitted) {
    const started = start(attempt);
    if (!('result' in started)) return started;
    writeSubmitted(attempt, started.result);
    attempt.submitted = started.result.value;
  }
  return yield* childEnd(attempt, pattern === 'sync:2');
}

function start(attempt: Attempt): Outcome {
  const { value } = attempt.parameters;
  if (!isJsonObject(value) || typeof value['StateMachineArn'] !== 'string') {
    return {
      failure: new StateError(
        'States.Runtime',
        `The Arguments of '${attempt.state.name}' do not name a state machine: StateMachineArn must be a text`,
        { fatal: true },
      ),
    };
  }
  const name = typeof value['Name'] === 'string' ? value['Name'] : undefined;
  const input = value['Input'];
  try {
    const child = attempt.thread.execution.runtime.startChild(
      value['StateMachineArn'],
      name,
      typeof input === 'string' ? input : JSON.stringify(input ?? {}),
    );
    const requestId = attempt.thread.execution.runtime.ids.uuid();
    return {
      result: payload({
        ExecutionArn: child.executionArn,
        SdkHttpMetadata: { HttpHeaders: {}, HttpStatusCode: 200 },
        SdkResponseMetadata: { RequestId: requestId },
        StartDate: new Date(child.startDate).toISOString(),
      }),
    };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { failure: new StateError(`StepFunctions.${error.name.replace(/(?:Exception)?$/, 'Exception')}`, error.message) };
  }
}

/** Waits for the child's end; a child whose parent's task ends first is stopped. */
function* childEnd(attempt: Attempt, parsed: boolean): Flow<Outcome> {
  const { runtime } = attempt.thread.execution;
  const submitted = attempt.submitted;
  const arn = isJsonObject(submitted) && typeof submitted['ExecutionArn'] === 'string' ? submitted['ExecutionArn'] : '';
  let ended = false;
  const outcome = yield* external<ExecutionDescription | 'timeout'>(attempt.thread, (settle) => {
    const timer = limitTimer(attempt, true, () => settle('timeout'));
    const stopWaiting = runtime.onEnd(arn, (description) => {
      ended = true;
      settle(description);
    });
    return () => {
      timer?.cancel();
      stopWaiting();
      if (!ended && !runtime.closing) runtime.stopChild(arn, null, null);
    };
  });
  if (outcome === 'timeout') return timedOut();
  const description = describe(outcome, parsed);
  if (outcome.status !== 'SUCCEEDED')
    return { failure: new StateError('States.TaskFailed', JSON.stringify(describe(outcome, false).value)) };
  return { result: description };
}

/** DescribeExecution as the integration gives it: `.sync:2` parses input and output. */
function describe(child: ExecutionDescription, parsed: boolean): Payload {
  const value: { [key: string]: Json } = {
    ExecutionArn: child.executionArn,
    Input: parsed ? JSON.parse(child.input) : child.input,
    InputDetails: { Included: true },
    Name: child.name,
    StartDate: child.startDate,
    StateMachineArn: child.stateMachineArn,
    Status: child.status,
  };
  if (child.output !== null) {
    value['Output'] = parsed ? JSON.parse(child.output) : child.output;
    value['OutputDetails'] = { Included: true };
  }
  if (child.error !== null) value['Error'] = child.error;
  if (child.cause !== null) value['Cause'] = child.cause;
  if (child.stopDate !== null) value['StopDate'] = child.stopDate;
  return payload(value);
}
