// The public door of the HTTP server.

export { type Front, type FrontOptions, startFront } from './front.ts';
