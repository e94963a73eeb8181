// The public door of simulations.

export { simulate } from './simulate.ts';
export type {
  MockReply,
  MockRequest,
  SimulatedCall,
  SimulatedError,
  SimulatedRun,
  SimulatedStep,
  SimulateOptions,
  Simulation,
  TokenReply,
  TokenRequest,
} from './types.ts';
export { createVirtualClock, type VirtualClock } from './virtual-clock.ts';
