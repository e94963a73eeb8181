// Names of what the embedded default provides. They look like AWS's, so that one definition runs on both.

import type { Substitution } from '../../shared/compiler/index.ts';

export const LOCAL_REGION = 'us-east-1';
export const LOCAL_ACCOUNT = '000000000000';

/** Maestro's own functions, which run in this process. */
export const STEP_FUNCTION_ARN = functionArn('maestro-step');
export const CHECKPOINT_FUNCTION_ARN = functionArn('maestro-checkpoint');
export const EVENT_BUS = 'maestro';

/** ARN of a workflow's state machine. */
export function machineArn(name: string): string {
  return `arn:aws:states:${LOCAL_REGION}:${LOCAL_ACCOUNT}:stateMachine:${name}`;
}

/** Name of the machine that undoes runs of a workflow. */
export function undoMachineName(workflow: string): string {
  return `${workflow}-undo`;
}

/** What stands for the placeholders of a definition on this machine. */
export function localSubstitutions(substitutions: { readonly [placeholder: string]: Substitution }): { [placeholder: string]: string } {
  return Object.fromEntries(Object.entries(substitutions).map(([placeholder, substitution]) => [placeholder, localValue(substitution)]));
}

function localValue({ kind, workflow }: Substitution): string {
  switch (kind) {
    case 'step':
      return STEP_FUNCTION_ARN;
    case 'checkpoint':
      return CHECKPOINT_FUNCTION_ARN;
    case 'bus':
      return EVENT_BUS;
    case 'workflow':
      return machineArn(workflow ?? '');
    case 'undo':
      return machineArn(undoMachineName(workflow ?? ''));
  }
}

function functionArn(name: string): string {
  return `arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:${name}`;
}
