// The public door of scenario files.

export { formatCallRef, inputMatches } from './call-ref.ts';
export { type Answer, answerOf, type Mock } from './mock.ts';
export { type Scenario, scenarioSchema } from './schema.ts';
