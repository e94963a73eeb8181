// Maestro's bus on EventBridge: for events of the API and of Maestro itself, and for `emit` steps that can be undone.

import type { CallOutcome } from '../../shared/calls/index.ts';
import type { Bus } from '../../shared/orchestrate/ports.ts';
import type { EventEntry } from '../step/index.ts';
import type { EventsDoor } from './clients.ts';

export function createBus(events: () => Promise<EventsDoor>, busName: string): Bus {
  return {
    async put(entries) {
      const { sdk, client } = await events();
      const answer = await client.send(
        new sdk.PutEventsCommand({
          Entries: entries.map((entry) => ({
            EventBusName: busName,
            Source: entry.source,
            DetailType: entry['detail-type'],
            Detail: JSON.stringify(entry.detail),
            ...(entry.resources ? { Resources: entry.resources } : {}),
            ...(entry.time === undefined ? {} : { Time: new Date(entry.time) }),
          })),
        }),
      );
      const results = answer.Entries ?? [];
      const failed = results.filter(({ EventId }) => EventId === undefined);
      if (failed.length > 0 || results.length !== entries.length) {
        const codes = [...new Set(failed.map(({ ErrorCode }) => ErrorCode ?? 'unknown'))].join(', ');
        throw new Error(`event bus ${busName}: ${failed.length} of ${entries.length} events were not taken (${codes})`);
      }
      return results.map(({ EventId }) => EventId ?? '');
    },
  };
}

/** Puts the event of an `emit` step. Whatever goes wrong is an outcome: EventBridge answers before it delivers, so what it refused was not put. */
export function createStepEvents(events: () => Promise<EventsDoor>, busName: string): (entry: EventEntry) => Promise<CallOutcome> {
  return async ({ source, detailType, detail }) => {
    try {
      const { sdk, client } = await events();
      const entry = { EventBusName: busName, Source: source, DetailType: detailType, Detail: JSON.stringify(detail) };
      const { Entries } = await client.send(new sdk.PutEventsCommand({ Entries: [entry] }));
      const [result] = Entries ?? [];
      if (result?.EventId !== undefined) return { outcome: 'done', value: { EventId: result.EventId } };
      const code = result?.ErrorCode ?? 'unknown';
      const error = TEMPORARY.includes(code) ? 'Maestro.ServiceUnavailable' : 'Maestro.ServiceRejected';
      return { outcome: 'not_performed', error, message: `the event bus did not take the event (${code})`, detail: { status: code } };
    } catch (error) {
      return failed(error);
    }
  };
}

/** Codes of one entry after which the same entry may be taken (API reference, PutEventsResultEntry). */
const TEMPORARY: readonly string[] = ['InternalFailure', 'InternalException', 'ThrottlingException'];

function failed(error: unknown): CallOutcome {
  const name = error instanceof Error ? error.name : 'unknown';
  const status = statusOf(error);
  const detail = { status: name };
  const message = `the event bus could not be reached or refused the request (${name})`;
  // A request that got an answer of the 400s was read and refused; of anything else nothing is known.
  if (status === undefined || status >= 500) return { outcome: 'unknown', error: 'Maestro.ServiceUnavailable', message, detail };
  const throttled = status === 429 || TEMPORARY.includes(name);
  return { outcome: 'not_performed', error: throttled ? 'Maestro.ServiceUnavailable' : 'Maestro.ServiceRejected', message, detail };
}

function statusOf(error: unknown): number | undefined {
  const metadata: unknown = error instanceof Error && '$metadata' in error ? error.$metadata : undefined;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}
