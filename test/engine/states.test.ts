// What each state does, beside the recorded cases.

import { describe, expect, it } from 'vitest';
import type { LambdaResult } from '../../local/engine/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { functionArn, invoke, isGapFree, sequence, settle, type TestFunction, throws, world } from './support.ts';

const echo = (payload: Json): Json => payload;
/** A function that hands on the token it is given as `t`. */
const asked =
  (told: (token: string) => void, answer: LambdaResult | null = null): TestFunction =>
  (payload) => {
    told((payload as { t: string }).t);
    return answer;
  };
const details = (event: JsonObject | undefined): JsonObject =>
  (Object.entries(event ?? {}).find(([key]) => key.endsWith('EventDetails'))?.[1] ?? {}) as JsonObject;

describe('variables', () => {
  it('are assigned together: every expression sees the old values', async () => {
    const { result } = await world().run(
      sequence({
        A: { Type: 'Pass', Assign: { x: 1, y: 2 } },
        B: { Type: 'Pass', Assign: { x: '{% $y %}', y: '{% $x %}' }, Output: { seen: '{% $x %}' } },
        C: { Type: 'Pass', Output: { x: '{% $x %}', y: '{% $y %}', seen: '{% $states.input.seen %}' } },
      }),
    );
    expect(result).toEqual({ x: 2, y: 1, seen: 1 });
  });

  it('of a branch are read from outside in, and are gone when it ends', async () => {
    const branch = sequence({
      In: { Type: 'Pass', Assign: { inner: '{% $outer & "!" %}' } },
      Out: { Type: 'Pass', Output: '{% $inner %}' },
    });
    const { result } = await world().run(
      sequence({
        A: { Type: 'Pass', Assign: { outer: 'o' } },
        P: { Type: 'Parallel', Branches: [branch, sequence({ Other: { Type: 'Pass', Output: '{% $exists($inner) %}' } })] },
        B: { Type: 'Pass', Output: { branches: '{% $states.input %}', left: '{% $exists($inner) %}' } },
      }),
    );
    expect(result).toEqual({ branches: ['o!', false], left: false });
  });

  it('hold at most 10 MiB together', async () => {
    const big = 'x'.repeat(200_000);
    const states: JsonObject = {};
    for (let i = 0; i < 60; i++) states[`S${i}`] = { Type: 'Pass', Assign: { [`v${i}`]: '{% $states.input.big %}' } };
    const { error, types } = await world().run(sequence(states), { big });
    expect(error).toBe('States.DataLimitExceeded');
    expect(types.filter((type) => type === 'PassStateExited')).toHaveLength(52);
  });
});

describe('Retry', () => {
  it('waits interval × rate^n, capped, with full jitter, and counts tries in the context', async () => {
    const attempts: Json[] = [];
    const here = world({
      functions: {
        flaky: (payload) => {
          attempts.push(payload);
          return attempts.length < 4 ? throws('Busy') : 'done';
        },
      },
    });
    const retry = [
      { ErrorEquals: ['Busy'], IntervalSeconds: 10, BackoffRate: 3, MaxDelaySeconds: 50, MaxAttempts: 5, JitterStrategy: 'FULL' },
    ];
    const finished = await here.run(sequence({ Call: invoke('flaky', '{% $states.context.State.RetryCount %}', { Retry: retry }) }));

    expect(finished.result).toBe('done');
    expect(attempts).toEqual([0, 1, 2, 3]);
    // 10, 30, 50 (capped), each halved by the random number 0.5.
    expect((finished.stopDate ?? 0) - finished.startDate).toBe(45_000);
    expect(finished.types.filter((type) => type === 'TaskStateEntered')).toHaveLength(1);
  });

  it('keeps a counter per retrier and takes the first that matches', async () => {
    const errors = ['A', 'B', 'A', 'B', 'B'];
    const here = world({ functions: { flaky: () => throws(errors.shift() ?? 'C') } });
    const retry = [
      { ErrorEquals: ['A'], MaxAttempts: 2 },
      { ErrorEquals: ['B', 'A'], MaxAttempts: 2 },
    ];
    const finished = await here.run(sequence({ Call: invoke('flaky', {}, { Retry: retry }) }));
    expect(finished.error).toBe('B');
    expect(here.calls).toHaveLength(5);
  });

  it('does not take a timeout for States.TaskFailed', async () => {
    const here = world({ functions: { never: () => new Promise(() => {}) } });
    const { error, types } = await here.run(
      sequence({ Call: invoke('never', {}, { TimeoutSeconds: 5, Retry: [{ ErrorEquals: ['States.TaskFailed'] }] }) }),
    );
    expect(error).toBe('States.Timeout');
    expect(types.filter((type) => type === 'TaskTimedOut')).toHaveLength(1);
  });
});

describe('Catch', () => {
  const caughtBy = (errors: string[]): JsonObject => ({ Catch: [{ ErrorEquals: errors, Next: 'Caught' }] });
  const after = { Caught: { Type: 'Pass', End: true } };

  it('gives a timeout an empty cause', async () => {
    const here = world({ functions: { never: () => new Promise(() => {}) } });
    const { result } = await here.run(
      sequence({ Call: invoke('never', {}, { TimeoutSeconds: 5, End: true, ...caughtBy(['States.Timeout']) }), ...after }),
    );
    expect(result).toEqual({ Error: 'States.Timeout', Cause: '' });
  });

  it('gives a failure without error and cause nulls, which only States.ALL takes', async () => {
    const here = world({
      functions: { ask: asked((token) => setImmediate(() => here.engine.sendTaskFailure(token))) },
    });
    const ask = {
      ...invoke('ask', { t: '{% $states.context.Task.Token %}' }, { End: true, TimeoutSeconds: 9 }),
      Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
    };
    const { result } = await here.run(
      sequence({
        Ask: {
          ...ask,
          Catch: [
            { ErrorEquals: ['States.TaskFailed'], Next: 'Wrong' },
            { ErrorEquals: ['States.ALL'], Next: 'Caught' },
          ],
        },
        ...after,
        Wrong: { Type: 'Fail' },
      }),
    );
    expect(result).toEqual({ Error: null, Cause: null });
  });

  it('takes an expression that fails in Output, after the task has succeeded', async () => {
    const here = world({ functions: { echo } });
    const { result, types } = await here.run(
      sequence({
        Call: { ...invoke('echo', {}, { End: true, ...caughtBy(['States.QueryEvaluationError']) }), Output: '{% $nothing %}' },
        ...after,
      }),
    );
    expect((result as JsonObject)['Error']).toBe('States.QueryEvaluationError');
    expect(types.slice(4, 7)).toEqual(['TaskSucceeded', 'EvaluationFailed', 'TaskStateExited']);
  });

  it('matches a missed heartbeat by either name', async () => {
    for (const name of ['States.HeartbeatTimeout', 'States.Timeout']) {
      const here = world({ functions: { ask: () => null } });
      const ask = {
        ...invoke(
          'ask',
          { t: '{% $states.context.Task.Token %}' },
          { End: true, TimeoutSeconds: 900, HeartbeatSeconds: 30, ...caughtBy([name]) },
        ),
        Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
      };
      const finished = await here.run(sequence({ Ask: ask, ...after }));
      expect(finished.result).toEqual({ Error: 'States.Timeout', Cause: '' });
      expect((finished.stopDate ?? 0) - finished.startDate).toBe(30_000);
    }
  });
});

describe('a task token', () => {
  it('ends the task with the answer, once; a heartbeat puts the limit off', async () => {
    const tokens: string[] = [];
    const here = world({ functions: { ask: asked((token) => tokens.push(token)) } });
    const ask = {
      ...invoke('ask', { t: '{% $states.context.Task.Token %}' }, { HeartbeatSeconds: 30 }),
      Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
      Output: '{% $states.result %}',
    };
    const arn = await here.start(sequence({ Ask: ask, Pause: { Type: 'Wait', Seconds: 20 } }));
    await settle();
    const [token = ''] = tokens;
    expect(here.clock.timers).toBe(1);
    await here.engine.sendTaskHeartbeat(token);
    expect(here.clock.timers).toBe(1);
    await here.engine.sendTaskSuccess(token, '{"ok": 1}');
    await expect(here.engine.sendTaskSuccess(token, '{}')).rejects.toMatchObject({ name: 'TaskTimedOut' });
    await expect(here.engine.sendTaskHeartbeat('nonsense')).rejects.toMatchObject({ name: 'InvalidToken' });
    await expect(here.engine.sendTaskSuccess(token, '{')).rejects.toMatchObject({ name: 'InvalidOutput' });
    const finished = await here.finish(arn);

    expect(finished.result).toEqual({ ok: 1 });
    expect(finished.types).toContain('TaskSubmitted');
  });

  it('is new for every try', async () => {
    const tokens: string[] = [];
    const here = world({ functions: { ask: asked((token) => tokens.push(token), throws('Busy')) } });
    const ask = {
      ...invoke('ask', { t: '{% $states.context.Task.Token %}' }, { Retry: [{ ErrorEquals: ['Busy'], MaxAttempts: 2 }] }),
      Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
    };
    await here.run(sequence({ Ask: ask }));
    expect(new Set(tokens).size).toBe(3);
  });
});

describe('Parallel', () => {
  it('gives the results in the order of its branches', async () => {
    const slow = sequence({ Slow: { Type: 'Wait', Seconds: 9 }, S: { Type: 'Pass', Output: 'slow' } });
    const { result } = await world().run(
      sequence({ P: { Type: 'Parallel', Branches: [slow, sequence({ Quick: { Type: 'Pass', Output: 'quick' } })] } }),
    );
    expect(result).toEqual(['slow', 'quick']);
  });

  it('sends Arguments to its branches while Output sees the raw input', async () => {
    const { result } = await world().run(
      sequence({
        P: {
          Type: 'Parallel',
          Arguments: { a: 1 },
          Branches: [sequence({ In: { Type: 'Pass' } })],
          Output: { input: '{% $states.input %}', result: '{% $states.result %}' },
        },
      }),
      { raw: true },
    );
    expect(result).toEqual({ input: { raw: true }, result: [{ a: 1 }] });
  });

  it('fails with the error of its branch and stops the others', async () => {
    const here = world({ functions: { bad: () => throws('OrderRejected') } });
    const inner = sequence({ Inner: { Type: 'Map', Items: [1, 2], ItemProcessor: sequence({ Sleep: { Type: 'Wait', Seconds: 99 } }) } });
    const finished = await here.run(sequence({ P: { Type: 'Parallel', Branches: [inner, sequence({ Bad: invoke('bad', {}) })] } }));
    expect(finished.error).toBe('OrderRejected');
    expect(finished.types.slice(finished.types.indexOf('TaskFailed'))).toEqual([
      ...[
        'TaskFailed',
        'WaitStateAborted',
        'MapIterationAborted',
        'WaitStateAborted',
        'MapIterationAborted',
        'MapStateAborted',
        'TaskStateAborted',
      ],
      ...['ParallelStateFailed', 'ExecutionFailed'],
    ]);
    expect(here.clock.timers).toBe(0);
  });
});

describe('Map', () => {
  it('runs at most MaxConcurrency iterations at once and keeps the order of the items', async () => {
    let now = 0;
    let most = 0;
    const here = world({
      functions: {
        work: async (payload) => {
          most = Math.max(most, ++now);
          await new Promise((resolve) => setImmediate(resolve));
          now--;
          return payload;
        },
      },
    });
    const { result } = await here.run(
      sequence({
        M: {
          Type: 'Map',
          Items: '{% [1..20] %}',
          MaxConcurrency: 3,
          ItemProcessor: sequence({ W: invoke('work', '{% $states.input %}') }),
        },
      }),
    );
    expect(result).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(most).toBe(3);
  });

  it('fails with the first failure, writing what became of the other iterations', async () => {
    const here = world({ functions: { work: (payload) => (payload === 1 ? throws('Bad') : new Promise(() => {})) } });
    const finished = await here.run(
      sequence({ M: { Type: 'Map', Items: [0, 1, 2], ItemProcessor: sequence({ W: invoke('work', '{% $states.input %}') }) } }),
    );
    expect(finished.types.slice(finished.types.indexOf('TaskFailed'))).toEqual([
      'TaskFailed',
      'MapIterationFailed',
      'TaskStateAborted',
      'MapIterationAborted',
      'TaskStateAborted',
      'MapIterationAborted',
      'TaskStateAborted',
      'MapStateFailed',
      'ExecutionFailed',
    ]);
    // As recorded: everything that the failure brings about follows the failed task.
    const failed = finished.events.find(({ type }) => type === 'TaskFailed')?.id;
    const brought = finished.events.filter(({ type }) => /Aborted|MapIterationFailed|MapStateFailed/.test(type));
    expect(brought.map(({ previousEventId }) => previousEventId)).toEqual(brought.map(() => failed));
  });
});

describe('Choice', () => {
  it('without a match and a Default ends the execution: nothing catches it', async () => {
    const choice = { StartAt: 'C', States: { C: { Type: 'Choice', Choices: [{ Condition: false, Next: 'D' }] }, D: { Type: 'Succeed' } } };
    const finished = await world().run(
      sequence({
        P: { Type: 'Parallel', Branches: [choice], End: true, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }] },
        Caught: { Type: 'Pass', End: true },
      }),
    );
    expect(finished.error).toBe('States.Runtime');
    expect(finished.cause).toBe(
      "An error occurred while executing the state 'C' (entered at the event id #4). Failed to transition out of the state. The state does not point to a next state.",
    );
    expect(finished.types.slice(-2)).toEqual(['ChoiceStateEntered', 'ExecutionFailed']);
  });
});

describe('ItemSelector', () => {
  it('that fails while others run stops them, and is the Map’s error', async () => {
    const here = world({ functions: { never: () => new Promise(() => {}) } });
    const finished = await here.run(
      sequence({
        M: {
          Type: 'Map',
          Items: [1, 2],
          ItemSelector: '{% $states.context.Map.Item.Value = 2 ? $nothing : 1 %}',
          ItemProcessor: sequence({ W: invoke('never', {}) }),
        },
      }),
    );
    expect(finished.error).toBe('States.QueryEvaluationError');
    expect(finished.types.slice(3)).toEqual([
      'MapIterationStarted',
      'EvaluationFailed',
      'MapIterationAborted',
      'MapStateFailed',
      'ExecutionFailed',
    ]);
    expect(isGapFree(finished.events)).toBe(true);
  });
});

describe('nested executions', () => {
  const child = { QueryLanguage: 'JSONata', ...sequence({ Add: { Type: 'Pass', Output: { sum: '{% $states.input.a + 1 %}' } } }) };
  const call = (suffix: string, machine: string, more: JsonObject = {}): JsonObject => ({
    Type: 'Task',
    Resource: `arn:aws:states:::states:startExecution${suffix}`,
    Arguments: { StateMachineArn: machine, Input: { a: 1 }, ...more },
  });

  it('give their output parsed with .sync:2, as text with .sync', async () => {
    const here = world();
    const { stateMachineArn } = await here.engine.createStateMachine({ name: 'child', definition: JSON.stringify(child) });
    const parsed = await here.run(sequence({ C: call('.sync:2', stateMachineArn) }));
    const text = await here.run(sequence({ C: call('.sync', stateMachineArn) }));
    const plain = await here.run(sequence({ C: call('', stateMachineArn) }));

    expect(parsed.result).toMatchObject({ Output: { sum: 2 }, Input: { a: 1 }, Status: 'SUCCEEDED' });
    expect(text.result).toMatchObject({ Output: '{"sum":2}' });
    expect(plain.result).toHaveProperty('ExecutionArn');
    expect(parsed.types).toContain('TaskSubmitted');
  });

  it('that fail are States.TaskFailed with the description as cause', async () => {
    const here = world();
    const failing = { QueryLanguage: 'JSONata', ...sequence({ F: { Type: 'Fail', Error: 'Inner', Cause: 'why' } }) };
    const { stateMachineArn } = await here.engine.createStateMachine({ name: 'child', definition: JSON.stringify(failing) });
    const { error, cause } = await here.run(sequence({ C: call('.sync:2', stateMachineArn, { Name: 'named' }) }));
    expect(error).toBe('States.TaskFailed');
    expect(JSON.parse(cause ?? '')).toMatchObject({ Error: 'Inner', Cause: 'why', Status: 'FAILED', Name: 'named' });
  });

  it('are stopped when the task that waits for them times out', async () => {
    const here = world();
    const long = { QueryLanguage: 'JSONata', ...sequence({ W: { Type: 'Wait', Seconds: 999 } }) };
    const { stateMachineArn } = await here.engine.createStateMachine({ name: 'child', definition: JSON.stringify(long) });
    const finished = await here.run(sequence({ C: { ...call('.sync:2', stateMachineArn), TimeoutSeconds: 5 } }));
    const { items } = here.engine.listExecutions({ stateMachineArn });
    expect(finished.error).toBe('States.Timeout');
    expect(items.map(({ status }) => status)).toEqual(['ABORTED']);
  });
});

describe('putEvents', () => {
  it('sends details as text and fails when an entry is refused', async () => {
    const sent: unknown[] = [];
    let refuse = false;
    const here = world({
      putEvents: async (entries) => {
        sent.push(...entries);
        return {
          FailedEntryCount: refuse ? 1 : 0,
          Entries: entries.map(() => (refuse ? { ErrorCode: 'Throttled', ErrorMessage: 'no' } : { EventId: 'e-1' })),
        };
      },
    });
    const put = {
      Type: 'Task',
      Resource: 'arn:aws:states:::events:putEvents',
      Arguments: { Entries: [{ Source: 'shop', DetailType: 'paid', Detail: { id: '{% $states.input.id %}' } }] },
    };
    const done = await here.run(sequence({ Put: put }), { id: 7 });
    refuse = true;
    const failed = await here.run(sequence({ Put: put }), { id: 8 });

    expect(sent[0]).toEqual({
      Source: 'shop',
      DetailType: 'paid',
      Detail: '{"id":7}',
      Resources: [done.stateMachineArn, done.executionArn],
    });
    expect(done.result).toEqual({ Entries: [{ EventId: 'e-1' }], FailedEntryCount: 0 });
    expect(failed.error).toBe('EventBridge.FailedEntry');
  });
});

describe('limits', () => {
  it('fail a task whose result is larger than 256 KiB, which States.ALL takes', async () => {
    const here = world({ functions: { big: () => 'é'.repeat(140_000) } });
    const { result } = await here.run(
      sequence({
        Call: invoke('big', {}, { End: true, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }] }),
        Caught: { Type: 'Pass', End: true },
      }),
    );
    expect(result).toEqual({
      Error: 'States.DataLimitExceeded',
      Cause: "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit.",
    });
  });

  it('end an execution at its 25,000th event', async () => {
    const finished = await world().run({
      StartAt: 'A',
      States: {
        A: { Type: 'Choice', Choices: [{ Condition: false, Next: 'End' }], Default: 'B' },
        B: { Type: 'Pass', Next: 'A' },
        End: { Type: 'Succeed' },
      },
    });
    expect(finished.status).toBe('FAILED');
    expect(finished.events).toHaveLength(25_000);
    expect(finished.types.at(-1)).toBe('ExecutionFailed');
  });
});

describe('the end from outside', () => {
  it('by the machine’s own TimeoutSeconds is TIMED_OUT, and no Catch runs', async () => {
    const inner = sequence({ Sleep: { Type: 'Wait', Seconds: 999 } });
    const finished = await world().run({
      TimeoutSeconds: 60,
      ...sequence({
        P: { Type: 'Parallel', Branches: [inner], End: true, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }] },
        Caught: { Type: 'Pass', End: true },
      }),
    });
    expect(finished).toMatchObject({ status: 'TIMED_OUT', error: null, cause: null });
    expect(finished.types.slice(-2)).toEqual(['WaitStateEntered', 'ExecutionTimedOut']);
  });

  it('by StopExecution is ABORTED, straight after the running state', async () => {
    const here = world();
    const arn = await here.start(sequence({ Sleep: { Type: 'Wait', Seconds: 999 } }));
    await here.engine.stopExecution({ executionArn: arn, error: 'Stop', cause: 'enough' });
    const finished = await here.finish(arn);
    expect(finished).toMatchObject({ status: 'ABORTED', error: 'Stop', cause: 'enough' });
    expect(finished.types).toEqual(['ExecutionStarted', 'WaitStateEntered', 'ExecutionAborted']);
    expect(finished.events.at(-1)).toMatchObject({ id: 3, previousEventId: 0 });
    expect(here.clock.timers).toBe(0);
  });
});

describe('functions', () => {
  it('named by their own ARN get the value and give the bare payload', async () => {
    const here = world({ functions: { echo } });
    const { result, types } = await here.run(sequence({ Call: { Type: 'Task', Resource: functionArn('echo'), Arguments: { a: 1 } } }));
    expect(result).toEqual({ a: 1 });
    expect(types).toContain('LambdaFunctionSucceeded');
  });

  it('that throw in this process look like Lambda’s Node runtime', async () => {
    const here = world({
      lambda: async () => {
        throw Object.assign(new Error('{"step":"a"}'), { name: 'Maestro.ServiceRejected' });
      },
    });
    const { error, cause } = await here.run(sequence({ Call: invoke('any', {}) }));
    expect(error).toBe('Maestro.ServiceRejected');
    expect(JSON.parse(cause ?? '')).toMatchObject({
      errorType: 'Maestro.ServiceRejected',
      errorMessage: '{"step":"a"}',
      trace: expect.any(Array),
    });
  });

  it('of expressions follow the clock and the ids of the engine', async () => {
    const { result } = await world().run(
      sequence({
        A: { Type: 'Wait', Seconds: 60 },
        B: {
          Type: 'Pass',
          Output: {
            now: '{% $now() %}',
            millis: '{% $millis() = $toMillis($now()) %}',
            year: "{% $now('[Y]') %}",
            random: '{% $random() %}',
            seeded: '{% $random(3) = $random(3) %}',
            uuid: '{% $length($uuid()) %}',
          },
        },
      }),
    );
    expect(result).toEqual({ now: '2026-01-02T03:05:05.000Z', millis: true, year: '2026', random: 0.5, seeded: true, uuid: 36 });
  });

  it('that Step Functions adds behave as recorded', async () => {
    const { result } = await world().run(
      sequence({
        A: {
          Type: 'Pass',
          Output: {
            partition: '{% $partition([0], 1) %}',
            parts: '{% $partition([1..5], 2) %}',
            one: '{% $range(1, 9, 9) %}',
            range: '{% $range(0, 9, 3) %}',
            hash: "{% $hash('a', 'MD5') %}",
            parse: '{% $parse("{\\"a\\":[1]}").a %}',
            infinite: '{% 1/0 %}',
          },
        },
      }),
    );
    expect(result).toEqual({
      partition: [[0]],
      parts: [[1, 2], [3, 4], [5]],
      one: 1,
      range: [0, 3, 6, 9],
      hash: '0cc175b9c0f1b6a831c399e269772661',
      parse: [1],
      infinite: 'Infinity',
    });
  });

  it('that do not exist, $eval included, fail when they are called', async () => {
    const { error, cause } = await world().run(sequence({ A: { Type: 'Pass', Output: "{% $eval('1') %}" } }));
    expect(error).toBe('States.QueryEvaluationError');
    expect(cause).toContain('threw an error during evaluation. T1006: Attempted to invoke a non-function');
  });
});

describe('events', () => {
  it('name the reference, not the value, in the journal and the value in the history', async () => {
    const here = world({ functions: { echo } });
    const finished = await here.run(
      sequence({ A: invoke('echo', { text: 'only once' }, { Assign: { kept: '{% $states.result.Payload %}' } }), B: { Type: 'Pass' } }),
    );
    const rows = here.database.prepare('SELECT entries FROM engine_journal').all() as { entries: string }[];
    const written = rows.map(({ entries }) => entries).join('');

    // Once as the parameters, once as the result.
    expect(written.split('only once')).toHaveLength(3);
    expect(details(finished.events.find(({ type }) => type === 'TaskStateExited'))['assignedVariables']).toEqual({
      kept: '{"text":"only once"}',
    });
    expect(details(finished.events.find(({ type }) => type === 'PassStateExited'))['output']).toBe('{"text":"only once"}');
  });
});
