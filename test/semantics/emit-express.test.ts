// Events, callbacks, checkpoints and express runs: what is told, what is waited for, and what is undone.

import { afterEach, describe, expect, test } from 'vitest';
import { type Simulation, simulate, type TokenReply, type TokenRequest } from '../../local/simulate/index.ts';
import type { Json } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import { createWorld, historyOf, lost, ok, rejected, type World, type WorldOptions, workflowOf } from './world.ts';

let world: World | undefined;

async function open(text: string, options: WorldOptions = {}): Promise<World> {
  world = await createWorld(text, options);
  return world;
}

afterEach(async () => {
  await world?.close();
  world = undefined;
});

function file(steps: string, more = ''): string {
  return `name: told\nversion: "1"\n${more}services:\n  s: { type: http, endpoint: "http://s", timeout: 30s, breaker: false, idempotent: true }\nsteps:\n${steps}`;
}

function call(id: string, more = 'compensate: { method: /undo }'): string {
  return `  - { id: ${id}, service: s, method: /${id}, ${more} }\n`;
}

const failing: NonNullable<WorldOptions['mock']> = ({ step, kind }) =>
  step === 'end' && kind === 'do' ? rejected('end says no') : undefined;

describe('an emit', () => {
  const EVENT =
    'emit: { detail_type: "order {{ .input.id }}", detail: { id: "{{ .input.id }}", text: "{% x %} ${y} \\u2028", all: "{{ .input }}" } }';

  test('without compensate goes straight to the bus, resolved, and nothing of it is recorded as a step to undo', async () => {
    const opened = await open(file(`${call('a')}  - { id: tell, ${EVENT} }\n${call('end')}`), { mock: failing });
    const run = await opened.run({ id: 7 });
    expect(run).toMatchObject({ status: 'compensated', undone: ['a'], left: [], unresolved: [] });
    expect(opened.log()).toEqual(['a', 'end', 'undo a']);
    const sent = scheduled(historyOf(opened, run.id, 'told'), 'putEvents');
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      Entries: [{ Source: 'maestro', DetailType: 'order 7', Detail: { id: 7, text: '{% x %} ${y} \u2028', all: { id: 7 } } }],
    });
  });

  test('with compensate goes through the step function and is undone in its place', async () => {
    const undo = 'compensate: { service: s, method: /untell, input: { id: "{{ .input.id }}", why: "{{ .error.message }}" } }';
    const opened = await open(file(`${call('a')}  - { id: tell, ${EVENT}, ${undo} }\n${call('b')}${call('end')}`), { mock: failing });
    const run = await opened.run({ id: 7 });
    expect(run).toMatchObject({ status: 'compensated', undone: ['b', 'tell', 'a'] });
    expect(opened.undos()).toEqual(['b', 'tell', 'a']);
    const untell = opened.calls.find(({ method }) => method === '/untell');
    expect(untell).toMatchObject({ input: { id: 7, why: 'end says no' }, key: `${run.id}/0002/undo` });
    expect(await opened.step(run.id, 'tell')).toMatchObject({ kind: 'emit', state: 'done', undoState: 'undone' });
  });

  test('that was not reached, or that when passed over, is not undone', async () => {
    const undo = 'compensate: { service: s, method: /untell }';
    const opened = await open(
      file(`  - { id: tell, when: ".input.never", ${EVENT}, ${undo} }\n${call('end')}  - { id: late, ${EVENT}, ${undo} }\n`),
      { mock: failing },
    );
    const run = await opened.run({ id: 1 });
    expect(run.status).toBe('failed');
    expect(opened.log()).toEqual(['end']);
  });

  test('may be the last step, and its failure may be let go', async () => {
    const undo = 'compensate: { service: s, method: /untell }';
    for (const more of ['', ', on_error: continue', `, ${undo}`, `, ${undo}, on_error: continue`]) {
      const opened = await open(file(`  - { id: tell, ${EVENT}${more} }\n`));
      expect(await opened.run({ id: 1 })).toMatchObject({ status: 'completed', error: null });
      await world?.close();
    }
    world = undefined;
  });

  test('in a foreach is undone for each item, last first', async () => {
    const tell =
      '{ id: tell, emit: { detail_type: told, detail: { it: "{{ .item }}" } }, compensate: { service: s, method: /untell, input: "{{ .item }}" } }';
    const opened = await open(file(`  - id: each\n    foreach: "{{ .input.list }}"\n    steps:\n      - ${tell}\n${call('end')}`), {
      mock: failing,
    });
    const run = await opened.run({ list: ['x', { y: 1 }, 'z'] });
    expect(run.status).toBe('compensated');
    expect(opened.calls.filter(({ kind }) => kind === 'undo').map(({ input }) => input)).toEqual(['z', { y: 1 }, 'x']);
  });
});

describe('a callback', () => {
  const ASK =
    '{ id: ask, service: s, method: /ask, await: callback, timeout: 2h, output: answer, input: { at: { url: "{{ callback.url }}" }, id: "{{ .input.id }}" }, compensate: { method: /unask, input: "{{ .answer.id }}" } }';

  test('hands its service a URL of one use, as header and where the file puts it, and is done with the answer to it', async () => {
    const urls: (string | undefined)[] = [];
    const opened = await open(file(`  - ${ASK}\n${call('end', 'input: "{{ .answer }}"')}`), {
      mock: ({ step, request }) => {
        if (step === 'ask') urls.push(request.callbackUrl);
        return undefined;
      },
    });
    const id = await opened.start({ id: 5 });
    await opened.pass(60_000);
    const [url] = urls;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:1\/callbacks\/run_/);
    expect(opened.calls[0]?.input).toEqual({ at: { url }, id: 5 });
    expect(opened.log()).toEqual(['ask']);
    await opened.drive(opened.runtime.answerCallback(url?.split('/').at(-1) ?? '', { id: 'made', $stored: 1 }));
    const run = await opened.end(id);
    expect(run.status).toBe('completed');
    expect(opened.calls[1]?.input).toEqual({ id: 'made', $stored: 1 });
  });

  test('takes the first answer only, and none to a token that is not one', async () => {
    let token = '';
    const opened = await open(file(`  - ${ASK}\n  - { id: pause, wait: 10s }\n${call('end', 'input: "{{ .answer }}"')}`), {
      mock: ({ step, request }) => {
        if (step === 'ask') token = request.callbackUrl?.split('/').at(-1) ?? '';
        return undefined;
      },
    });
    const id = await opened.start({});
    await opened.pass(1_000);
    for (const wrong of ['', 'x', `${token}x`, token.slice(0, -1), token.replace(id, id.replace('run_', 'run_1'))])
      expect(await opened.refusal(() => opened.runtime.answerCallback(wrong, {}))).toBe('not_found');
    await opened.drive(opened.runtime.answerCallback(token, { id: 1 }));
    await opened.drive(opened.runtime.answerCallback(token, { id: 2 }));
    const run = await opened.end(id);
    expect(run.status).toBe('completed');
    expect(opened.calls.at(-1)?.input).toEqual({ id: 1 });
  });

  test('that was answered is undone with its answer', async () => {
    const { status, calls } = await simulated(`${call('a')}  - ${ASK}\n${call('end')}`, () => ({
      takesMs: 3_600_000,
      output: { id: 'made' },
    }));
    expect(status).toBe('compensated');
    expect(calls.filter(({ kind }) => kind === 'undo').map(({ step, input }) => [step, input])).toEqual([
      ['ask', 'made'],
      ['a', null],
    ]);
  });

  test('that its service says has failed is a failure of the step, which has nothing to undo', async () => {
    const { status, error, calls } = await simulated(`${call('a')}  - ${ASK}\n`, () => ({ error: 'Out.OfStock', message: 'none left' }));
    expect(status).toBe('compensated');
    expect(error).toMatchObject({ step: 'ask', error: 'Out.OfStock', message: expect.stringContaining('none left') });
    expect(undone(calls)).toEqual(['a']);
  });

  test('that nobody answers fails after its own timeout, with an unknown outcome', async () => {
    const { status, error, calls, report, tookMs } = await simulated(`${call('a')}  - ${ASK}\n`, () => null);
    expect(tookMs).toBeGreaterThanOrEqual(7_200_000);
    expect(tookMs).toBeLessThan(7_300_000);
    expect(error?.step).toBe('ask');
    expect(status).toBe('compensation_failed');
    expect(report).toMatchObject({ unresolved: ['ask'], undone: ['a'] });
    expect(undone(calls)).toEqual(['a']);
  });

  test('that nobody answers is undone where its undo may be called on a doubt', async () => {
    const onDoubt = ASK.replace('input: "{{ .answer.id }}"', 'on_unknown: true');
    const { status, calls } = await simulated(`${call('a')}  - ${onDoubt}\n`, () => null);
    expect(status).toBe('compensated');
    expect(undone(calls)).toEqual(['ask', 'a']);
  });

  test('whose request is refused fails at once and waits for nothing', async () => {
    const opened = await open(file(`${call('a')}  - ${ASK}\n`), {
      mock: ({ step, kind }) => (step === 'ask' && kind === 'do' ? rejected() : undefined),
    });
    const run = await opened.run({});
    expect(run).toMatchObject({ status: 'compensated', error: { step: 'ask', error: 'Maestro.ServiceRejected' }, duration_ms: 0 });
    expect(opened.log()).toEqual(['a', 'ask', 'undo a']);
  });

  test('whose request was lost fails with an unknown outcome, which an answer that comes all the same does not change', async () => {
    let token = '';
    const opened = await open(file(`${call('a')}  - ${ASK}\n`), {
      mock: ({ step, kind, request }) => {
        if (step !== 'ask' || kind === 'undo') return undefined;
        token = request.callbackUrl?.split('/').at(-1) ?? '';
        return lost();
      },
    });
    const run = await opened.run({});
    expect(run).toMatchObject({ status: 'compensation_failed', unresolved: ['ask'] });
    expect(opened.undos()).toEqual(['a']);
    await opened.refusal(() => opened.runtime.answerCallback(token, { id: 3 }));
    await opened.pass(120_000);
    expect(await opened.get(run.id)).toMatchObject({ status: 'compensation_failed', unresolved: ['ask'] });
    expect(opened.undos()).toEqual(['a']);
  });

  test('that is let go after its timeout has its default for an output', async () => {
    const lax = ASK.replace('await: callback', 'await: callback, on_error: continue, default: { id: none }');
    const { status, output } = await simulated(
      `  - ${lax}\n  - { id: x, service: s, method: /x, input: "{{ .answer }}" }\n`,
      () => null,
      'output: "{{ .answer.id }}"\n',
    );
    expect({ status, output }).toEqual({ status: 'completed', output: 'none' });
  });
});

describe('a checkpoint', () => {
  const check = (more: string): string =>
    `  - { id: ok, checkpoint: { title: "Go on with {{ .input.id }}?", timeout: 2h, ${more} }, output: said }\n`;
  const answer: TokenReply = {
    takesMs: 60_000,
    output: { decision: 'respond', answer: { text: 'yes' }, by: 'eva', at: '2026-01-01T00:01:00Z' },
  };

  test('that is answered goes on with the answer', async () => {
    const { status, calls } = await simulated(`${check('on_timeout: fail')}${call('next', 'input: "{{ .said }}"')}`, () => answer);
    expect(status).toBe('completed');
    expect(calls[0]).toMatchObject({ input: 'output' in answer ? answer.output : null, atMs: 60_000 });
  });

  test('that is rejected ends the run, with undo', async () => {
    const { status, error, calls } = await simulated(`${call('a')}${check('allow: [approve, reject]')}${call('next')}`, () => ({
      error: 'Maestro.Rejected',
      message: 'not this one',
    }));
    expect(status).toBe('compensated');
    expect(error).toMatchObject({ step: 'ok', error: 'Maestro.Rejected', message: expect.stringContaining('not this one') });
    expect(undone(calls)).toEqual(['a']);
    expect(calls.map(({ step }) => step)).not.toContain('next');
  });

  test('that nobody answers fails, where on_timeout says fail', async () => {
    const { status, error, calls } = await simulated(`${call('a')}${check('on_timeout: fail')}${call('next')}`, () => null);
    expect(status).toBe('compensated');
    expect(error).toMatchObject({ step: 'ok' });
    expect(error?.error).not.toBe('Maestro.Rejected');
    expect(undone(calls)).toEqual(['a']);
  });

  test('that nobody answers is rejected, where on_timeout says reject', async () => {
    const { status, error, calls } = await simulated(`${call('a')}${check('on_timeout: reject')}${call('next')}`, () => null);
    expect(status).toBe('compensated');
    expect(error).toMatchObject({ step: 'ok', error: 'Maestro.Rejected' });
    expect(undone(calls)).toEqual(['a']);
  });

  test('that nobody answers goes on with its default, where on_timeout says continue', async () => {
    const more = 'on_timeout: continue, default: { text: "{% none %}" }';
    const { status, calls } = await simulated(`${check(more)}${call('next', 'input: "{{ .said }}"')}`, () => null);
    expect(status).toBe('completed');
    expect(calls[0]).toMatchObject({ atMs: 7_200_000, input: { decision: null, answer: { text: '{% none %}' }, by: null, at: null } });
  });

  test('waits without a call, says so in the status, and undoes when the run is cancelled meanwhile', async () => {
    const opened = await open(file(`${call('a')}${check('on_timeout: continue')}${call('next')}`));
    const id = await opened.start({ id: 'x' });
    await opened.pass(1_000);
    expect((await opened.get(id)).status).toBe('waiting_checkpoint');
    await opened.drive(opened.runtime.cancel(id));
    const run = await opened.end(id);
    expect(run.status).toBe('cancelled');
    expect(opened.log()).toEqual(['a', 'undo a']);
  });

  test('in each of several items waits for an answer of its own', async () => {
    const each = `  - id: each\n    foreach: "{{ [1, 2, 3] }}"\n    output: all\n    steps:\n    ${check('on_timeout: continue')}`;
    const { status, output } = await simulated(
      each,
      ({ items }) => (items[0] === 1 ? null : { takesMs: 1_000, output: { n: items[0] ?? null } }),
      'output: "{{ pluck(.all, \'n\') }}"\n',
    );
    expect({ status, output }).toEqual({ status: 'completed', output: [0, null, 2] });
  });
});

describe('an express run', () => {
  const EXPRESS = 'execution: express\ntimeout: 10s\n';

  test('ends on record, with its output', async () => {
    const opened = await open(file(`${call('a', 'output: got')}${call('b', 'input: 1')}`, `${EXPRESS}output: { got: "{{ .got }}" }\n`), {
      mock: ({ step }) => ok({ from: step }),
    });
    const run = await opened.run({});
    expect(run).toMatchObject({ status: 'completed', output: { got: { from: 'a' } }, error: null });
    expect(opened.log()).toEqual(['a', 'b']);
    expect(new Set(opened.calls.map(({ key }) => key))).toEqual(new Set([`${run.id}/0001`, `${run.id}/0002`]));
  });

  test('that fails is undone in order, and its report says so', async () => {
    const few = 'compensate: { method: /undo, timeout: 5s, retry: { attempts: 2, initial: 1s, max: 1s } }';
    const opened = await open(file(`${call('a', few)}${call('b', few)}${call('end', few)}`, EXPRESS), { mock: failing });
    const run = await opened.run({});
    expect(run).toMatchObject({
      status: 'compensated',
      undone: ['b', 'a'],
      left: [],
      error: { step: 'end', error: 'Maestro.ServiceRejected' },
    });
    expect(opened.undos()).toEqual(['b', 'a']);
  });

  test('whose undo fails tells what is left', async () => {
    const few = 'compensate: { method: /undo, timeout: 5s, retry: { attempts: 2, initial: 1s, max: 1s } }';
    const opened = await open(file(`${call('a', few)}${call('b', few)}${call('end', few)}`, EXPRESS), {
      mock: ({ step, kind }) =>
        kind === 'undo' ? (step === 'b' ? rejected('never') : undefined) : step === 'end' ? rejected() : undefined,
    });
    const run = await opened.run({});
    expect(run).toMatchObject({ status: 'compensation_failed', undone: ['a'], left: [{ step: 'b', error: 'Maestro.ServiceRejected' }] });
  });

  test('that fails with nothing to undo is failed', async () => {
    const opened = await open(file(`${call('a', 'input: 1')}${call('end', 'input: 1')}`, EXPRESS), { mock: failing });
    const run = await opened.run({});
    expect(run).toMatchObject({ status: 'failed', error: { step: 'end', error: 'Maestro.ServiceRejected' } });
  });

  test('without a step that calls anything ends on record too', async () => {
    const opened = await open(file('  - { id: s1, set: { x: "{{ .input.n + 1 }}" } }\n', `${EXPRESS}output: "{{ .x }}"\n`));
    const run = await opened.run({ n: 1 });
    expect(run).toMatchObject({ status: 'completed', output: 2 });
  });

  test('passes its deadline as another run does', async () => {
    const opened = await open(file(`${call('a', 'input: 1')}${call('slow', 'input: 1')}`, EXPRESS), {
      mock: ({ step }) => ok({}, step === 'slow' ? 60_000 : 4_000),
    });
    const run = await opened.run({});
    expect(run).toMatchObject({ status: 'failed', error: { step: 'slow', error: 'Maestro.DeadlineExceeded' } });
  });
});

/** A run with everything that is asked of people and services answered; `end` is refused. */
function simulated(steps: string, answerToken: (request: TokenRequest) => TokenReply | null, more = ''): Promise<Simulation> {
  return simulate({
    workflow: workflowOf(file(steps, more)),
    input: { id: 'x' },
    mock: (request) => failing(request) ?? ok({ ok: true }),
    answerToken,
  });
}

function undone(calls: Simulation['calls']): string[] {
  return calls.filter(({ kind }) => kind === 'undo').map(({ step }) => step);
}

/** What tasks of this kind were sent. */
function scheduled(history: Json[], resource: string): Json[] {
  return history.flatMap((event) => {
    const details = isJsonObject(event) ? event['taskScheduledEventDetails'] : undefined;
    if (!isJsonObject(details) || details['resource'] !== resource || typeof details['parameters'] !== 'string') return [];
    return [JSON.parse(details['parameters']) as Json];
  });
}
