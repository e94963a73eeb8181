// Results of sub-workflows that were too large for a state: what their parent makes of them.

import { afterEach, describe, expect, test } from 'vitest';
import { compile } from '../../shared/compiler/index.ts';
import type { Json } from '../../shared/json.ts';
import { createWorld, entered, historyOf, type Mock, ok, rejected, type World, type WorldOptions, workflowOf } from './world.ts';

let world: World;

async function open(files: string | string[], options?: WorldOptions): Promise<void> {
  world = await createWorld(files, options);
}

afterEach(() => world.close());

const file = (name: string, steps: string, output = ''): string => `name: ${name}
version: "1"
services:
  s: { type: http, endpoint: "http://s", breaker: false }
steps:
${steps}${output === '' ? '' : `output: ${output}\n`}`;

const text = (bytes: number): string => 'x'.repeat(bytes);

const REPORT = { id: 'r-1', meta: { page: 3 }, rows: [{ n: 1 }, { n: 2 }], pad: text(100_000) };

/** A child whose output holds the report, of which it reads nothing itself. */
const CHILD = file('child', '  - { id: read, service: s, method: /read, output: report }\n', '{ name: made, all: "{{ .report }}" }');
const MADE = { name: 'made', all: REPORT };

const mocked =
  (more: Mock = () => undefined): Mock =>
  (request) =>
    more(request) ?? (request.step === 'read' && request.kind === 'do' ? ok(REPORT) : undefined);

/** What a step's service was sent, one for each request. */
const inputs = (step: string): Json[] => world.calls.filter((call) => call.step === step).map(({ input }) => input);

describe('a sub-workflow whose output holds a value that is over its budget', () => {
  test('gives its parent every path of it: in conditions, inputs, lists, texts, the output, and whole in a call', async () => {
    await open(
      [
        file(
          'parent',
          `  - { id: sub, workflow: child, output: c }
  - { id: page, when: ".c.all.meta.page == 3", service: s, method: "/page/{{ .c.all.id }}", input: { page: "{{ .c.all.meta.page }}" } }
  - { id: whole, service: s, method: /whole, input: { c: "{{ .c }}" } }
  - { id: each, foreach: "{{ .c.all.rows }}", steps: [{ id: one, service: s, method: /one, input: { n: "{{ .item.n }}" } }] }
`,
          '{ id: "{{ .c.all.id }}", name: "{{ .c.name }}", n: "{{ .c.all.rows.n }}" }',
        ),
        CHILD,
      ],
      { mock: mocked() },
    );
    const run = await world.run();
    expect(run).toMatchObject({ status: 'completed', output: { id: 'r-1', name: 'made', n: [1, 2] } });
    expect(world.calls.find(({ step }) => step === 'page')).toMatchObject({ method: '/page/r-1', input: { page: 3 } });
    expect(inputs('whole')).toEqual([{ c: MADE }]);
    expect(inputs('one')).toEqual([{ n: 1 }, { n: 2 }]);
    expect(Math.max(...historyOf(world, run.id, 'parent').map((event) => JSON.stringify(event).length))).toBeLessThan(10_000);
  });

  test('is the parent’s own result, whole, where the parent ends with it', async () => {
    await open([file('parent', '  - { id: sub, workflow: child, output: c }\n'), CHILD], { mock: mocked() });
    expect(await world.run()).toMatchObject({ status: 'completed', output: { c: MADE } });
  });

  test('reaches `set` steps that read it, and the steps behind them', async () => {
    await open(
      [
        file(
          'parent',
          '  - { id: sub, workflow: child, output: c }\n  - { id: take, set: { page: "{{ .c.all.meta.page + 1 }}" } }\n',
          '{ page: "{{ .page }}" }',
        ),
        CHILD,
      ],
      { mock: mocked() },
    );
    expect(await world.run()).toMatchObject({ status: 'completed', output: { page: 4 } });
  });

  test('comes through two levels', async () => {
    const middle = file('middle', '  - { id: low, workflow: child, output: c }\n', '{ inner: "{{ .c }}" }');
    await open(
      [
        file(
          'parent',
          '  - { id: sub, workflow: middle, output: m }\n  - { id: use, service: s, method: /use, input: { m: "{{ .m }}", id: "{{ .m.inner.all.id }}" } }\n',
          '"{{ .m.inner.name }}"',
        ),
        middle,
        CHILD,
      ],
      { mock: mocked() },
    );
    expect(await world.run()).toMatchObject({ status: 'completed', output: 'made' });
    expect(inputs('use')).toEqual([{ m: { inner: MADE }, id: 'r-1' }]);
  });

  test('comes out of a parallel and of a foreach whose output is read', async () => {
    await open(
      [
        file(
          'parent',
          `  - id: fan
    parallel:
      - { id: sub, workflow: child, output: c }
      - { id: other, service: s, method: /other }
  - { id: each, foreach: "{{ [1, 2, 3] }}", output: all, steps: [{ id: again, workflow: child }] }
  - { id: use, service: s, method: /use, input: { c: "{{ .c }}", all: "{{ .all }}" } }
`,
          '{ id: "{{ .c.all.id }}", ids: "{{ .all.all.id }}" }',
        ),
        CHILD,
      ],
      { mock: mocked() },
    );
    expect(await world.run()).toMatchObject({ status: 'completed', output: { id: 'r-1', ids: ['r-1', 'r-1', 'r-1'] } });
    expect(inputs('use')).toEqual([{ c: MADE, all: [MADE, MADE, MADE] }]);
  });

  test('is read in blocks inside the item of a foreach that begins with it', async () => {
    await open(
      [
        file(
          'parent',
          `  - id: each
    foreach: "{{ ['a', 'b'] }}"
    as: letter
    concurrency: 1
    steps:
      - { id: sub, workflow: child, output: c }
      - { id: fan, parallel: [{ id: use, service: s, method: /use, input: { letter: "{{ .letter }}", id: "{{ .c.all.id }}" } }] }
`,
        ),
        CHILD,
      ],
      { mock: mocked() },
    );
    expect((await world.run()).status).toBe('completed');
    expect(inputs('use')).toEqual([
      { letter: 'a', id: 'r-1' },
      { letter: 'b', id: 'r-1' },
    ]);
  });

  test('is there for the compensate of its step and of later ones', async () => {
    await open(
      [
        file(
          'parent',
          `  - { id: sub, workflow: child, output: c, compensate: { service: s, method: "/drop/{{ .c.all.id }}", input: { all: "{{ .c.all }}", page: "{{ .c.all.meta.page }}" } } }
  - { id: next, service: s, method: /next, compensate: { method: "/undo/{{ .c.all.id }}", input: { c: "{{ .c }}" } } }
  - { id: bad, service: s, method: /bad }
`,
        ),
        CHILD,
      ],
      { mock: mocked(({ step }) => (step === 'bad' ? rejected() : undefined)) },
    );
    expect(await world.run()).toMatchObject({ status: 'compensated', undone: ['next', 'sub'] });
    const [next, sub] = world.calls.filter(({ kind }) => kind === 'undo');
    expect(next).toMatchObject({ method: '/undo/r-1', input: { c: MADE } });
    expect(sub).toMatchObject({ method: '/drop/r-1', input: { all: REPORT, page: 3 } });
  });

  test('costs its parent one state more, and a small one none', async () => {
    const PARENT = file('parent', '  - { id: sub, workflow: child, output: c }\n', '"{{ .c.all.id }}"');
    const states: string[][] = [];
    for (const value of [{ id: 'small' }, REPORT]) {
      await open([PARENT, CHILD], {
        mock: mocked(({ step }) => (step === 'read' ? ok(value) : undefined)),
      });
      const run = await world.run();
      expect(run.output).toBe(value.id);
      states.push(entered(world, run.id, 'parent'));
      if (value !== REPORT) await world.close();
    }
    expect(states).toEqual([['sub'], ['sub', 'sub (load)']]);
    expect(compile(workflowOf(PARENT)).stats.transitions).toEqual({ min: 1, max: 2 });
  });

  test('is a word, and no value that was stored, where a text only looks so', async () => {
    const looks = { '$stored"': 1, word: '$stored', text: 'the "$stored" one', pad: text(20_000) };
    await open(
      [
        file('parent', '  - { id: sub, workflow: child, output: c }\n', '{ c: "{{ .c }}", text: "{{ .c.text }}" }'),
        file('child', '  - { id: read, service: s, method: /read, output: report }\n', '"{{ .report }}"'),
      ],
      { mock: mocked(({ step }) => (step === 'read' ? ok(looks) : undefined)) },
    );
    expect(await world.run()).toMatchObject({ status: 'completed', output: { c: looks, text: looks.text } });
  });

  test('is read in texts, lists and the output exactly as a small one is', async () => {
    const outputs: Json[] = [];
    for (const pad of [10, 100_000]) {
      await open(
        [
          file(
            'parent',
            '  - { id: sub, workflow: child, output: c }\n  - { id: use, service: s, method: /use, input: ["<{{ .c.all.meta }}>", "{{ .c.all.nope.deep }}", "{{ .c.all.rows[1] }}"] }\n',
            '{ keys: "{{ keys(.c.all.meta) }}", last: "{{ .c.all.rows[-1].n }}" }',
          ),
          CHILD,
        ],
        { mock: mocked(({ step }) => (step === 'read' ? ok({ ...REPORT, pad: text(pad) }) : undefined)) },
      );
      outputs.push([(await world.run()).output, ...inputs('use')]);
      if (pad === 10) await world.close();
    }
    expect(outputs[1]).toEqual(outputs[0]);
  });
});

describe('what the parent reads of it', () => {
  const READS_PAD = file(
    'parent',
    `  - { id: first, service: s, method: /first, compensate: { method: /undo } }
  - { id: sub, workflow: child, output: c }
  - { id: look, when: ".c.all.pad != ''", service: s, method: /look }
`,
  );
  const UNDOABLE = file(
    'child',
    '  - { id: read, service: s, method: /read, output: report, compensate: { method: /undo } }\n',
    '{ all: "{{ .report }}" }',
  );

  test('and is over its budget fails the step as ResultTooLarge with path and size, and the sub-workflow is undone', async () => {
    await open([READS_PAD, UNDOABLE], { mock: mocked() });
    const run = await world.run();
    expect(run.error).toMatchObject({ step: 'sub', error: 'Maestro.ResultTooLarge' });
    expect(run.error?.message).toMatch(/all\.pad.*100\d{3}/);
    expect(run).toMatchObject({ status: 'compensated', undone: ['sub', 'first'] });
    expect(world.log()).toEqual(['first', 'read', 'undo read', 'undo first']);
  });

  test('and is over its budget is let go with `on_error: continue`: the default stands in its place', async () => {
    await open([READS_PAD.replace('output: c', 'output: c, on_error: continue, default: { all: { pad: "" } }'), UNDOABLE], {
      mock: mocked(),
    });
    const run = await world.run();
    expect(run.status).toBe('completed');
    expect(world.log()).toEqual(['first', 'read']);
  });

  test('is not asked for where the sub-workflow was never started, for what it is given could not be made', async () => {
    const parent = file(
      'parent',
      `  - { id: first, service: s, method: /first, compensate: { method: /undo } }
  - { id: sub, workflow: child, output: c, compensate: { service: t, method: /drop } }
`,
    ).replace('services:', 'services:\n  t: { type: http, endpoint: "http://t", headers: { X-Who: "{{ parse_json(.input.text) }}" } }');
    await open([parent, CHILD], { mock: mocked() });
    const run = await world.run({ text: 'not JSON' });
    expect(run.error).toMatchObject({ step: 'sub', error: 'Maestro.BadConfiguration' });
    expect(run.error?.message).toContain('was not started');
    expect(run).toMatchObject({ status: 'compensated', undone: ['first'] });
    expect(await world.run({ text: '"me"' })).toMatchObject({ status: 'completed', output: { c: MADE } });
  });
});
