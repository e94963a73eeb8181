// The public door of the circuit breakers.

export {
  type Admission,
  type Breakers,
  type BreakersOptions,
  type BreakerView,
  createBreakers,
  type Permit,
  type Verdict,
} from './breakers.ts';
export { type BreakerRecord, type BreakerSettings, type BreakerState, breakerSettings } from './record.ts';
