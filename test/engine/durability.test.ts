// What survives a crash. Each test takes an image of the database files before every commit: exactly what a killed process leaves.

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../shared/json.ts';
import { openDatabase } from '../../shared/store/database.ts';
import { invoke, isGapFree, sequence, settle, type TestFunction, throws, virtualClock, world } from './support.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'engine-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Image {
  file: string;
  /** Virtual time of the crash. */
  at: number;
}

/** Runs to the end, keeping an image of every state the disk was in. */
async function runWithImages(
  definition: JsonObject,
  input: Json,
  functions: { [name: string]: TestFunction },
  answer?: (payload: Json) => void,
) {
  const file = path.join(folder, 'run.sqlite');
  const database = openDatabase({ path: file });
  const clock = virtualClock();
  const images: Image[] = [];
  database.beforeCommit(() => {
    const image = path.join(folder, `image-${images.length}.sqlite`);
    copyFileSync(file, image);
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${image}-wal`);
    images.push({ file: image, at: clock.now() });
  });
  const here = world({ database, clock, functions });
  answerTokens(here, functions, answer);
  const arn = await here.start(definition, input, 'run');
  const finished = await here.finish(arn);
  here.engine.close();
  database.close();
  return { images, finished, calls: here.calls, arn };
}

function answerTokens(here: ReturnType<typeof world>, functions: { [name: string]: TestFunction }, told?: (payload: Json) => void): void {
  functions['ask'] = (payload) => {
    const { token, with: reply } = payload as { token: string; with: Json };
    told?.(payload);
    // Answers after the function has returned.
    setImmediate(() => setImmediate(() => here.engine.sendTaskSuccess(token, JSON.stringify(reply)).catch(() => {})));
    return null;
  };
}

async function recoverFrom(image: Image, functions: { [name: string]: TestFunction }) {
  const database = openDatabase({ path: image.file });
  const here = world({ database, clock: virtualClock(image.at), functions });
  answerTokens(here, functions);
  const arns = await here.engine.recover();
  const [arn] = arns;
  if (arn === undefined) {
    here.engine.close();
    database.close();
    return undefined;
  }
  const before = here.history(arn);
  // Whoever was asked before the crash answers now.
  const asked = before.find((event) => event.type === 'TaskScheduled' && JSON.stringify(event).includes('waitForTaskToken'));
  if (asked && before.some(({ type }) => type === 'TaskSubmitted')) {
    const parameters: Json = JSON.parse(String((asked['taskScheduledEventDetails'] as JsonObject)['parameters']));
    const { token } = (parameters as { Payload: { token: string } }).Payload;
    await here.engine.sendTaskSuccess(token, '{"yes":true}').catch((error: Error) => expect(error.name).toBe('TaskTimedOut'));
  }
  const finished = await here.finish(arn);
  here.engine.close();
  database.close();
  return { arn, before, finished, calls: here.calls };
}

const echo: TestFunction = (payload) => payload;

/** Ids of completed tasks in a history: the payload's `id`. */
function completed(events: { type: string; [key: string]: Json }[]): string[] {
  return events
    .filter(({ type }) => type === 'TaskSucceeded')
    .map((event) =>
      String(
        (JSON.parse(String((event['taskSucceededEventDetails'] as JsonObject)['output'])) as { Payload?: { id?: string } }).Payload?.id,
      ),
    );
}

const everything: JsonObject = sequence({
  Prepare: { Type: 'Pass', Assign: { id: '{% $uuid() %}', at: '{% $millis() %}', chance: '{% $random() %}' } },
  First: invoke('echo', { id: 'first', run: '{% $id %}' }, { Assign: { first: '{% $states.result.Payload %}' } }),
  Pause: { Type: 'Wait', Seconds: 30 },
  Flaky: invoke(
    'flaky',
    { id: 'flaky', attempt: '{% $states.context.State.RetryCount %}' },
    { Retry: [{ ErrorEquals: ['Busy'], IntervalSeconds: 2, MaxAttempts: 3, JitterStrategy: 'FULL' }] },
  ),
  Each: {
    Type: 'Map',
    Items: '{% [1..4] %}',
    MaxConcurrency: 2,
    ItemSelector: { n: '{% $states.context.Map.Item.Value %}', run: '{% $id %}' },
    ItemProcessor: sequence({
      Item: invoke(
        'echo',
        { id: '{% "item" & $states.input.n %}', n: '{% $states.context.Map.Item.Index %}' },
        { Assign: { mine: '{% $states.result.Payload.n %}' } },
      ),
      Rest: { Type: 'Wait', Seconds: 1 },
      Report: { Type: 'Pass', Output: { mine: '{% $mine %}', run: '{% $id %}' } },
    }),
    Assign: { each: '{% $states.result %}' },
  },
  Both: {
    Type: 'Parallel',
    Branches: [
      sequence({ Left: invoke('echo', { id: 'left' }), LeftWait: { Type: 'Wait', Seconds: 5 }, LeftEnd: invoke('echo', { id: 'left2' }) }),
      sequence({
        Right: invoke('echo', { id: 'right' }),
        Ask: {
          ...invoke('ask', { token: '{% $states.context.Task.Token %}', with: { yes: true } }),
          Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
          Output: '{% $states.result %}',
          TimeoutSeconds: 600,
        },
      }),
    ],
  },
  Fails: {
    Type: 'Parallel',
    Branches: [sequence({ Bad: invoke('bad', { id: 'bad' }) }), sequence({ Sleeps: { Type: 'Wait', Seconds: 9 } })],
    Retry: [{ ErrorEquals: ['Broken'], MaxAttempts: 1, IntervalSeconds: 3 }],
    Catch: [{ ErrorEquals: ['Broken'], Next: 'Sorted', Assign: { why: '{% $states.errorOutput.Error %}' }, Output: { caught: true } }],
  },
  Sorted: { Type: 'Choice', Choices: [{ Condition: "{% $why = 'Broken' %}", Next: 'Last', Assign: { way: 'broken' } }], Default: 'Wrong' },
  Last: invoke(
    'echo',
    { id: 'last', ids: '{% [$id, $first.run] %}', each: '{% $each %}', way: '{% $way %}', at: '{% $at %}', chance: '{% $chance %}' },
    { End: true },
  ),
  Wrong: { Type: 'Fail', Error: 'Wrong' },
});

function functionsOf(): { [name: string]: TestFunction } {
  let busy = 0;
  return {
    echo,
    flaky: (payload) => ((payload as { attempt: number }).attempt < 2 && ++busy > 0 ? throws('Busy') : payload),
    bad: () => throws('Broken'),
  };
}

describe('a crash', () => {
  it('at any commit loses nothing, repeats no completed task and leaves no gap in the history', { timeout: 60_000 }, async () => {
    const { images, finished } = await runWithImages(everything, { order: 7 }, functionsOf());
    expect(finished.status).toBe('SUCCEEDED');
    expect(isGapFree(finished.events)).toBe(true);
    expect(images.length).toBeGreaterThan(20);

    let recovered = 0;
    for (const image of images) {
      const again = await recoverFrom(image, functionsOf());
      if (!again) continue;
      recovered++;
      expect(again.finished.status, again.finished.cause ?? '').toBe('SUCCEEDED');
      expect(isGapFree(again.finished.events)).toBe(true);
      // What was decided stays decided.
      expect(again.finished.events.slice(0, again.before.length)).toEqual(again.before);
      const done = completed(again.before);
      const finally_ = completed(again.finished.events);
      expect(new Set(finally_).size).toBe(finally_.length);
      for (const id of done) expect(finally_).toContain(id);
      // The number of calls made after the restart is what was left to do (a call in flight is made again).
      const left =
        again.finished.types.filter((type) => type === 'TaskSucceeded' || type === 'TaskFailed').length -
        again.before.filter(({ type }) => type === 'TaskSucceeded' || type === 'TaskFailed').length;
      const inFlight = again.calls.length;
      expect(inFlight).toBeGreaterThanOrEqual(left - 1);
      expect(inFlight).toBeLessThanOrEqual(left + 1);
      const result = again.finished.result as { ids: string[]; way: string };
      expect(result.ids[0]).toBe(result.ids[1]);
      expect(result.way).toBe('broken');
      expect(again.finished.types).toEqual(expect.arrayContaining(['MapStateExited', 'ParallelStateFailed']));
    }
    expect(recovered).toBeGreaterThan(15);
  });

  it('leaves a Wait its moment', async () => {
    const { images } = await runWithImages(sequence({ Pause: { Type: 'Wait', Seconds: 100 } }), {}, {});
    const waiting = images[images.length - 1];
    if (!waiting) throw new Error('no image');
    const database = openDatabase({ path: waiting.file });
    const clock = virtualClock(waiting.at - 40_000);
    const here = world({ database, clock });
    const [arn] = await here.engine.recover();
    const finished = await here.finish(arn ?? '');

    expect((finished.stopDate ?? 0) - finished.startDate).toBe(100_000);
    here.engine.close();
    database.close();
  });

  it('leaves a task token valid and its time limit running', async () => {
    const file = path.join(folder, 'token.sqlite');
    const database = openDatabase({ path: file });
    const tokens: string[] = [];
    const ask: TestFunction = (payload) => {
      tokens.push((payload as { token: string }).token);
      return null;
    };
    const task = {
      ...invoke('ask', { token: '{% $states.context.Task.Token %}' }),
      Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
      Output: '{% $states.result %}',
      TimeoutSeconds: 60,
    };
    const first = world({ database, functions: { ask } });
    const arn = await first.start(sequence({ Ask: task }));
    const late = await first.start(sequence({ AskLate: task }));
    await settle();
    first.engine.close();
    database.close();

    const reopened = openDatabase({ path: file });
    const clock = virtualClock(first.clock.now() + 50_000);
    const second = world({ database: reopened, clock, functions: { ask } });
    await second.engine.recover();
    await second.engine.sendTaskSuccess(tokens[0] ?? '', '{"approved":true}');
    const finished = await second.finish(arn);
    const timedOut = await second.finish(late);

    expect(finished.result).toEqual({ approved: true });
    expect(second.calls).toEqual([]);
    expect(timedOut.error).toBe('States.Timeout');
    expect((timedOut.stopDate ?? 0) - timedOut.startDate).toBe(60_000);
    second.engine.close();
    reopened.close();
  });

  it('starts the time limit of a call in flight anew', async () => {
    const file = path.join(folder, 'flight.sqlite');
    const database = openDatabase({ path: file });
    const never: TestFunction = () => new Promise(() => {});
    const first = world({ database, functions: { never } });
    const arn = await first.start(sequence({ Call: invoke('never', { id: 1 }, { TimeoutSeconds: 60 }) }));
    await settle();
    first.engine.close();
    database.close();

    const reopened = openDatabase({ path: file });
    const clock = virtualClock(first.clock.now() + 50_000);
    const second = world({ database: reopened, clock, functions: { never } });
    await second.engine.recover();
    const finished = await second.finish(arn);

    expect(second.calls).toEqual(['never']);
    expect((finished.stopDate ?? 0) - finished.startDate).toBe(110_000);
    second.engine.close();
    reopened.close();
  });

  it('finds a child and its parent together again', async () => {
    const file = path.join(folder, 'child.sqlite');
    const database = openDatabase({ path: file });
    const first = world({ database });
    const child = await first.engine.createStateMachine({
      name: 'child',
      definition: JSON.stringify({
        QueryLanguage: 'JSONata',
        ...sequence({ Pause: { Type: 'Wait', Seconds: 10 }, End: { Type: 'Pass', Output: { answer: 42 } } }),
      }),
    });
    const call = {
      Type: 'Task',
      Resource: 'arn:aws:states:::states:startExecution.sync:2',
      Arguments: { StateMachineArn: child.stateMachineArn, Name: 'the-child', Input: { x: 1 } },
      Output: '{% $states.result.Output %}',
    };
    const arn = await first.start(sequence({ Call: call }));
    first.engine.close();
    database.close();

    const reopened = openDatabase({ path: file });
    const second = world({ database: reopened, clock: virtualClock(first.clock.now()) });
    const arns = await second.engine.recover();
    const finished = await second.finish(arn);

    expect(arns).toHaveLength(2);
    expect(finished.result).toEqual({ answer: 42 });
    expect(finished.types.filter((type) => type === 'TaskSubmitted')).toHaveLength(1);
    second.engine.close();
    reopened.close();
  });
});

describe('commit before effect', () => {
  it('calls a function of another process only after its start is on disk', async () => {
    const file = path.join(folder, 'effect.sqlite');
    const database = openDatabase({ path: file });
    const seen: string[][] = [];
    const look: TestFunction = () => {
      const other = openDatabase({ path: file });
      const rows = other.prepare('SELECT entries FROM engine_journal ORDER BY id').all() as { entries: string }[];
      seen.push(rows.flatMap(({ entries }) => [...entries.matchAll(/"(Task\w+)",/g)].map(([, type]) => type ?? '')));
      other.close();
      return { id: 'looked' };
    };
    const here = world({ database, functions: { look } });
    await here.run(sequence({ One: invoke('look', {}), Two: invoke('look', {}) }));
    here.engine.close();
    database.close();

    expect(seen[0]).toEqual(['TaskStateEntered', 'TaskScheduled', 'TaskStarted']);
    expect(seen[1]).toEqual([
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskSucceeded',
      'TaskStateExited',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
    ]);
  });

  it('costs one commit per step when the function runs in this process', async () => {
    const database = openDatabase({ path: path.join(folder, 'commits.sqlite') });
    const lambda = Object.assign(
      async () => {
        // As the step function does: its own records, then the commit, then the request.
        database.write(() => {});
        await database.committed();
        await new Promise((resolve) => setImmediate(resolve));
        return { payload: { ok: true } };
      },
      { inProcess: true },
    );
    const here = world({ database, lambda });
    const definition = sequence({ A: invoke('f', {}), B: invoke('f', {}), C: invoke('f', {}), D: invoke('f', {}), E: invoke('f', {}) });
    await here.engine.createStateMachine({ name: 'm', definition: JSON.stringify({ QueryLanguage: 'JSONata', ...definition }) });
    const before = database.commits;
    const { executionArn } = await here.engine.startExecution({ stateMachineArn: 'arn:aws:states:us-east-1:111111111111:stateMachine:m' });
    await here.engine.wait(executionArn);

    expect(database.commits - before).toBe(6);
    here.engine.close();
    database.close();
  });
});
