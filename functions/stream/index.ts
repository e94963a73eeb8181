// The public door of the streams.

export { followRun } from './follow-run.ts';
export { STREAM_ROUTES } from './route.ts';
export { createStreamApi, type StreamApiOptions, type StreamHandlersOptions, streamHandlers } from './stream-api.ts';
