// The public door: Maestro for other CDK apps.

export type { Network } from './constructs/handler-function.ts';
export type { AlarmActions, Severity } from './constructs/observability.ts';
export { Maestro, type MaestroProps } from './maestro.ts';
export { MaestroStack, type MaestroStackProps } from './maestro-stack.ts';
