// A validator for state machine definitions in JSONata.

export { checkDefinition } from './check-definition.ts';
export type { CheckLevel, DefinitionIssue } from './machine.ts';
