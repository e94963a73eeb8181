// EventBridge: `arn:aws:states:::events:putEvents`.

import { isJsonObject, type Json } from '../../../shared/json.ts';
import { StateError } from '../errors.ts';
import { payload } from '../payload.ts';
import type { Flow } from '../thread.ts';
import type { PutEventsEntry } from '../types.ts';
import type { Attempt, Outcome } from './attempt.ts';
import { performAndReturn, performWithToken } from './submitted.ts';

export function performEvents(attempt: Attempt, submitted: boolean): Flow<Outcome> {
  const send = (settle: (outcome: Outcome) => void): (() => void) => put(attempt, settle);
  return attempt.state.resource.pattern === 'token' ? performWithToken(attempt, submitted, send) : performAndReturn(attempt, send);
}

function put(attempt: Attempt, settle: (outcome: Outcome) => void): () => void {
  const { runtime } = attempt.thread.execution;
  let given = true;
  const fail = (error: unknown): void => {
    const said = error instanceof Error ? error.message : String(error);
    settle({ failure: new StateError('EventBridge.SdkClientException', said) });
  };
  runtime.afterCommit(() => {
    if (!given) return;
    const entries = entriesOf(attempt);
    if (!entries) return fail(new Error('The arguments have no list Entries'));
    runtime.putEvents(entries).then((result) => {
      const output: Json = { Entries: result.Entries.map((entry) => ({ ...entry })), FailedEntryCount: result.FailedEntryCount };
      if (result.FailedEntryCount > 0) settle({ failure: new StateError('EventBridge.FailedEntry', JSON.stringify(output)) });
      else settle({ result: payload(output) });
    }, fail);
  });
  return () => {
    given = false;
  };
}

/** The entries as EventBridge takes them: `Detail` is text, and machine and execution follow the resources (recorded on AWS). */
function entriesOf(attempt: Attempt): PutEventsEntry[] | undefined {
  const parameters = attempt.parameters.value;
  const { arn, machineArn } = attempt.thread.execution.start;
  if (!isJsonObject(parameters) || !Array.isArray(parameters['Entries'])) return undefined;
  return parameters['Entries'].map((entry) => {
    if (!isJsonObject(entry)) return {};
    const detail = entry['Detail'];
    const resources = Array.isArray(entry['Resources']) ? entry['Resources'].map(String) : [];
    return {
      ...(entry as PutEventsEntry),
      ...(detail === undefined ? {} : { Detail: typeof detail === 'string' ? detail : JSON.stringify(detail) }),
      Resources: [...resources, machineArn, arn],
    };
  });
}
