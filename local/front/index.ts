// The public door of the HTTP server.

export { type ApiResponse, type Front, type FrontOptions, startFront } from './front.ts';
