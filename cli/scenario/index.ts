// The public door of scenario files.

export { type CallRef, formatCallRef, inputMatches } from './call-ref.ts';
export { type Answer, answerOf, type Mock } from './mock.ts';
export { FINAL_STATUSES, type Scenario, type ScenarioFile, scenarioSchema } from './schema.ts';
