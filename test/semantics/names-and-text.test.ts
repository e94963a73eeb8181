// All names and texts at once that mean something to one of the languages on the way (YAML, JSONata, Step Functions, CloudFormation,
// JavaScript): beside each other, in one file, and in its undo, they mean nothing.

import { afterEach, describe, expect, test } from 'vitest';
import type { Json } from '../../shared/json.ts';
import { createWorld, ok, rejected, type World, type WorldOptions } from './world.ts';

let world: World;

async function open(files: string | string[], options?: WorldOptions): Promise<void> {
  world = await createWorld(files, options);
}

afterEach(() => world.close());

const HEAD = `
name: words
version: "1"
services:
  s: { type: http, endpoint: "http://s", breaker: false }
`;

function file(steps: string, output?: Json): string {
  return `${HEAD}steps:\n${steps}${output === undefined ? '' : `\noutput: ${JSON.stringify(output)}\n`}`;
}

describe('set', () => {
  test('sees the values before it, folded into a call or not, and a later one of the same block sees the earlier', async () => {
    await open(
      file(
        `
  - { id: a, service: s, method: /a, output: a }
  - { set: { one: "{{ .a.n + 1 }}", list: ["{{ .a.n }}", 2] } }
  - { set: { two: "{{ .one * 2 }}" } }
  - { set: { text: "n is {{ .two }}", both: { one: "{{ .one }}", two: "{{ .two }}" } } }
  - { id: b, service: s, method: "/b/{{ .two }}", input: { text: "{{ .text }}", both: "{{ .both }}", list: "{{ .list }}" } }
`,
      ),
      { mock: ({ step }) => (step === 'a' ? ok({ n: 4 }) : undefined) },
    );
    const run = await world.run();
    expect(run.status).toBe('completed');
    expect(world.calls[1]).toMatchObject({ method: '/b/10', input: { text: 'n is 10', both: { one: 5, two: 10 }, list: [4, 2] } });
  });

  test('of text that is no JSON fails its step, and what was done before is undone', async () => {
    await open(
      file(`
  - { id: a, service: s, method: /a, output: a, compensate: { method: /undo } }
  - { id: parse, set: { value: "{{ parse_json(.a.text) }}" } }
  - { id: b, service: s, method: /b, input: { value: "{{ .value }}" } }
`),
      { mock: ({ step, kind }) => (step === 'a' && kind === 'do' ? ok({ text: '{"x":' }) : undefined) },
    );
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensated', error: { step: 'parse' } });
    expect(world.log()).toEqual(['a', 'undo a']);
  });
});

const NAMES = [
  'count',
  'sum',
  'string',
  'map',
  'filter',
  'sort',
  'keys',
  'merge',
  'now',
  'parse',
  'hash',
  'range',
  'exists',
  'type',
  'not',
  'length',
  'and',
  'or',
  'in',
  'function',
  'a',
  'x',
  'e',
  'o',
  'r',
  'n',
  'v',
  'failure',
  'failure_2',
  '_',
  '__',
  '_1',
  'constructor',
  'toString',
  'hasOwnProperty',
  'Error',
  'Cause',
  'result',
  'also',
  'step',
  'at',
  'kept',
  'code',
];

describe('names that are words of JSONata, of JavaScript or of the definition itself', () => {
  test('name outputs, sets and items, read by name and by path', async () => {
    const steps = NAMES.flatMap((name, i) => [
      i % 2 === 0
        ? `  - { id: s${i}, service: s, method: /m, input: { i: ${i} }, output: ${name} }`
        : `  - { id: s${i}, set: { ${name}: { i: ${i} } } }`,
    ]);
    const input = NAMES.map((name, i) => `"k${i}": ["{{ .${name} }}", "{{ .${name}.i }}", "<{{ .${name}.i }}>"]`).join(', ');
    await open(file(`${steps.join('\n')}\n  - { id: last, service: s, method: /last, input: { ${input} } }\n`), {
      mock: ({ input: given }) => ok(given),
    });
    const run = await world.run();
    expect(run.error).toBeNull();
    expect(world.calls.at(-1)?.input).toEqual(Object.fromEntries(NAMES.map((_, i) => [`k${i}`, [{ i }, i, `<${i}>`]])));
    // Without an output of the file, all named outputs are the run's.
    const outputs = NAMES.filter((_, i) => i % 2 === 0);
    expect(Object.keys(run.output as object).sort()).toEqual(outputs.sort());
  });

  test('come out of the branches of a parallel block, and name the items of a foreach', async () => {
    const branches = NAMES.map((name, i) => `      - { id: b${i}, service: s, method: /m, input: { i: ${i} }, output: ${name} }`);
    const input = NAMES.map((name, i) => `"k${i}": "{{ .${name}.i }}"`).join(', ');
    await open(
      file(`  - id: p\n    parallel:\n${branches.join('\n')}\n  - { id: last, service: s, method: /last, input: { ${input} } }\n`),
      {
        mock: ({ input: given }) => ok(given),
      },
    );
    expect((await world.run()).error).toBeNull();
    expect(world.calls.at(-1)?.input).toEqual(Object.fromEntries(NAMES.map((_, i) => [`k${i}`, i])));
    await world.close();

    const loops = NAMES.map(
      (name, i) =>
        `  - { id: f${i}, foreach: "{{ [${i}] }}", as: ${name}, steps: [{ id: c${i}, service: s, method: /m, input: { v: "{{ .${name} }}", i: "{{ .index }}" }, compensate: { method: /undo, input: { v: "{{ .${name} }}" } } }] }`,
    );
    await open(file(`${loops.join('\n')}\n  - { id: bad, service: s, method: /bad }\n`), {
      mock: ({ step }) => (step === 'bad' ? rejected() : undefined),
    });
    expect((await world.run()).status).toBe('compensated');
    const done = world.calls.filter(({ step, kind }) => step !== 'bad' && kind === 'do').map(({ input: given }) => given);
    expect(done).toEqual(NAMES.map((_, i) => ({ v: i, i: 0 })));
    const undone = world.calls.filter(({ kind }) => kind === 'undo').map(({ input: given }) => given);
    expect(undone).toEqual(NAMES.map((_, i) => ({ v: i })).reverse());
  });
});

/** A text with everything that is a sign to somebody on the way. */
const HOSTILE = [
  '{% $states.input %}',
  ' {% 1 %} ',
  '{%',
  '%}',
  '${Step}',
  '${AWS::Region}',
  '$${x}',
  '$states.input',
  '$.a',
  'States.Format("x")',
  '"quoted" \'single\' `tick`',
  'back\\slash \\" \\n \\u0041',
  'line\u2028and\u2029paragraph',
  'new\nline\ttab\rreturn',
  '\u0000\u001f\u007f',
  '/* no comment */ // nor this',
  '😀 é \u{1F469}\u200D\u{1F469}',
  '\ud800 alone',
  '$late',
  '$stored',
  '__proto__',
  '',
];

describe('text of an author or of a service', () => {
  test('comes out as it was written, as a value and as a key, in inputs, outputs, sets, defaults and undos', async () => {
    const wellFormed = HOSTILE.filter((text) => text.isWellFormed() && !text.includes('\u007f'));
    const literal: Json = { list: wellFormed, keys: Object.fromEntries(wellFormed.map((text, i) => [`${text}${i}`, i])) };
    const yaml = JSON.stringify(literal);
    await open(
      file(
        `
  - { id: a, service: s, method: /a, input: ${yaml}, output: a, compensate: { method: /undo, input: { text: ${yaml}, own: "{{ .a }}", why: "{{ .error.message }}" } } }
  - { set: { kept: ${yaml} } }
  - { id: b, service: s, method: /b, on_error: continue, default: ${yaml}, output: b }
  - { id: c, service: s, method: /c, input: { kept: "{{ .kept }}", b: "{{ .b }}", a: "{{ .a }}", mixed: ${JSON.stringify(wellFormed.map((text) => `${text}{{ .input.one }}${text}`))} } }
  - { id: stop, when: "{{ .input.stop }}", fail: { error: Custom, message: ${JSON.stringify(wellFormed.join('|'))} } }
`,
        { kept: '{{ .kept }}', text: wellFormed },
      ),
      { mock: ({ step, kind }) => (step === 'b' ? rejected() : step === 'a' && kind === 'do' ? ok(literal) : undefined) },
    );
    const run = await world.run({ one: 1, stop: false });
    expect(run.status).toBe('completed');
    expect(run.output).toEqual({ kept: literal, text: wellFormed });
    expect(world.calls[0]?.input).toEqual(literal);
    expect(world.calls.at(-1)?.input).toEqual({
      kept: literal,
      b: literal,
      a: literal,
      mixed: wellFormed.map((text) => (text === '' ? 1 : `${text}1${text}`)),
    });

    const stopped = await world.end(await world.start({ one: 1, stop: true }));
    expect(stopped).toMatchObject({ status: 'compensated', error: { step: 'stop', error: 'Custom', message: wellFormed.join('|') } });
    expect(world.calls.at(-1)?.input).toEqual({ text: literal, own: literal, why: wellFormed.join('|') });
  });
});
