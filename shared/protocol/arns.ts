// ARNs of Step Functions, taken apart.
//
//   `arn:<partition>:states:<region>:<account>:stateMachine:<machine>[:<version or alias>]`
//   `arn:<partition>:states:<region>:<account>:execution:<machine>:<name>`
//   `arn:<partition>:states:<region>:<account>:express:<machine>:<name>:<id>`

/** Without a version or an alias. */
export function unqualified(machineArn: string): string {
  return machineArn.split(':').slice(0, 7).join(':');
}

/** The machine that an execution is of. */
export function machineOf(executionArn: string): string {
  const parts = executionArn.split(':').slice(0, 7);
  parts[5] = 'stateMachine';
  return parts.join(':');
}

/** The execution of a Standard machine by name: that it was started by a version or an alias does not show in its ARN. */
export function executionOf(machineArn: string, name: string): string {
  const parts = unqualified(machineArn).split(':');
  parts[5] = 'execution';
  return [...parts, name].join(':');
}

/** Express executions cannot be described or stopped. */
export function isExpress(executionArn: string): boolean {
  return executionArn.split(':')[5] === 'express';
}
