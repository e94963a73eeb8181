import { describe, expect, test } from 'vitest';
import { simulate } from '../../local/simulate/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { FUNCTIONS, parseWorkflow, type Workflow } from '../../shared/workflow/index.ts';
import { evaluateTemplate } from '../reference/evaluate.ts';

/** One or two of every JSON type; `missing` is added by leaving the key out. */
const VALUES: (Json | undefined)[] = [null, undefined, true, -1.5, 3, '', '12 ä', [], [1], ['a', null, [{ b: 2 }]], {}, { a: 1, b: 'x' }];

/** Pairs of values, every first with every second, and a third that goes around. */
const ITEMS: JsonObject[] = VALUES.flatMap((a, i) =>
  VALUES.map((b, n) => withoutMissing({ a, b, c: VALUES[(i * 5 + n * 7) % VALUES.length] })),
);

/** Every operator, and every function with as many arguments as it takes. `parse_json`, `now` and `uuid` have rules of their own. */
const OPERATORS = ['||', '&&', '==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '%'].map((op) => `.item.a ${op} .item.b`);
const OTHERS = [
  '!.item.a',
  '-.item.a',
  '.item.a ? .item.b : .item.c',
  '.item.a[.item.b]',
  '[.item.a, .item.b]',
  '{"k": .item.a, "__proto__": .item.b}',
  '.item.a.b.c',
  'len(.item.a) > 1 && .item.b',
];
const CALLS = [...FUNCTIONS]
  .filter(([name]) => !['parse_json', 'now', 'uuid'].includes(name))
  .flatMap(([name, { min, max }]) => {
    const counts = [...new Set([min, Math.min(max, 3)])];
    return counts.map((count) => `${name}(${['.item.a', '.item.b', '.item.c'].slice(0, count).join(', ')})`);
  });
const EXPRESSIONS = [...OPERATORS, ...OTHERS, ...CALLS];

const done = { outcome: { outcome: 'done' as const, value: null } };

describe('expressions are total', () => {
  test('the table has every operator and every function', () => {
    expect(OPERATORS).toHaveLength(13);
    expect(CALLS.length).toBeGreaterThanOrEqual(FUNCTIONS.size - 3);
    expect(ITEMS).toHaveLength(VALUES.length ** 2);
  });

  test.each(EXPRESSIONS)('%s in when, switch, set, input, method and compensate never ends a run outside its undo', async (expression) => {
    const workflow = parse({
      steps: [
        call('first', { compensate: { method: 'POST /undo' } }),
        {
          id: 'all',
          foreach: '{{ .input.items }}',
          concurrency: 40,
          steps: [
            { id: 'sets', set: { made: `{{ ${expression} }}` } },
            { id: 'asks', switch: [{ when: expression, steps: [{ id: 'in_case', set: { seen: '{{ .made }}' } }] }] },
            { id: 'names', when: expression, set: { named: `text {{ ${expression} }}` } },
            call('calls', {
              when: `{{ .index == 5 || ${expression} }}`,
              input: { x: `{{ ${expression} }}`, made: '{{ .made }}' },
              compensate: { method: 'POST /undo', input: { x: `{{ ${expression} }}` } },
            }),
          ],
        },
        { id: 'stop', fail: { error: 'OnPurpose', message: `{{ ${expression.replaceAll('.item.', '.input.one.')} }}` } },
      ],
    });
    const simulation = await simulate({ workflow, input: { items: ITEMS, one: ITEMS[17] ?? {} }, mock: () => done });
    const undone = simulation.calls.filter(({ kind }) => kind === 'undo').map(({ place }) => place);
    const called = simulation.calls.filter(({ kind }) => kind === 'do').map(({ place }) => place);
    expect(simulation.error).toMatchObject({ error: 'OnPurpose', step: 'stop' });
    expect(simulation.status).toBe('compensated');
    expect(undone).toEqual([...called].sort().reverse());
    expect(called.length).toBeGreaterThan(1);
  });

  test.each(EXPRESSIONS)('%s in output ends in completed, with the value that the language says', async (expression) => {
    const output = Object.fromEntries(ITEMS.map((_, i) => [`o${i}`, `{{ ${expression.replaceAll('.item.', `.input.i${i}.`)} }}`]));
    const workflow = parse({ steps: [call('first', { compensate: { method: 'POST /undo' } })], output });
    const input = Object.fromEntries(ITEMS.map((item, i) => [`i${i}`, item]));
    const simulation = await simulate({ workflow, input, mock: () => done });
    expect(simulation.status).toBe('completed');
    const { output: template } = workflow;
    expect(simulation.output).toEqual(template && evaluateTemplate(template, new Map<string, Json>([['input', input]])));
  });

  test.each(EXPRESSIONS)(
    '%s as a time to wait until, as a list and as text to parse fails its step at most, and the run is undone',
    async (expression) => {
      const workflow = parse({
        steps: [
          call('first', { compensate: { method: 'POST /undo' } }),
          {
            id: 'all',
            foreach: '{{ .input.items }}',
            concurrency: 40,
            on_error: 'continue',
            steps: [{ id: 'waits', until: `{{ ${expression} }}` }],
          },
          {
            id: 'lists',
            foreach: '{{ .input.few }}',
            concurrency: 40,
            on_error: 'continue',
            steps: [{ id: 'list', foreach: `{{ ${expression} }}`, steps: [{ id: 'set', set: { x: 1 } }] }],
          },
          {
            id: 'parses',
            foreach: '{{ .input.items }}',
            concurrency: 40,
            on_error: 'continue',
            steps: [{ id: 'parse', set: { parsed: `{{ parse_json(${expression}) }}` } }],
          },
          { id: 'stop', fail: { error: 'OnPurpose', message: 'stop' } },
        ],
      });
      const simulation = await simulate({ workflow, input: { items: ITEMS, few: ITEMS.filter((_, i) => i % 5 === 0) }, mock: () => done });
      expect(simulation.error).toMatchObject({ error: 'OnPurpose', step: 'stop' });
      expect(simulation.status).toBe('compensated');
      expect(simulation.calls.map(({ kind, step }) => `${kind} ${step}`)).toEqual(['do first', 'undo first']);
    },
  );
});

function call(id: string, more: JsonObject): JsonObject {
  return { id, service: 'east', method: `POST /${id}`, ...more };
}

function parse(more: JsonObject): Workflow {
  const file = {
    name: 'total',
    version: '1',
    timeout: '10h',
    services: { east: { type: 'http', endpoint: 'http://east.test', breaker: false } },
    ...more,
  };
  const { workflow, diagnostics } = parseWorkflow(JSON.stringify(file, null, 2), { file: 'total.yaml' });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (!workflow || errors.length > 0) throw new Error(errors.map(({ message, path }) => `${path}: ${message}`).join('\n'));
  return workflow;
}

function withoutMissing(object: { [key: string]: Json | undefined }): JsonObject {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(object)) if (value !== undefined) result[key] = value;
  return result;
}
