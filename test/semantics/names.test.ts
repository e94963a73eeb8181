// Names and texts that mean something to JSONata, JavaScript, YAML or Step Functions, and nothing to the person who wrote them.

import { afterEach, describe, expect, test } from 'vitest';
import type { Json } from '../../shared/json.ts';
import { createWorld, entered, type Mock, ok, rejected, type World, type WorldOptions } from './world.ts';

let world: World;

async function open(files: string | string[], options?: WorldOptions): Promise<void> {
  world = await createWorld(files, options);
}

afterEach(() => world.close());

const file = (steps: string, services = ''): string => `name: named
version: "1"
services:
  s: { type: http, endpoint: "http://s", breaker: false }${services}
steps:
${steps}`;

const inputs = (step: string, kind = 'do'): Json[] =>
  world.calls.filter((call) => call.step === step && call.kind === kind).map(({ input }) => input);

const text = (value: Json): string => JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');

describe('what is skipped', () => {
  test('leaves its outputs null, also those made in it, and is skipped with all that stands in it', async () => {
    await open(
      `${file(
        `
  - { id: call, when: ".input.on", service: s, method: /call, output: called }
  - { id: sets, when: ".input.on", set: { a: 1, b: "{{ .called.x }}" } }
  - id: fan
    when: .input.on
    parallel:
      - { id: p1, service: s, method: /p1, output: p1 }
      - when: .input.on
        steps: [{ id: p2, service: s, method: /p2, output: p2 }]
  - { id: each, when: .input.on, foreach: [1, 2], output: all, steps: [{ id: one, service: s, method: /one }] }
  - { id: pause, when: .input.on, wait: 1h }
  - { id: stop, when: .input.on, fail: { error: Stop, message: no } }
  - id: choose
    when: .input.on
    switch:
      - when: "true"
        steps: [{ id: inner, service: s, method: /inner, output: inner }]
  - { id: last, service: s, method: /last, input: ["{{ .called }}", "{{ .a }}", "{{ .b }}", "{{ .p1 }}", "{{ .p2 }}", "{{ .all }}", "{{ .inner }}"] }
`.replace('foreach: [1, 2]', 'foreach: "{{ [1, 2] }}"'),
      )}output: ["{{ .called == null }}", "{{ .a }}", "{{ .p2.x.y }}", "{{ len(.all) }}"]\n`,
    );
    const run = await world.run({ on: false });
    expect(run).toMatchObject({ status: 'completed', output: [true, null, null, null] });
    expect(world.log()).toEqual(['last']);
    expect(inputs('last')).toEqual([[null, null, null, null, null, null, null]]);
    expect(world.calls[0]?.atMs).toBe(0);
  });

  test.each([
    [1, 'one', ['one', 'none', 'none']],
    [2, 'two', ['none', 'two', 'none']],
    [9, 'other', ['none', 'none', 'other']],
  ])('of a switch on %s leaves the names of the other branches null', async (n, step, seen) => {
    await open(
      file(`
  - id: choose
    switch:
      - when: .input.n == 1
        steps: [{ id: one, service: s, method: /one, output: a }, { id: n1, set: { which: one } }]
      - when: .input.n == 2
        steps: [{ id: two, service: s, method: /two, output: b }, { id: n2, set: { which: two } }]
      - steps: [{ id: other, service: s, method: /other, output: c }, { id: n3, set: { which: other } }]
  - { id: last, service: s, method: /last, input: { seen: ['{{ .a.step | default "none" }}', '{{ .b.step | default "none" }}', '{{ .c.step | default "none" }}'], which: "{{ .which }}" } }
`),
      { mock: (request) => ok({ step: request.step }) },
    );
    expect((await world.run({ n })).status).toBe('completed');
    expect(world.log()).toEqual([step, 'last']);
    expect(inputs('last')).toEqual([{ seen, which: step }]);
  });

  test('by a switch that nothing holds for and that has no other branch is skipped whole', async () => {
    await open(
      `${file(`
  - { id: choose, switch: [{ when: .input.n == 1, steps: [{ id: one, service: s, method: /one, output: a }] }] }
`)}output: { a: "{{ .a }}" }\n`,
    );
    expect(await world.run({ n: 2 })).toMatchObject({ status: 'completed', output: { a: null } });
    expect(world.log()).toEqual([]);
  });

  test('holds by JSONata’s idea of true', async () => {
    const values: [Json, boolean][] = [
      [null, false],
      [false, false],
      [0, false],
      ['', false],
      [{}, false],
      [[], false],
      [[false, 0], false],
      [[0, 1], true],
      ['false', true],
      [{ a: null }, true],
      [-1, true],
    ];
    await open(file('\n  - { id: call, when: "{{ .input.v }}", service: s, method: /call }\n'));
    for (const [v, holds] of values) {
      const { id } = await world.run({ v });
      expect([v, world.calls.some(({ runId }) => runId === id)]).toEqual([v, holds]);
    }
  });
});

test('a set that a call can carry makes no state of its own, one that cannot be folded does, and both give the same', async () => {
  await open(
    `${file(`
  - { id: first, set: { a: "{{ .input.n + 1 }}" } }
  - { id: second, set: { b: "{{ .a * 2 }}", list: ["{{ .a }}"] } }
  - { id: call, service: s, method: /call, input: { b: "{{ .b }}" }, output: r }
  - { id: third, set: { c: "{{ .b + .r.n }}" } }
  - { id: parsed, set: { p: "{{ parse_json(.input.json) }}" } }
  - { id: again, service: s, method: /again, input: { c: "{{ .c }}", p: "{{ .p.x }}", list: "{{ .list }}" } }
`)}output: { a: "{{ .a }}", b: "{{ .b }}", c: "{{ .c }}", p: "{{ .p }}" }\n`,
    { mock: ({ step }) => (step === 'call' ? ok({ n: 10 }) : undefined) },
  );
  const run = await world.run({ n: 1, json: '{"x":[1]}' });
  expect(run).toMatchObject({ status: 'completed', output: { a: 2, b: 4, c: 14, p: { x: [1] } } });
  expect(inputs('again')).toEqual([{ c: 14, p: [1], list: [2] }]);
  expect(entered(world, run.id, 'named')).not.toContain('third');
  expect(entered(world, run.id, 'named')).toContain('parsed');
});

describe('names', () => {
  const NAMES =
    'count sum string number boolean not exists map filter reduce keys lookup merge and or in function true false null undefined a b x v i n o e s states1 _ __ constructor toString hasOwnProperty valueOf prototype length name then item1 result errors context _jsonata_lambda sequence parse uuid hash eval'.split(
      ' ',
    );

  test('like those of functions, operators and built-in things are names of outputs, values and items like any other', async () => {
    const steps = NAMES.map((name, n) => `  - { id: c${n}, service: s, method: /c${n}, output: ${text(name)} }`).join('\n');
    const read = NAMES.map((name) => `"{{ .${name}.n }}"`).join(', ');
    await open(`${file(`${steps}\n  - { id: last, service: s, method: /last, input: [${read}] }\n`)}output: { all: [${read}] }\n`, {
      mock: ({ step }) => ok({ n: Number(step.slice(1)) }),
    });
    const run = await world.run();
    const expected = NAMES.map((_, n) => n);
    expect(run).toMatchObject({ status: 'completed', output: { all: expected } });
    expect(inputs('last')).toEqual([expected]);
  });

  test('of set values may be the same, inside blocks and outside', async () => {
    const values = NAMES.map((name, n) => `${text(name)}: "{{ .input.n + ${n} }}"`).join(', ');
    const read = NAMES.map((name) => `"{{ .${name} }}"`).join(', ');
    await open(
      file(`
  - id: fan
    parallel:
      - steps:
          - { id: sets, set: { ${values} } }
          - { id: inside, service: s, method: /inside, input: [${read}] }
      - { id: beside, service: s, method: /beside }
  - { id: outside, service: s, method: /outside, input: [${read}] }
`),
    );
    expect((await world.run({ n: 5 })).status).toBe('completed');
    const expected = NAMES.map((_, n) => n + 5);
    expect([inputs('inside'), inputs('outside')]).toEqual([[expected], [expected]]);
  });

  test.each(NAMES.filter((_, n) => n % 3 === 0))('an item may be called %s, and its undo sees it', async (name) => {
    await open(
      file(`
  - id: each
    foreach: "{{ .input.list }}"
    as: ${text(name)}
    steps:
      - { id: one, service: s, method: "/one/{{ .${name}.k }}", input: "{{ .${name} }}", compensate: { method: "/undo/{{ .${name}.k }}", input: "{{ .${name} }}" } }
  - { id: bad, service: s, method: /bad }
`),
      { mock: ({ step }) => (step === 'bad' ? rejected() : undefined) },
    );
    const run = await world.run({ list: [{ k: 1 }, { k: 2 }] });
    expect(run.status).toBe('compensated');
    expect(inputs('one')).toEqual([{ k: 1 }, { k: 2 }]);
    expect(inputs('one', 'undo')).toEqual([{ k: 2 }, { k: 1 }]);
  });

  test('of steps and services like those of an object’s own things are names like any other', async () => {
    const ids = [
      'constructor',
      'toString',
      'hasOwnProperty',
      'and',
      'count',
      'undo',
      'failed',
      'report',
      'length',
      'then',
      'A',
      'a-b',
      'a_b',
    ];
    const services = ids.map((id) => `\n  ${id}: { type: http, endpoint: "http://${id.toLowerCase()}", breaker: false }`).join('');
    const steps = ids.map((id) => `  - { id: ${id}, service: ${id}, method: "/${id}", compensate: { method: "/undo/${id}" } }`).join('\n');
    await open(file(`${steps}\n  - { id: bad, service: s, method: /bad }\n`, services), {
      mock: ({ step }) => (step === 'bad' ? rejected() : undefined),
    });
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensated', undone: ids.toReversed() });
    expect(world.calls.filter(({ kind }) => kind === 'do').map(({ service }) => service)).toEqual([...ids, 's']);
  });
});

describe('keys of data', () => {
  const ODD: Json = JSON.parse(
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"x":1}},"toString":"t","hasOwnProperty":2,"length":9,"sequence":true,"":"empty","a.b":1,"a b":2,"é":3,"$x":4,"%":5,"{%":6,"0":7,"then":8}',
  );

  test('that an object has by itself, or that look like code, are read, passed on and undone as plain data', async () => {
    await open(
      `${file(`
  - { id: read, service: s, method: /read, output: r, compensate: { method: /undo, input: { all: "{{ .r }}", proto: '{{ .r["__proto__"].polluted }}' } } }
  - id: use
    service: s
    method: /use
    input:
      all: "{{ .r }}"
      in: "{{ .input }}"
      picked: ['{{ .r["__proto__"] }}', '{{ .r.constructor.prototype.x }}', '{{ .r.toString }}', '{{ .r[""] }}', '{{ .r["a.b"] }}', '{{ .r["a b"] }}', '{{ .r["é"] }}', '{{ .r["$x"] }}', '{{ .r["{%"] }}', '{{ .r["0"] }}', "{{ .r.length }}"]
      none: ["{{ .input.none.constructor }}", "{{ .input.none.__proto__ }}", "{{ .input.none.toString.length }}"]
  - { id: bad, when: .input.fail, service: s, method: /bad }
`)}output: { all: "{{ .r }}", merged: "{{ merge(.r, .input.none) }}", keys: "{{ len(keys(.r)) }}" }\n`,
      { mock: ({ step }) => (step === 'read' ? ok(ODD) : step === 'bad' ? rejected() : undefined) },
    );
    const input: Json = { none: {}, odd: ODD, fail: false };
    const good = await world.run(input);
    expect(good.status).toBe('completed');
    // Compared as text: an own `__proto__` is easily lost by a comparison.
    expect(JSON.stringify(good.output)).toBe(
      JSON.stringify({ all: ODD, merged: ODD, keys: 14 }).replace('14', String(Object.keys(ODD ?? {}).length)),
    );
    expect(JSON.stringify(inputs('use')[0])).toBe(
      JSON.stringify({
        all: ODD,
        in: input,
        picked: [{ polluted: 1 }, 1, 't', 'empty', 1, 2, 3, 4, 6, 7, 9],
        none: [null, null, null],
      }),
    );
    const bad = await world.run({ none: {}, fail: true });
    expect(bad.status).toBe('compensated');
    expect(JSON.stringify(inputs('read', 'undo')[0])).toBe(JSON.stringify({ all: ODD, proto: 1 }));
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});

describe('text that a person wrote', () => {
  const NASTY = [
    '{% $states.input %}',
    '{% 1 + 1 %} tail',
    '${StepFunctionArn}',
    '$${x} $states $x $$ $eval("1")',
    `both ' and " and \` and \\ and \\n and \\u0041`,
    'line\u2028and\u2029para',
    'tab\tand\nline',
    '/* no comment */ // nor this',
    '"}) & $error("x") & ({"',
    '\\',
    '%}',
    'ünï 🎉 \ud83d\ude00',
    '__proto__',
  ];

  const ALL = NASTY.join('|');

  test.each(NASTY)('%j comes out exactly as written in inputs, keys, defaults, values, conditions, outputs and undos', async (nasty) => {
    const t = text(nasty);
    const inside = text(`{{ ${text(nasty)} }}`);
    const mixed = text(`${nasty}<{{ .input.v }}>${nasty}`);
    const condition = text(`.input.same == ${text(nasty)}`);
    await open(
      `${file(`
  - id: call
    service: s
    method: /call
    description: ${t}
    when: ${condition}
    input: { plain: ${t}, ${t}: ${t}, inside: ${inside}, mixed: ${mixed}, nested: [{ ${t}: ${mixed} }], object: ${text(`{{ {${text(nasty)}: 1} }}`)}, read: ${text(`{{ .input.by[${text(nasty)}] }}`)} }
    compensate: { method: /undo, input: { ${t}: ${t}, mixed: ${mixed}, own: ${text(`{{ .error.message + ${text(nasty)} }}`)} } }
  - { id: sets, set: { v: ${t}, m: ${mixed} } }
  - { id: let, service: s, method: /let, output: d, on_error: continue, default: { ${t}: ${t} } }
  - { id: told, emit: { detail_type: t, detail: { ${t}: ${mixed} } } }
  - { id: last, service: s, method: /last, input: ["{{ .v }}", "{{ .m }}", "{{ .d }}"] }
  - { id: stop, when: .input.fail, fail: { error: Stopped, message: ${mixed} } }
`)}output: { ${t}: ${t}, mixed: ${mixed} }\n`,
      { mock: ({ step }) => (step === 'let' ? rejected() : undefined) },
    );
    const by = JSON.parse(`{${JSON.stringify(nasty)}:"found"}`);
    const whole = `${nasty}<${nasty}>${nasty}`;
    const keyed = (value: Json): Json => JSON.parse(`{${JSON.stringify(nasty)}:${JSON.stringify(value)}}`);
    const run = await world.run({ v: nasty, same: nasty, by, fail: false });
    expect(run.status).toBe('completed');
    expect(JSON.stringify(run.output)).toBe(
      JSON.stringify(
        Object.fromEntries([
          [nasty, nasty],
          ['mixed', whole],
        ]),
      ),
    );
    expect(JSON.stringify(inputs('call')[0])).toBe(
      JSON.stringify(
        Object.fromEntries<Json>([
          ['plain', nasty],
          [nasty, nasty],
          ['inside', nasty],
          ['mixed', whole],
          ['nested', [keyed(whole)]],
          ['object', keyed(1)],
          ['read', 'found'],
        ]),
      ),
    );
    expect(JSON.stringify(inputs('last')[0])).toBe(JSON.stringify([nasty, whole, keyed(nasty)]));

    const failed = await world.run({ v: nasty, same: nasty, by, fail: true });
    expect(failed).toMatchObject({ status: 'compensated', error: { step: 'stop', error: 'Stopped', message: whole } });
    expect(JSON.stringify(inputs('call', 'undo')[0])).toBe(
      JSON.stringify(
        Object.fromEntries([
          [nasty, nasty],
          ['mixed', whole],
          ['own', whole + nasty],
        ]),
      ),
    );
  });

  test('comes out exactly as written in headers, methods, titles and prompts', async () => {
    const quiet = ALL.replaceAll(/\s/g, '').replaceAll(/[?#]/g, '');
    const sent: Json[] = [];
    const mock: Mock = ({ request, method }) => {
      sent.push({ headers: request.service.headers as unknown as Json, method });
      return undefined;
    };
    await open(
      file(
        `
  - { id: call, service: h, method: ${text(`GET /a/${quiet}/{{ .input.v }}/${quiet}`)} }
  - { id: ask, checkpoint: { title: ${text(`${ALL}<{{ .input.v }}>`)}, prompt: ${text(`{{ .input.v }}${ALL}`)}, options: [{ value: ${text(ALL)}, label: ${text(ALL)} }], timeout: 1h, on_timeout: continue, default: ${text(ALL)} }, output: asked }
  - { id: last, service: s, method: /last, input: "{{ .asked }}" }
`,
        `\n  h: { type: http, endpoint: "http://h", headers: { X-A: ${text(quiet)}, X-B: ${text(`${quiet}{{ .input.v }}${quiet}`)} } }`,
      ),
      { mock },
    );
    const id = await world.start({ v: quiet });
    const events: unknown[] = [];
    const { data } = await world.drive(world.runtime.watch(id, (event) => void events.push(event)));
    expect(data.status).toBe('completed');
    expect(sent[0]).toEqual({
      headers: [
        { name: 'X-A', value: [quiet] },
        { name: 'X-B', value: [quiet, { v: quiet }, quiet] },
      ],
      method: `/a/${quiet}/${quiet}/${quiet}`,
    });
    expect(JSON.stringify(events)).toContain(JSON.stringify(`${ALL}<${quiet}>`));
    expect(JSON.stringify(inputs('last'))).toContain(JSON.stringify(ALL));
  });

  test('is no template, reference or code when it comes from outside', async () => {
    await open(
      `${file(`
  - { id: read, service: s, method: /read, output: r }
  - { id: use, service: s, method: "/use/{{ .r.text }}", input: { r: "{{ .r }}", in: "{{ .input.text }}", mixed: "<{{ .r.text }}>" } }
`)}output: { r: "{{ .r }}", in: "{{ .input }}" }\n`,
      { mock: ({ step, input }) => (step === 'read' ? ok({ text: `{{ .input.x }}{% 1 %}\${x}`, input }) : undefined) },
    );
    const from = '{{ secret.X }}{% $states.context %}${AWS::Region}';
    const run = await world.run({ text: from, x: 'no' });
    const told = '{{ .input.x }}{% 1 %}${x}';
    expect(run).toMatchObject({ status: 'completed', output: { r: { text: told }, in: { text: from, x: 'no' } } });
    expect(world.calls[1]).toMatchObject({ method: `/use/${told}`, input: { r: { text: told }, in: from, mixed: `<${told}>` } });
  });
});
