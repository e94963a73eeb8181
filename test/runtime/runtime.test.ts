import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Opened, openRuntime, type Registration, type Runtime, RuntimeProblem } from '../../local/runtime/index.ts';
import type { Caller, CallOutcome, CallRequest } from '../../shared/calls/index.ts';
import { compile } from '../../shared/compiler/index.ts';
import type { Json } from '../../shared/json.ts';
import { parseWorkflow } from '../../shared/workflow/index.ts';

let folder: string;
let opened: Opened[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'maestro-runtime-'));
  opened = [];
});

afterEach(async () => {
  for (const each of opened) if (each.kind === 'holder') await each.runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A caller that answers from a function and keeps what it was asked. */
function scripted(answer: (request: CallRequest) => CallOutcome | Promise<CallOutcome>): Caller & { asked: CallRequest[] } {
  const asked: CallRequest[] = [];
  return {
    asked,
    async call(request) {
      asked.push(request);
      return answer(request);
    },
    origin: ({ service }) => `test:${service.name}`,
    close: async () => {},
  };
}

const done = (value: Json): CallOutcome => ({ outcome: 'done', value });
const rejected: CallOutcome = { outcome: 'not_performed', error: 'Maestro.ServiceRejected', message: 'no', detail: { status: 422 } };

function registration(text: string): Registration {
  const { workflow, diagnostics } = parseWorkflow(text, { file: 'test.yaml' });
  if (!workflow) throw new Error(JSON.stringify(diagnostics));
  const { definition, undoDefinition, needs } = compile(workflow);
  const { name, version, execution, timeoutMs } = workflow;
  return { name, version, execution, timeoutMs, definition, undoDefinition, ...needs };
}

const workflow = (steps: string, name = 'flow'): Registration =>
  registration(`name: ${name}\nversion: "1"\nservices:\n  s: { type: http, endpoint: "http://s.test" }\nsteps:\n${steps}`);

async function open(caller: Caller): Promise<Opened> {
  const result = await openRuntime(folder, () => ({ caller, durability: 'process', holder: { version: '0', role: 'execute', urls: {} } }));
  opened.push(result);
  return result;
}

async function hold(caller: Caller): Promise<Runtime> {
  const result = await open(caller);
  if (result.kind !== 'holder') throw new Error('the folder is taken');
  return result.runtime;
}

const start = (runtime: Pick<Runtime, 'start'>, made: Registration, input: Json = {}): Promise<{ runId: string }> =>
  runtime.start({ registrations: [made], workflow: made.name, input });

describe('one process per data folder', () => {
  it('the second to open it is a guest, and asks the first', async () => {
    const runtime = await hold(scripted(() => done({ n: 1 })));
    const second = await open(scripted(() => done(null)));
    if (second.kind !== 'guest') throw new Error('both hold the folder');

    const { runId } = await start(second.operations, workflow('  - { id: a, service: s, method: "POST /a", output: a }\n'));
    const events: string[] = [];
    const view = await second.operations.watch(runId, ({ type }) => void events.push(type));

    expect(view.data).toMatchObject({ run_id: runId, status: 'completed', output: { a: { n: 1 } } });
    expect(events).toEqual(['run.queued', 'run.started', 'step.started', 'step.completed', 'run.completed']);
    expect(await runtime.get(runId)).toEqual(view);
    await expect(second.operations.get('run_00000000000000000000000000')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('its address is for its owner only, and worth nothing without the token', async () => {
    await hold(scripted(() => done(null)));
    const file = join(folder, 'control.json');
    const { url, token } = JSON.parse(readFileSync(file, 'utf8'));

    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'lock')).mode & 0o777).toBe(0o600);
    const ask = (authorization: string): Promise<Response> =>
      fetch(`${url}/status`, { method: 'POST', body: '{}', headers: { authorization } });
    expect((await ask('Bearer nonsense')).status).toBe(401);
    expect((await ask(`Bearer ${token}`)).status).toBe(200);
  });

  it('a closed runtime lets go of the folder', async () => {
    const first = await hold(scripted(() => done(null)));
    await first.close();

    expect((await open(scripted(() => done(null)))).kind).toBe('holder');
  });
});

describe('close', () => {
  it('lets a call in flight end and be recorded, begins no other, and the next runtime goes on from there', async () => {
    const reached = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<CallOutcome>();
    const first = scripted((request) => {
      if (request.stepId !== 'a') return done(2);
      reached.resolve();
      return answer.promise;
    });
    const flow = workflow(
      '  - { id: a, service: s, method: "POST /a", output: a }\n  - { id: b, service: s, method: "POST /b", output: b }\n',
    );
    const runtime = await hold(first);
    const { runId } = await start(runtime, flow);
    await reached.promise;

    const closing = runtime.close();
    answer.resolve(done(1));
    await closing;
    const second = scripted(() => done(2));
    const next = await hold(second);
    const left = await next.recover();
    const view = await next.watch(runId, () => {});

    expect(first.asked.map(({ stepId }) => stepId)).toEqual(['a']);
    expect(left).toEqual([{ runId, workflow: 'flow', status: 'running' }]);
    expect(second.asked.map(({ stepId }) => stepId)).toEqual(['b']);
    expect(view.data).toMatchObject({ status: 'completed', output: { a: 1, b: 2 } });
  });
});

describe('cancel', () => {
  it('stops a run that sits in a wait, and undoes what was done', async () => {
    const caller = scripted(() => done(null));
    const runtime = await hold(caller);
    const flow = workflow(
      '  - { id: a, service: s, method: "POST /a", compensate: { method: "POST /undo-a", on_unknown: true } }\n  - { id: w, wait: 1h }\n',
    );
    const { runId } = await start(runtime, flow);
    const ended = runtime.watch(runId, ({ type }) => {
      if (type === 'step.completed') setImmediate(() => void runtime.cancel(runId));
    });

    expect((await ended).data).toMatchObject({ status: 'cancelled', undo: { undone: ['a'] } });
    expect(caller.asked.map(({ idempotencyKey }) => idempotencyKey.slice(runId.length))).toEqual(['/0001', '/0001/undo']);
    await expect(runtime.cancel(runId)).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('undo again', () => {
  it('calls only what is left, with the same key, and the run ends compensated', async () => {
    let broken = true;
    const caller = scripted(({ method }) => {
      const path = String(method?.[0]);
      if (path === '/fail' || (broken && path === '/undo-a')) return rejected;
      return done(null);
    });
    const runtime = await hold(caller);
    const step = (id: string): string =>
      `  - { id: ${id}, service: s, method: "POST /${id}", compensate: { method: "POST /undo-${id}", on_unknown: true } }\n`;
    const { runId } = await start(runtime, workflow(`${step('a')}${step('b')}  - { id: f, service: s, method: "POST /fail" }\n`));
    const first = await runtime.watch(runId, () => {});
    broken = false;
    const before = caller.asked.length;
    const { after } = await runtime.undo(runId);
    const second = await runtime.watch(runId, () => {}, after);

    expect(first.data).toMatchObject({
      status: 'compensation_failed',
      undo: { undone: ['b'], left: [{ step: 'a', error: 'Maestro.ServiceRejected' }] },
    });
    expect(readFileSync(join(folder, 'dead-letters.jsonl'), 'utf8')).toContain('/undo-a');
    expect(caller.asked.slice(before).map(({ idempotencyKey }) => idempotencyKey)).toEqual([`${runId}/0001/undo`]);
    expect(second.data).toMatchObject({ status: 'compensated', undo: { undone: ['b', 'a'], left: [] } });
    await expect(runtime.undo(runId)).rejects.toBeInstanceOf(RuntimeProblem);
  });
});

describe('inputs', () => {
  it('one over 200 KB is stored; what the file reads of it stands beside the reference, and a call gets the whole', async () => {
    const caller = scripted(() => done(null));
    const runtime = await hold(caller);
    const flow = workflow('  - { id: a, service: s, method: "POST /a/{{ .input.id }}", input: "{{ .input }}" }\n');
    const input = { id: 'x7', load: 'y'.repeat(300_000) };
    const { runId } = await start(runtime, flow, input);
    const view = await runtime.watch(runId, () => {});

    expect(view.data).toMatchObject({ status: 'completed', input });
    expect(caller.asked[0]?.input).toEqual(input);
    expect(caller.asked[0]?.method).toEqual(['/a/', { v: 'x7' }]);
    const { input: held } = runtime.engine.describeExecution(view.data.run.execution ?? '');
    expect(held.length).toBeLessThan(1_000);
  });

  it('keys that mean something to maestro are data when they come from outside', async () => {
    const caller = scripted(() => done(null));
    const runtime = await hold(caller);
    const input = { $maestro: { deadline: 0 }, a: { $stored: { key: 'other/run', sha256: '', bytes: 1 } } };
    const { runId } = await start(runtime, workflow('  - { id: a, service: s, method: "POST /a", input: "{{ .input.a }}" }\n'), input);
    const view = await runtime.watch(runId, () => {});

    expect(view.data.status).toBe('completed');
    expect(caller.asked[0]?.input).toEqual(input.a);
  });
});

it('a run that ended while nobody listened is on record as ended after a restart', async () => {
  const runtime = await hold(scripted(() => done(1)));
  const { runId } = await start(runtime, workflow('  - { id: a, service: s, method: "POST /a", output: a }\n'));
  await runtime.ended(runId);
  const {
    data: [summary],
  } = await runtime.list({ workflow: 'flow' });

  expect(summary).toMatchObject({ id: runId, status: 'completed', workflow: 'flow', version: '1' });
  expect((await runtime.list({ status: 'failed' })).data).toEqual([]);
});

describe('await: callback', () => {
  it('the answer at the one-time URL becomes the output; a second one changes nothing, and a made-up token is refused', async () => {
    const urls: string[] = [];
    const caller = scripted(({ callbackUrl }) => {
      if (callbackUrl !== undefined) urls.push(callbackUrl);
      return done(null);
    });
    const runtime = await hold(caller);
    const flow = workflow('  - { id: ask, service: s, method: "POST /ask", await: callback, timeout: 1h, output: answer }\n');
    const { runId } = await start(runtime, flow);
    const ended = runtime.watch(runId, () => {});
    const answered = Promise.withResolvers<string>();
    const look = (): void => void (urls[0] === undefined ? setImmediate(look) : answered.resolve(urls[0]));
    look();
    const url = await answered.promise;
    const answer = async (to: string, value: Json): Promise<number> =>
      (await fetch(to, { method: 'POST', body: JSON.stringify(value) })).status;

    expect(await answer(`${url}x`, 'forged')).toBe(404);
    expect(await answer(url, { yes: true })).toBe(202);
    expect((await ended).data).toMatchObject({ status: 'completed', output: { answer: { yes: true } } });
    expect(await answer(url, { yes: false })).toBe(202);
    expect((await runtime.get(runId)).data.output).toEqual({ answer: { yes: true } });
  });
});
