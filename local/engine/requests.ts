// What callers send, checked; and rows as callers see them.

import type { Json } from '../../shared/json.ts';
import { ServiceError } from './errors.ts';
import type { ExecutionStart } from './execution.ts';
import type { ExecutionRow } from './journal.ts';
import { tooLarge } from './payload.ts';
import type { ExecutionDescription, StartExecutionInput } from './types.ts';

/** AWS: letters, digits and most signs, 1 to 80 characters; no white space, brackets, wildcards or control characters. */
const NAME = /^[^\s?*<>{}[\]"#%\\^|~`$&,;:/\p{Cc}]{1,80}$/u;

/** @throws ServiceError InvalidName */
export function checkName(name: string): void {
  if (!NAME.test(name)) throw new ServiceError('InvalidName', `Invalid Name: '${name.slice(0, 100)}'`);
}

/** @throws ServiceError InvalidArn */
export function checkArn(arn: string): void {
  if (!arn.startsWith('arn:')) throw new ServiceError('InvalidArn', `Invalid Arn: 'Invalid ARN prefix: ${arn.slice(0, 80)}'`);
}

/** An execution's input as value and text. @throws ServiceError InvalidExecutionInput */
export function readInput(input: StartExecutionInput['input']): { value: Json; text: string } {
  if (typeof input === 'object') return sized({ value: input.value, text: JSON.stringify(input.value) });
  const text = input ?? '{}';
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ServiceError('InvalidExecutionInput', "Invalid State Machine Execution Input: 'The input is not valid JSON'");
  }
  return sized({ value, text });
}

function sized(input: { value: Json; text: string }): { value: Json; text: string } {
  if (tooLarge(input.text))
    throw new ServiceError('InvalidExecutionInput', "Invalid State Machine Execution Input: 'The input is larger than 262144 bytes'");
  return input;
}

/** The output of SendTaskSuccess. @throws ServiceError InvalidOutput */
export function readOutput(text: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ServiceError('InvalidOutput', "Invalid Output: 'The output is not valid JSON'");
  }
  if (tooLarge(text)) throw new ServiceError('InvalidOutput', "Invalid Output: 'The output is larger than 262144 bytes'");
  return value;
}

/** The name in the ARN of a machine, or of a standard execution. */
export function lastPart(arn: string): string {
  return arn.slice(arn.lastIndexOf(':') + 1);
}

/** An execution's name in its ARN; that of an Express execution has a UUID after it. */
export function executionName(arn: string, type: string): string {
  return (type === 'EXPRESS' ? arn.split(':').at(-2) : lastPart(arn)) ?? '';
}

export function describeRow(row: ExecutionRow): ExecutionDescription {
  const { arn, machineArn, status, started, stopped, input, output, error, cause } = row;
  const name = executionName(arn, row.type);
  return {
    executionArn: arn,
    stateMachineArn: machineArn,
    name,
    status,
    startDate: started,
    stopDate: stopped,
    input,
    output,
    error,
    cause,
  };
}

/** @param inputText reads the input's text where it was let go of */
export function describeStart(
  start: ExecutionStart,
  inputText: () => string,
): Pick<ExecutionDescription, 'executionArn' | 'stateMachineArn' | 'name' | 'startDate' | 'input'> {
  return {
    executionArn: start.arn,
    stateMachineArn: start.machineArn,
    name: start.name,
    startDate: start.started,
    input: start.input.text ?? inputText(),
  };
}
