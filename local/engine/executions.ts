// Executions that run: started, recovered, told of answers, ended. The interpreter's runtime.
//
//   X1. An execution that is RUNNING in the journal is in memory, or waits for `recover`.
//   X2. A start, its first events and whatever they start are one transaction.

import { functionFailure, ServiceError } from './errors.ts';
import { Execution, type ExecutionStart } from './execution.ts';
import type { ExecutionRow, Journal } from './journal.ts';
import type { Machines } from './machines.ts';
import { payload } from './payload.ts';
import { checkArn, checkName, describeRow, describeStart, executionName, lastPart, readInput } from './requests.ts';
import type { Runtime, TokenMessage } from './runtime.ts';
import type { Turn } from './turn.ts';
import type { EngineOptions, ExecutionDescription, StartExecutionInput } from './types.ts';

/** Executions read at once while recovering. */
const RECOVERED_AT_ONCE = 100;
/** What a task token holds: execution, thread, UUID. */
const TOKEN = /^\d+\.\d+\.[0-9a-f-]{36}$/;

export interface Executions {
  start(input: StartExecutionInput): { executionArn: string; startDate: number };
  stop(executionArn: string, error: string | null, cause: string | null): void;
  /** @throws ServiceError InvalidArn, ExecutionDoesNotExist */
  row(arn: string): ExecutionRow;
  /** Calls `told` when the execution has ended: now, if it has. Returns how to take it back. */
  onEnd(arn: string, told: (description: ExecutionDescription) => void): () => void;
  isRunning(arn: string): boolean;
  /** @throws ServiceError InvalidToken, TaskTimedOut */
  answer(token: string, message: TokenMessage): void;
  /** ARNs of what was taken up. */
  recover(): string[];
  close(): void;
}

export function createExecutions(
  journal: Journal,
  machines: Machines,
  turn: Turn,
  options: EngineOptions & { region: string; accountId: string },
): Executions {
  const { clock, ids, region, accountId, onStatus } = options;
  const running = new Map<string, Execution>();
  const tokens = new Map<string, (message: TokenMessage) => void>();
  const endListeners = new Map<string, Set<(description: ExecutionDescription) => void>>();
  let nextId = journal.nextExecutionId();
  let closing = false;

  const runtime: Runtime = {
    clock,
    region,
    accountId,
    ids,
    get closing() {
      return closing;
    },
    collect(execution) {
      try {
        turn.collect(execution);
      } catch {
        // The database cannot be written any more (its owner has been told): nothing may go on as if it could.
        halt();
      }
    },
    ended,
    afterCommit: turn.afterCommit,
    isInProcess: (arn) =>
      typeof options.lambda.inProcess === 'function' ? options.lambda.inProcess(arn) : options.lambda.inProcess === true,
    async lambda(call) {
      try {
        return await options.lambda(call);
      } catch (error) {
        return functionFailure(error);
      }
    },
    putEvents: options.putEvents ?? (async (entries) => ({ FailedEntryCount: 0, Entries: entries.map(() => ({ EventId: ids.uuid() })) })),
    newToken: (thread) => Buffer.from(`${thread.execution.start.id}.${thread.id}.${ids.uuid()}`).toString('base64url'),
    listen(token, listener) {
      tokens.set(token, listener);
      return () => {
        if (tokens.get(token) === listener) tokens.delete(token);
      };
    },
    startChild: (stateMachineArn, name, input) => start({ stateMachineArn, input, ...(name === undefined ? {} : { name }) }),
    stopChild: (arn, error, cause) => running.get(arn)?.abort(error, cause),
    onEnd,
  };

  function start(input: StartExecutionInput): { executionArn: string; startDate: number } {
    const machine = machines.existing(input.stateMachineArn);
    if (input.name !== undefined) checkName(input.name);
    const { value, text } = readInput(input.input);
    const name = input.name ?? ids.uuid();
    const path = `${machine.name}:${name}`;
    const arn = `arn:aws:states:${region}:${accountId}:${machine.type === 'EXPRESS' ? `express:${path}:${ids.uuid()}` : `execution:${path}`}`;
    const before = input.name === undefined || machine.type === 'EXPRESS' ? undefined : journal.execution(arn);
    if (before) {
      if (before.status === 'RUNNING' && before.input === text) return { executionArn: arn, startDate: before.started };
      throw new ServiceError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    }
    const { roleArn, type, definition } = machine;
    const common = { id: nextId++, arn, machineArn: machine.arn, type, roleArn, started: clock.now() };
    journal.insertExecution({ ...common, definition, input: text });
    const execution = new Execution(
      { ...common, name, machineName: machine.name, machine: machines.compiled(definition), input: payload(value, text) },
      runtime,
    );
    running.set(arn, execution);
    tellStatus(() => ({
      ...describeStart(execution.start, () => text),
      status: 'RUNNING',
      stopDate: null,
      output: null,
      error: null,
      cause: null,
    }));
    execution.run();
    return { executionArn: arn, startDate: common.started };
  }

  function row(arn: string): ExecutionRow {
    checkArn(arn);
    const found = journal.execution(arn);
    if (!found) throw new ServiceError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
    return found;
  }

  function onEnd(arn: string, told: (description: ExecutionDescription) => void): () => void {
    if (!running.has(arn)) {
      const found = journal.execution(arn);
      if (found && found.status !== 'RUNNING') told(describeRow(found));
      // A running one that is not in memory yet will be recovered.
      if (found?.status !== 'RUNNING') return () => {};
    }
    const listeners = endListeners.get(arn) ?? new Set();
    endListeners.set(arn, listeners.add(told));
    return () => {
      listeners.delete(told);
      if (listeners.size === 0) endListeners.delete(arn);
    };
  }

  function ended(execution: Execution): void {
    const { end, start: started } = execution;
    if (!end || closing) return;
    journal.endExecution(started.id, end.status, end.stopped, end.error, end.cause, end.output);
    running.delete(started.arn);
    const listeners = endListeners.get(started.arn);
    endListeners.delete(started.arn);
    const { status, stopped, output, error, cause } = end;
    const describe = (): ExecutionDescription => ({
      ...describeStart(started, () => row(started.arn).input),
      status,
      stopDate: stopped,
      output,
      error,
      cause,
    });
    tellStatus(describe);
    if (listeners) for (const listener of listeners) listener(describe());
  }

  function tellStatus(describe: () => ExecutionDescription): void {
    if (!onStatus) return;
    const change = describe();
    turn.afterCommit(() => onStatus(change));
  }

  function halt(): void {
    closing = true;
    for (const execution of running.values()) execution.suspend();
  }

  function startOf(found: ExecutionRow): ExecutionStart {
    const { id, arn, machineArn, type, roleArn, started, input } = found;
    const names = { name: executionName(arn, type), machineName: lastPart(machineArn) };
    return {
      id,
      arn,
      machineArn,
      type,
      roleArn,
      started,
      ...names,
      machine: machines.compiled(found.definition),
      input: payload(JSON.parse(input), input),
    };
  }

  return {
    start,
    stop: (arn, error, cause) => running.get(arn)?.abort(error, cause),
    row,
    onEnd,
    isRunning: (arn) => running.has(arn),
    answer(token, message) {
      const listener = tokens.get(token);
      if (listener) return listener(message);
      if (!TOKEN.test(Buffer.from(token, 'base64url').toString())) throw new ServiceError('InvalidToken', "Invalid Token: 'Invalid token'");
      throw new ServiceError('TaskTimedOut', "Task Timed Out: 'Provided task does not exist anymore'");
    },
    recover() {
      const arns: string[] = [];
      for (let after = 0, rows = journal.running(0, RECOVERED_AT_ONCE); rows.length > 0; rows = journal.running(after, RECOVERED_AT_ONCE)) {
        for (const found of rows) {
          after = found.id;
          if (running.has(found.arn)) continue;
          arns.push(found.arn);
          const execution = new Execution(startOf(found), runtime, journal.entries(found.id));
          running.set(found.arn, execution);
          execution.run();
        }
      }
      return arns;
    },
    close() {
      if (!closing) {
        halt();
        turn.flush();
      }
      turn.close();
      running.clear();
      tokens.clear();
    },
  };
}
