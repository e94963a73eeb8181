// Operations that may be cut off at any point: how they are prepared, done, and what may be the case in the end.

import { findRun, listCheckpoints } from '../../shared/runs/index.ts';
import { type Mock, ok, rejected } from '../semantics/world.ts';
import { type Cloud, type CloudProcess, ME, type Role } from './cloud.ts';

const HEAD = 'version: "1"\ntimeout: 1h\nservices:\n  s: { type: http, endpoint: "http://s", breaker: false }\n';

function file(name: string, steps: string[], head = ''): string {
  return `name: ${name}\n${HEAD}${head}steps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
}

const A = '{ id: a, service: s, method: /a, output: av, compensate: { method: /undo-a } }';
const END = '{ id: end, service: s, method: /end }';
const ASK = '{ id: ask, checkpoint: { title: "Well?", allow: [approve, reject], timeout: 10m }, output: said }';
const BACK = '{ id: back, service: s, method: /back, await: callback, input: { url: "{{ callback.url }}" }, timeout: 10m }';
const PAUSE = '{ id: pause, wait: 8m }';

export const TWO = file('two', [A, END], 'triggers:\n  - event: { source: [web] }\n    dedupe: "{{ .event.detail.id }}"\n');
export const ASKS = file('asks', [A, ASK, END]);
export const BACKS = file('backs', [A, BACK, END]);
export const PATIENT = file('patient', [A, PAUSE, END]);
export const PLAIN = file('plain', ['{ id: p, service: s, method: /p }', ASK, END]);
export const FIRST_WAITS = file('first-waits', [PAUSE, END]);
const QUICK = file('quick', ['{ id: q, service: s, method: /q }'], 'execution: express\n').replace('timeout: 1h', 'timeout: 1m');
const PAIR = file('pair', [A, '{ id: b, service: s, method: /b, compensate: { method: /undo-b } }']);
const CHILD = file('kid', ['{ id: k, service: s, method: /k, compensate: { method: /undo-k } }', PAUSE]);
const PARENT = file('parent', [A, '{ id: run_kid, workflow: kid }', END]);

/** What is known of a run that an operation is about. */
export interface Subject {
  id: string;
  /** A checkpoint's id, a callback's token. */
  what?: string;
}

export interface Told {
  /** The operation was answered. */
  answered: boolean;
  /** It was asked for again after the process had died. */
  repeated: boolean;
}

export interface Operation {
  files: string[];
  /** Services that are not well: `mended` is true from the operation on. */
  mock?: (mended: () => boolean) => Mock;
  /** Whose process dies; default `api`. */
  role?: Role;
  /** All that comes before it. */
  prepare?(cloud: Cloud): Promise<Subject>;
  act(api: CloudProcess, cloud: Cloud, subject: Subject): Promise<unknown>;
  /** How all runs, in the order in which they were made, may have ended. */
  ends(told: Told): string[];
  /** What services may have been asked, in all. */
  calls: string[];
}

async function begin(cloud: Cloud, workflow: string): Promise<string> {
  const { service } = cloud.process('api');
  const { runId } = await cloud.drive(service.run(ME, cloud.source(), { workflow, mode: 'async' }));
  await cloud.pass(5_000);
  return runId;
}

export const running = (workflow: string) => async (cloud: Cloud) => ({ id: await begin(cloud, workflow) });

export const asked = (workflow: string) => async (cloud: Cloud) => {
  const id = await begin(cloud, workflow);
  const [checkpoint] = await cloud.drive(listCheckpoints(cloud.process('api').runs, id));
  return { id, what: checkpoint?.id ?? '' };
};

export async function calledBack(cloud: Cloud): Promise<Subject> {
  const id = await begin(cloud, 'backs');
  const input = cloud.calls.find(({ step }) => step === 'back')?.input as { url: string } | undefined;
  return { id, what: input?.url.split('/').at(-1) ?? '' };
}

export const start =
  (workflow: string, mode: 'sync' | 'async' | 'queued', idempotencyKey?: string): Operation['act'] =>
  ({ service }, cloud) =>
    service.run(ME, cloud.source(), { workflow, mode }, idempotencyKey === undefined ? {} : { idempotencyKey });

/** One run with a key, whoever died; without one at least those that were answered. */
const started =
  (status: string, key: boolean): Operation['ends'] =>
  ({ answered, repeated }) =>
    key || !repeated ? [status, ...(answered || repeated ? [] : [''])] : [status, `${status} ${status}`];

export const cancel =
  (force = false): Operation['act'] =>
  ({ service }, cloud, { id }) =>
    service.cancel(ME, cloud.source(), id, { force });

const stop: Operation['act'] = async ({ runs }, { engine }, { id }) => {
  const run = await findRun(runs, id);
  await engine.stopExecution({ executionArn: run?.execution ?? '', error: 'Operator' });
};

/** What is refused by a service until it is mended. */
export const refuses =
  (step: string, kind: 'do' | 'undo' = 'do') =>
  (mended: () => boolean): Mock =>
  (request) =>
    request.step === step && request.kind === kind && !mended() ? rejected() : ok({ ok: true });

const UNDONE = ['a', 'end', 'undo a'];

export const OPERATIONS: { [name: string]: Operation } = {
  'a start': { files: [TWO], act: start('two', 'sync'), ends: started('completed', false), calls: ['a', 'end', 'a', 'end'] },
  'a start with a key': { files: [TWO], act: start('two', 'async', 'k-1'), ends: started('completed', true), calls: ['a', 'end'] },
  'a queued start': { files: [TWO], act: start('two', 'queued'), ends: started('completed', false), calls: ['a', 'end', 'a', 'end'] },
  'a queued start with a key': { files: [TWO], act: start('two', 'queued', 'k-1'), ends: started('completed', true), calls: ['a', 'end'] },
  'a queued start, the starter dying': {
    files: [TWO],
    role: 'starter',
    act: start('two', 'queued'),
    ends: () => ['completed'],
    calls: ['a', 'end'],
  },
  'a triggered start, told twice, the starter dying': {
    files: [TWO],
    role: 'starter',
    async act(_api, cloud) {
      const event = { id: 'e-1', source: 'web', detail: { id: 'o-1' } };
      for (let n = 0; n < 2; n++) cloud.send(JSON.stringify({ trigger: { workflow: 'two', index: 0 }, event }));
    },
    ends: () => ['completed'],
    calls: ['a', 'end'],
  },
  'an approval': {
    files: [ASKS],
    prepare: asked('asks'),
    act: ({ service }, cloud, { id, what = '' }) => service.resolveCheckpoint(ME, cloud.source(), id, what, { decision: 'approve' }),
    ends: ({ answered, repeated }) => (answered || repeated ? ['completed'] : ['completed', 'compensated']),
    calls: UNDONE,
  },
  'a rejection': {
    files: [ASKS],
    prepare: asked('asks'),
    act: ({ service }, cloud, { id, what = '' }) => service.resolveCheckpoint(ME, cloud.source(), id, what, { decision: 'reject' }),
    ends: () => ['compensated'],
    calls: UNDONE,
  },
  'an answer to a callback': {
    files: [BACKS],
    prepare: calledBack,
    act: ({ service }, cloud, { what = '' }) => service.answerCallback(cloud.source(), what, { v: 1 }),
    ends: ({ answered, repeated }) => (answered || repeated ? ['completed'] : ['completed', 'compensated']),
    calls: ['a', 'back', 'end', 'undo a'],
  },
  'a checkpoint that opens, its function dying': {
    files: [ASKS],
    role: 'functions',
    act: start('asks', 'async'),
    // A step whose function dies in its call is in doubt; in one before it, it has failed.
    ends: () => ['compensated', 'failed', 'compensation_failed'],
    calls: UNDONE,
  },
  'a cancel in a wait': {
    files: [PATIENT],
    prepare: running('patient'),
    act: cancel(),
    ends: ({ answered, repeated }) => (answered || repeated ? ['cancelled'] : ['cancelled', 'completed']),
    calls: UNDONE,
  },
  'a cancel at a checkpoint': {
    files: [ASKS],
    prepare: asked('asks'),
    act: cancel(),
    ends: ({ answered, repeated }) => (answered || repeated ? ['cancelled'] : ['cancelled', 'compensated']),
    calls: UNDONE,
  },
  'a cancel at a callback': {
    files: [BACKS],
    prepare: calledBack,
    act: cancel(),
    ends: ({ answered, repeated }) => (answered || repeated ? ['cancelled'] : ['cancelled', 'compensated']),
    calls: ['a', 'back', 'undo a'],
  },
  'a cancel in a call': {
    files: [TWO],
    mock: () => (request) => ok({}, request.step === 'end' ? 8_000 : 0),
    prepare: running('two'),
    act: cancel(),
    ends: ({ answered, repeated }) => (answered || repeated ? ['cancelled'] : ['cancelled', 'completed']),
    calls: UNDONE,
  },
  'a cancel with a child running': {
    files: [PARENT, CHILD],
    prepare: running('parent'),
    act: cancel(),
    ends: ({ answered, repeated }) => (answered || repeated ? ['cancelled cancelled'] : ['cancelled cancelled', 'completed completed']),
    calls: ['a', 'k', 'end', 'undo k', 'undo a'],
  },
  'a forced cancel': {
    files: [PATIENT],
    prepare: running('patient'),
    act: cancel(true),
    ends: ({ answered, repeated }) => (answered || repeated ? ['compensation_failed'] : ['compensation_failed', 'completed']),
    calls: ['a', 'end'],
  },
  'a forced cancel with a child running': {
    files: [PARENT, CHILD],
    prepare: running('parent'),
    act: cancel(true),
    ends: ({ answered, repeated }) =>
      answered || repeated
        ? ['compensation_failed compensation_failed']
        : ['compensation_failed compensation_failed', 'completed completed'],
    calls: ['a', 'k', 'end'],
  },
  'an Express start': { files: [QUICK], act: start('quick', 'sync'), ends: started('completed', false), calls: ['q', 'q'] },
  // What began before its id was on record is not known to whoever asks again after a minute: it may run twice.
  'an Express start with a key': {
    files: [QUICK],
    act: start('quick', 'sync', 'k-1'),
    ends: started('completed', false),
    calls: ['q', 'q'],
  },
  'a retry that goes on': {
    files: [PLAIN],
    mock: refuses('end'),
    async prepare(cloud) {
      const subject = await asked('plain')(cloud);
      await cloud.drive(
        cloud.process('api').service.resolveCheckpoint(ME, cloud.source(), subject.id, subject.what, { decision: 'approve' }),
      );
      await cloud.pass(5_000);
      return subject;
    },
    act: ({ service }, cloud, { id }) => service.retry(ME, cloud.source(), id),
    ends: ({ answered, repeated }) => [`failed completed`, ...(answered || repeated ? [] : ['failed'])],
    calls: ['p', 'end', 'end'],
  },
  'a retry from the start': {
    files: [TWO],
    mock: refuses('end'),
    prepare: running('two'),
    act: ({ service }, cloud, { id }) => service.retry(ME, cloud.source(), id),
    ends: ({ answered, repeated }) => [`compensated completed`, ...(answered || repeated ? [] : ['compensated'])],
    calls: ['a', 'end', 'undo a', 'a', 'end'],
  },
  'an undo that is asked for again': {
    files: [TWO],
    mock: (mended) => (request) => (request.step === 'end' || (request.kind === 'undo' && !mended()) ? rejected() : ok({})),
    prepare: running('two'),
    act: ({ service }, cloud, { id }) => service.undo(ME, cloud.source(), id),
    ends: ({ answered, repeated }) => (answered || repeated ? ['compensated'] : ['compensated', 'compensation_failed']),
    calls: ['a', 'end', 'undo a', 'undo a'],
  },
  'a run that completes, the recorder dying': {
    files: [TWO],
    role: 'recorder',
    act: start('two', 'async'),
    ends: () => ['completed'],
    calls: ['a', 'end'],
  },
  'a run that is stopped by hand, the recorder dying': {
    files: [PATIENT],
    role: 'recorder',
    prepare: running('patient'),
    act: stop,
    ends: () => ['compensated'],
    calls: ['a', 'undo a'],
  },
  'a run that is stopped by hand in a call, the recorder dying': {
    files: [PAIR],
    role: 'recorder',
    mock: () => (request) => ok({}, request.step === 'b' && request.kind === 'do' ? 8_000 : 0),
    prepare: running('pair'),
    act: stop,
    ends: () => ['compensated'],
    calls: ['a', 'b', 'undo b', 'undo a'],
  },
  'a run that fails, its functions dying': {
    files: [TWO],
    role: 'functions',
    mock: () => (request) => (request.step === 'end' ? rejected() : ok({})),
    act: start('two', 'async'),
    ends: () => ['compensated', 'failed', 'compensation_failed'],
    calls: ['a', 'end', 'undo a'],
  },
};
