import * as z from 'zod';
import { eventSchema, runIdSchema } from '../../shared/contract/index.ts';
import { defineRoutes } from '../http/index.ts';

/** The one route of this function. The whole API has it too. */
export const STREAM_ROUTES = defineRoutes({
  streamRun: {
    method: 'GET',
    path: '/api/v2/orchestrate/run/{id}/events',
    access: 'read',
    tag: 'Runs',
    summary: "A run's events as they come",
    description:
      'Server-sent events: `id` is the number of the event, `event` its type, `data` the event as JSON. A client whose connection ended comes back with `Last-Event-ID` and misses nothing. A comment is sent every 15 s. The stream ends after the last event of the run, which carries the envelope in its field `envelope`; or after 10 minutes.',
    params: z.object({ id: runIdSchema }),
    headers: {
      'Last-Event-ID': {
        description: 'Only events after this number are told; all of them where no event of the run has it.',
        schema: z.string().regex(/^\d{1,15}$/),
      },
    },
    answers: {
      200: { description: 'The events.', event: eventSchema },
      204: { description: 'The run has ended, and `Last-Event-ID` was its last event.' },
    },
  },
});
