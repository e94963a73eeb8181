// The public door of the starter.

export { createStarter, type Refusal, type Starter, type StarterOptions } from './starter.ts';
