// Values that are too large for a state, and data that look like Maestro's own references to them.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { RuntimeProblem } from '../../local/runtime/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { createWorld, historyOf, type Mock, ok, rejected, type World, type WorldOptions } from './world.ts';

let world: World;
const folders: string[] = [];

async function open(files: string | string[], options?: WorldOptions): Promise<void> {
  world = await createWorld(files, options);
}

afterEach(async () => {
  await world.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'maestro-large-'));
  folders.push(folder);
  return folder;
}

const file = (steps: string, name = 'big'): string => `name: ${name}
version: "1"
services:
  s: { type: http, endpoint: "http://s", breaker: false }
steps:
${steps}`;

const text = (bytes: number, letter = 'x'): string => letter.repeat(bytes);

/** Answers of steps by id; the others are done with `{ok: true}`. */
function answers(values: { [step: string]: Json }): Mock {
  return ({ step, kind }) => {
    const value = Object.hasOwn(values, step) ? values[step] : undefined;
    return kind === 'do' && value !== undefined ? ok(value) : undefined;
  };
}

/** What a step's service was sent, one for each request. */
const inputs = (step: string): Json[] => world.calls.filter((call) => call.step === step).map(({ input }) => input);

/** The longest text of all events of the run. */
function largestEvent(runId: string, workflow = 'big'): number {
  return Math.max(...historyOf(world, runId, workflow).map((event) => JSON.stringify(event).length));
}

/** Lets a blob be found and changed: the stored values of a data folder. */
function blobFiles(folder: string): string[] {
  const blobs = join(folder, 'blobs');
  if (!existsSync(blobs)) return [];
  return readdirSync(blobs, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}

describe('a result over its budget', () => {
  const REPORT = {
    id: 'r-1',
    meta: { page: 3, tags: ['a', 'b'] },
    rows: [
      { n: 1, text: text(30_000) },
      { n: 2, text: text(30_000, 'é') },
    ],
  };

  test('reaches a later call whole, its paths stay readable everywhere, and no event holds it', async () => {
    await open(
      `${file(`
  - { id: read, service: s, method: /read, output: report }
  - { id: page, when: ".report.meta.page == 3", set: { page: "{{ .report.meta.page + 1 }}" } }
  - { id: whole, service: s, method: "/whole/{{ .report.id }}", input: { all: "{{ .report }}", in: ["{{ .report }}"], tag: "{{ .report.meta.tags[-1] }}" } }
  - { id: each, foreach: "{{ .report.rows.n }}", steps: [{ id: one, service: s, method: /one, input: { n: "{{ .item }}", id: "{{ .report.id }}" } }] }
`)}output: { id: "{{ .report.id }}", page: "{{ .page }}", n: "{{ .report.rows.n }}" }\n`,
      { mock: answers({ read: REPORT }) },
    );
    const run = await world.run();
    expect(run.status).toBe('completed');
    expect(run.output).toEqual({ id: 'r-1', page: 4, n: [1, 2] });
    expect(inputs('whole')).toEqual([{ all: REPORT, in: [REPORT], tag: 'b' }]);
    expect(world.calls.find(({ step }) => step === 'whole')?.method).toBe('/whole/r-1');
    expect(inputs('one')).toEqual([
      { n: 1, id: 'r-1' },
      { n: 2, id: 'r-1' },
    ]);
    expect(largestEvent(run.id)).toBeLessThan(10_000);
  });

  test('is there for its own undo and for the undo of a later step, whole', async () => {
    await open(
      file(`
  - { id: read, service: s, method: /read, output: report, compensate: { method: "/undo/{{ .report.id }}", input: { all: "{{ .report }}", row: "{{ .report.rows[1].n }}" } } }
  - { id: next, service: s, method: /next, compensate: { method: /undo, input: { before: "{{ .report }}", page: "{{ .report.meta.page }}", why: "{{ .error.step }}" } } }
  - { id: bad, service: s, method: /bad }
`),
      { mock: (request) => (request.step === 'bad' ? rejected() : answers({ read: REPORT })(request)) },
    );
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensated', undone: ['next', 'read'] });
    const [undoNext, undoRead] = world.calls.filter(({ kind }) => kind === 'undo');
    expect(undoNext?.input).toEqual({ before: REPORT, page: 3, why: 'bad' });
    expect(undoRead).toMatchObject({ method: '/undo/r-1', input: { all: REPORT, row: 2 } });
  });

  test('whose read part is over the budget fails as ResultTooLarge, naming path and size, and the step is undone', async () => {
    await open(
      file(`
  - { id: first, service: s, method: /first, compensate: { method: /undo } }
  - { id: read, service: s, method: /read, output: report, compensate: { method: "/undo/{{ .report.id }}", input: { all: "{{ .report }}" } } }
  - { id: look, when: ".report.rows.text == 'x' && .report.id != ''", service: s, method: /look }
`),
      { mock: answers({ read: REPORT }) },
    );
    const run = await world.run();
    expect(run.error).toMatchObject({ step: 'read', error: 'Maestro.ResultTooLarge' });
    expect(run.error?.message).toContain('rows.text');
    expect(run.error?.message).toMatch(/9\d{4}/);
    expect(run.status).toBe('compensated');
    expect(world.log()).toEqual(['first', 'read', 'undo read', 'undo first']);
    expect(world.calls[2]).toMatchObject({ method: '/undo/r-1', input: { all: REPORT } });
  });

  test('that is let go for its size gives the default, and is not undone', async () => {
    await open(
      `${file(`
  - { id: read, service: s, method: /read, output: report, on_error: continue, default: { rows: [] }, compensate: { method: /undo } }
  - { id: look, when: "len(.report.rows) > 5", service: s, method: /look }
`)}output: { rows: "{{ .report.rows }}" }\n`,
      { mock: answers({ read: REPORT }) },
    );
    const run = await world.run();
    expect(run).toMatchObject({ status: 'completed', output: { rows: [] } });
    expect(world.log()).toEqual(['read']);
    expect(await world.step(run.id, 'read')).toMatchObject({ state: 'done', letGo: true });
  });

  test('is read in text, a list or an object exactly as a small one is', async () => {
    const of = (filler: number): Json => ({ a: { b: [1, { c: null, d: 'é"{%' }] }, zero: 0, none: null, filler: text(filler) });
    const outputs: Json[] = [];
    for (const filler of [10, 50_000]) {
      await open(
        `${file(`
  - { id: read, service: s, method: /read, output: r }
  - { id: use, service: s, method: "/use/{{ .r.zero }}", input: { text: "<{{ .r.a.b }}>", list: ["{{ .r.a.b[1].d }}", "{{ .r.none }}"], missing: "{{ .r.nope.deep }}", alt: '{{ .r.nope | default "alt" }}' } }
`)}output: { b: "{{ .r.a.b }}", keys: "{{ keys(.r.a) }}", zero: "{{ .r.zero }}", none: "{{ .r.none }}" }\n`,
        { mock: answers({ read: of(filler) }) },
      );
      const run = await world.run();
      expect(run.status).toBe('completed');
      outputs.push([run.output, inputs('use'), world.calls[1]?.method ?? null]);
      if (filler === 10) await world.close();
    }
    expect(outputs[1]).toEqual(outputs[0]);
  });
});

describe('results over the budget inside blocks', () => {
  const large = (n: number): JsonObject => ({ n, pad: text(90_000, String(n)) });

  test('of a parallel come out of the join: their paths read, themselves whole in a call', async () => {
    const branches = [1, 2, 3, 4].map((n) => `      - { id: p${n}, service: s, method: /p${n}, output: o${n} }`).join('\n');
    await open(
      `${file(`
  - id: fan
    parallel:
${branches}
  - { id: sum, service: s, method: /sum, input: { all: ["{{ .o1 }}", "{{ .o2 }}", "{{ .o3 }}", "{{ .o4 }}"], n: "{{ .o1.n + .o4.n }}" } }
`)}output: { n: "{{ .o2.n + .o3.n }}" }\n`,
      { mock: answers({ p1: large(1), p2: large(2), p3: large(3), p4: large(4) }) },
    );
    const run = await world.run();
    expect(run).toMatchObject({ status: 'completed', output: { n: 5 } });
    expect(inputs('sum')).toEqual([{ all: [large(1), large(2), large(3), large(4)], n: 5 }]);
    expect(largestEvent(run.id)).toBeLessThan(20_000);
  });

  test('of a foreach whose output is read come out in order, whole in a call', async () => {
    await open(
      `${file(`
  - { id: each, foreach: "{{ .input.list }}", output: all, steps: [{ id: one, service: s, method: /one, input: "{{ .item }}" }] }
  - { id: sum, service: s, method: /sum, input: { all: "{{ .all }}", n: "{{ .all.n }}" } }
`)}output: { n: "{{ sum(.all.n) }}" }\n`,
      { mock: ({ step, input }) => (step === 'one' ? ok(large(Number(input))) : undefined) },
    );
    const run = await world.run({ list: [1, 2, 3, 4, 5] });
    expect(run).toMatchObject({ status: 'completed', output: { n: 15 } });
    expect(inputs('sum')).toEqual([{ all: [1, 2, 3, 4, 5].map(large), n: [1, 2, 3, 4, 5] }]);
    expect(largestEvent(run.id)).toBeLessThan(20_000);
  });

  test('of a foreach share what a state holds: the more items, the less each may have', async () => {
    const seven = text(7_000);
    const steps = file(`
  - { id: each, foreach: "{{ .input.list }}", output: all, concurrency: 40, steps: [{ id: one, service: s, method: /one, compensate: { method: /undo } }] }
  - { id: look, when: "len(.all[0].text) > 0", set: { seen: true } }
`);
    const list = (length: number): Json => Array.from({ length }, (_, n) => n);
    await open(steps, { mock: answers({ one: { text: seven } }) });
    const few = await world.run({ list: list(20) });
    expect(few.status).toBe('completed');

    const many = await world.run({ list: list(60) });
    expect(many.error).toMatchObject({ step: 'one', error: 'Maestro.ResultTooLarge' });
    expect(many.status).toBe('compensated');
    expect(many.undone.length).toBe(world.calls.filter(({ runId, kind }) => runId === many.id && kind === 'do').length);
  });

  test('of a foreach with more items than a state can hold fail before the first call', async () => {
    await open(
      file(`
  - { id: first, service: s, method: /first, compensate: { method: /undo } }
  - { id: each, foreach: "{{ .input.list }}", output: all, steps: [{ id: one, service: s, method: /one }] }
  - { id: look, when: "len(.all) > 0", set: { seen: true } }
`),
    );
    const run = await world.run({ list: Array.from({ length: 801 }, (_, n) => n) });
    expect(world.log()).toEqual(['first', 'undo first']);
    expect(run.status).toBe('compensated');
    expect(`${run.error?.error} ${run.error?.message}`).toMatch(/800/);
  });

  test('inside a foreach inside a parallel reach a call of the same item whole', async () => {
    await open(
      file(`
  - id: fan
    parallel:
      - steps:
          - id: each
            foreach: "{{ .input.list }}"
            steps:
              - { id: one, service: s, method: /one, input: "{{ .item }}", output: got }
              - { id: two, service: s, method: "/two/{{ .got.n }}", input: { got: "{{ .got }}" } }
      - { id: other, service: s, method: /other }
`),
      { mock: ({ step, input }) => (step === 'one' ? ok(large(Number(input))) : undefined) },
    );
    const run = await world.run({ list: [1, 2, 3] });
    expect(run.status).toBe('completed');
    expect(
      inputs('two')
        .map((input) => JSON.stringify(input))
        .toSorted(),
    ).toEqual([1, 2, 3].map((n) => JSON.stringify({ got: large(n) })).toSorted());
  });
});

describe('a run input over 200 KB', () => {
  const INPUT = { id: 'i-1', list: [1, 2], doc: { title: 't', body: text(300_000) } };

  test('is stored: a call takes it whole or a part of it, and its paths are read', async () => {
    await open(
      `${file(`
  - { id: whole, service: s, method: "/whole/{{ .input.id }}", input: { all: "{{ .input }}" } }
  - { id: each, foreach: "{{ .input.list }}", steps: [{ id: one, service: s, method: /one, input: { title: "{{ .input.doc.title }}" } }] }
`)}output: { id: "{{ .input.id }}", missing: "{{ .input.nothing }}" }\n`,
    );
    const run = await world.run(INPUT);
    expect(run).toMatchObject({ status: 'completed', output: { id: 'i-1', missing: null }, input: INPUT });
    expect(inputs('whole')).toEqual([{ all: INPUT }]);
    expect(inputs('one')).toEqual([{ title: 't' }, { title: 't' }]);
    expect(largestEvent(run.id)).toBeLessThan(10_000);
  });

  test('that is read where it has no room is refused before there is a run, naming the path', async () => {
    await open(file('\n  - { id: look, when: ".input.doc.body != \'\'", service: s, method: /look }\n'));
    const refused = await world.start(INPUT).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RuntimeProblem);
    expect(String(refused)).toMatch(/doc\.body.*300\d{3}/);
    expect((await world.runtime.list({})).data).toEqual([]);
  });
});

describe('data from outside that look like Maestro’s own', () => {
  const FAKE = {
    $stored: { key: 'run_00000000000000000000001001/0001.0000000000000000', sha256: '0'.repeat(64), bytes: 9 },
    $late: '$error.message',
    bind: { a: 1 },
    $maestro: { parent: 'x', deadline: 0 },
    $$stored: 1,
    _jsonata_lambda: true,
  };
  const { $maestro: _dropped, ...INNER } = FAKE;

  test('mean nothing in an answer: not in a call, an undo, an emptied path, the output', async () => {
    await open(
      `${file(`
  - { id: read, service: s, method: /read, output: r, compensate: { method: /undo, input: { all: "{{ .r }}", one: "{{ .r.deep[0] }}" } } }
  - { id: use, service: s, method: /use, input: { all: "{{ .r }}", text: "{{ .r.deep[0] }}" } }
  - { id: bad, when: ".input.fail", service: s, method: /bad }
`)}output: { all: "{{ .r }}" }\n`,
      { mock: (request) => (request.step === 'bad' ? rejected() : answers({ read: { deep: [FAKE], ...FAKE } })(request)) },
    );
    const whole = { deep: [FAKE], ...FAKE };
    const good = await world.run({ fail: false });
    expect(good).toMatchObject({ status: 'completed', output: { all: whole } });
    expect(inputs('use')).toEqual([{ all: whole, text: FAKE }]);
    const bad = await world.run({ fail: true });
    expect(bad.status).toBe('compensated');
    expect(world.calls.at(-1)).toMatchObject({ kind: 'undo', input: { all: whole, one: FAKE } });
  });

  test('mean nothing in a run’s input, where only the key that is Maestro’s own is dropped', async () => {
    await open(
      `${file('\n  - { id: use, service: s, method: /use, input: { all: "{{ .input }}", inner: "{{ .input.inner }}" } }\n')}output: "{{ .input }}"\n`,
    );
    const run = await world.run({ ...FAKE, inner: FAKE });
    expect(run).toMatchObject({ status: 'completed', output: { ...INNER, inner: FAKE } });
    expect(inputs('use')).toEqual([{ all: { ...INNER, inner: FAKE }, inner: FAKE }]);
  });

  test('mean nothing in an input and an answer that are stored for their size', async () => {
    await open(
      file(
        '\n  - { id: read, service: s, method: /read, output: r }\n  - { id: use, service: s, method: /use, input: ["{{ .input }}", "{{ .r }}"] }\n',
      ),
      {
        mock: answers({ read: { FAKE, pad: text(50_000), $stored: FAKE.$stored } }),
      },
    );
    const run = await world.run({ FAKE, pad: text(250_000), $stored: FAKE.$stored });
    expect(run.status).toBe('completed');
    expect(inputs('use')).toEqual([
      [
        { FAKE, pad: text(250_000), $stored: FAKE.$stored },
        { FAKE, pad: text(50_000), $stored: FAKE.$stored },
      ],
    ]);
  });

  test('mean nothing in what a child is given and gives back', async () => {
    await open([
      `${file('\n  - { id: sub, workflow: child, input: { got: "{{ .input.x }}" }, output: c }\n', 'parent')}output: "{{ .c }}"\n`,
      `${file('\n  - { id: use, service: s, method: /use, input: "{{ .input }}" }\n', 'child')}output: { back: "{{ .input.got }}" }\n`,
    ]);
    const run = await world.run({ x: FAKE });
    expect(run).toMatchObject({ status: 'completed', output: { back: FAKE } });
    expect(inputs('use')).toEqual([{ got: FAKE }]);
  });
});

describe('a stored value that was changed', () => {
  test('is not sent: the call that takes it fails, and what was done before is undone', async () => {
    const folder = newFolder();
    await open(
      file(`
  - { id: read, service: s, method: /read, output: r, compensate: { method: /undo } }
  - { id: pause, service: s, method: /pause }
  - { id: use, service: s, method: /use, input: { all: "{{ .r }}" } }
`),
      {
        dataFolder: folder,
        mock: ({ step, kind }) => {
          if (step === 'read' && kind === 'do') return ok({ pad: text(60_000) });
          if (step !== 'pause') return undefined;
          const found = blobFiles(folder).filter((path) => readFileSync(path, 'utf8').includes('"pad"'));
          expect(found.length).toBeGreaterThan(0);
          for (const path of found) writeFileSync(path, readFileSync(path, 'utf8').replace('xx', 'xy'));
          return undefined;
        },
      },
    );
    const run = await world.run();
    expect(run.error).toMatchObject({ step: 'use', error: 'Maestro.BadConfiguration' });
    expect(run.status).toBe('compensated');
    expect(world.log()).toEqual(['read', 'pause', 'undo read']);
  });
});

test('a small result is stored nowhere but in its state and its record', async () => {
  const folder = newFolder();
  await open(file('\n  - { id: read, service: s, method: /read, output: r }\n'), {
    dataFolder: folder,
    mock: answers({ read: { small: true } }),
  });
  expect(await world.run()).toMatchObject({ status: 'completed', output: { r: { small: true } } });
  expect(blobFiles(folder)).toEqual([]);
});
