// The engine's door. Machines are kept by `machines.ts`, executions run in `executions.ts`, the interpreting starts in `walk.ts`.

import { ServiceError } from './errors.ts';
import { createExecutions } from './executions.ts';
import { type HistoryEvent, PayloadIndex, readEntries, showEntry } from './history.ts';
import { createJournal } from './journal.ts';
import { createMachines } from './machines.ts';
import { page, pageSize, pageToken } from './paging.ts';
import { describeRow, readOutput } from './requests.ts';
import { createTurn } from './turn.ts';
import type { Engine, EngineOptions, ExecutionDescription, Page } from './types.ts';

const NOT_FOR_THIS_TYPE = 'This operation is not supported by this type of state machine';

/**
 * An engine on a database. Nothing runs until an execution is started or `recover` is called.
 * @throws Error of node:sqlite when the tables cannot be made
 */
export function createEngine(given: EngineOptions): Engine {
  const options = { ...given, region: given.region ?? 'us-east-1', accountId: given.accountId ?? '000000000000' };
  const { database, clock } = options;
  const journal = createJournal(database);
  const turn = createTurn(database, journal, options.onEvent);
  const machines = createMachines(journal, options);
  const executions = createExecutions(journal, machines, turn, options);

  async function answer(token: string, message: Parameters<typeof executions.answer>[1]): Promise<void> {
    executions.answer(token, message);
    await database.committed();
  }

  function wait(arn: string): Promise<ExecutionDescription> {
    return new Promise((resolve, reject) => {
      if (!executions.isRunning(arn)) executions.row(arn);
      executions.onEnd(arn, (description) => {
        database.committed().then(() => resolve(description), reject);
      });
    });
  }

  function getHistory(asked: Parameters<Engine['getHistory']>[0]): Page<HistoryEvent> {
    turn.flush();
    const found = executions.row(asked.executionArn);
    const index = new PayloadIndex(JSON.parse(found.input));
    const events = journal.entries(found.id).flatMap(readEntries);
    for (const event of events) {
      index.add(event);
      // An execution's output stands in its own row.
      if (event.type === 'ExecutionSucceeded') event.details['output'] = JSON.parse(found.output ?? 'null');
    }
    const shown = events.filter(({ id }) => id > 0).sort((a, b) => (asked.reverseOrder ? b.id - a.id : a.id - b.id));
    const from = pageToken(asked.nextToken) ?? 0;
    const limit = pageSize(asked.maxResults);
    return page(
      shown.slice(from, from + limit + 1),
      limit,
      () => from + limit,
      (event) => showEntry(event, index, asked.includeExecutionData ?? true),
    );
  }

  return {
    createStateMachine: machines.createStateMachine,
    updateStateMachine: machines.updateStateMachine,
    deleteStateMachine: machines.deleteStateMachine,
    describeStateMachine: machines.describeStateMachine,
    listStateMachines: machines.listStateMachines,
    validate: machines.validate,
    tags: machines.tags,
    setTags: machines.setTags,
    async startExecution(input) {
      const started = executions.start(input);
      await database.committed();
      return started;
    },
    async startSyncExecution(input) {
      if (machines.existing(input.stateMachineArn).type !== 'EXPRESS')
        throw new ServiceError('StateMachineTypeNotSupported', NOT_FOR_THIS_TYPE);
      return wait(executions.start(input).executionArn);
    },
    describeExecution: (arn) => describeRow(executions.row(arn)),
    describeStateMachineForExecution: (arn) => machines.describeFor(executions.row(arn)),
    listExecutions(asked) {
      const machine = machines.existing(asked.stateMachineArn);
      if (machine.type === 'EXPRESS') throw new ServiceError('StateMachineTypeNotSupported', NOT_FOR_THIS_TYPE);
      const before = pageToken(asked.nextToken) ?? Number.MAX_SAFE_INTEGER;
      const limit = pageSize(asked.maxResults);
      return page(journal.executions(machine.arn, asked.statusFilter, before, limit + 1), limit, (last) => last.id, describeRow);
    },
    getHistory,
    async stopExecution({ executionArn, error, cause }) {
      if (executions.row(executionArn).type === 'EXPRESS') throw new ServiceError('StateMachineTypeNotSupported', NOT_FOR_THIS_TYPE);
      executions.stop(executionArn, error ?? null, cause ?? null);
      await database.committed();
      return { stopDate: executions.row(executionArn).stopped ?? clock.now() };
    },
    sendTaskSuccess: async (token, output) => answer(token, { kind: 'success', value: readOutput(output), text: output }),
    sendTaskFailure: (token, failure = {}) =>
      answer(token, { kind: 'failure', error: failure.error ?? null, cause: failure.cause ?? null }),
    sendTaskHeartbeat: (token) => answer(token, { kind: 'heartbeat' }),
    wait,
    async recover() {
      const arns = executions.recover();
      await database.committed();
      return arns;
    },
    close: executions.close,
  };
}
