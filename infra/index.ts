// The public door: Maestro for other CDK apps.

export { Maestro, type MaestroProps } from './maestro.ts';
export { MaestroStack, type MaestroStackProps } from './maestro-stack.ts';
export type { AlarmActions, DeadLetterQueues, Network, Severity } from './public-types.ts';
