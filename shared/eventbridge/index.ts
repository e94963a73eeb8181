// The public door of EventBridge's dialects: event patterns and schedule expressions.

export { matchesPattern, type PatternFault, patternFaults } from './event-pattern.ts';
export { nextFire, scheduleFaults } from './schedule.ts';
